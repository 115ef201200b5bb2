"""Another passphrase, and the way back to files: at any time, and without any coordinator noticing."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from coordinator_server.audit import Audit
from coordinator_server.enrolment import passphrase as strength
from coordinator_server.enrolment.passphrase import WEAKEST, Passphrase
from coordinator_server.enrolment.resealing import reseal, unseal
from coordinator_server.enrolment.sealed_keys import KEY
from coordinator_server.keys import MESH_KEY_FILE, NEXT_KEY_FILE
from node.program.errors import UserFacingError
from tests.support.coordinators import Room, coordinator_room

OLD, NEW, NONE = (
    Passphrase("six words that were drawn at random"),
    Passphrase("other words, drawn later"),
    Passphrase(),
)


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(strength, "STRONGEST", WEAKEST)


@pytest.fixture
async def room(tmp_path: Path) -> AsyncIterator[Room]:
    async with coordinator_room(tmp_path / "c", key_passphrase=OLD.given) as room:
        yield room


def audit(room: Room) -> Audit:
    return room.coordinator.audit


async def starts(folder: Path, passphrase: Passphrase, *steps: str) -> None:
    """Start a coordinator on a data directory, and have it take these steps of a rotation."""
    async with coordinator_room(folder, key_passphrase=passphrase.given) as room:
        for phase in steps:
            await room.coordinator.key_rotation.rotate(force=True)
            assert room.coordinator.keyring.keys.phase == phase
        assert room.coordinator.keyring.can_sign and not room.coordinator.keyring.lacking


async def test_another_passphrase_opens_all_keys_and_the_old_one_none(room: Room, tmp_path: Path) -> None:
    store = room.coordinator.store
    await room.coordinator.key_rotation.rotate(force=True)
    with pytest.raises(UserFacingError, match="cannot be opened"):
        await reseal(store, NEW, OLD, audit(room))
    done = await reseal(store, OLD, NEW, audit(room))
    assert (done.keys, done.memory) == (2, WEAKEST * 1024)
    assert room.coordinator.keyring.can_sign, "who runs serves on"
    assert "mesh-keys-resealed" in await room.actions()
    with pytest.raises(UserFacingError, match="cannot be opened"):
        await reseal(store, OLD, NEW, audit(room))
    await room.coordinator.key_rotation.rotate(force=True)
    await room.coordinator.key_rotation.rotate(force=True)
    assert room.coordinator.keyring.keys.phase == "steady"
    await starts_in_its_place(room, tmp_path / "again", NEW)


async def starts_in_its_place(room: Room, folder: Path, passphrase: Passphrase) -> None:
    """Start another one on the same store."""
    folder.mkdir()
    (folder / "coordinator.db").symlink_to(room.coordinator.config.directory / "coordinator.db")
    await starts(folder, passphrase)


async def test_back_to_files_in_the_middle_of_a_rotation_and_to_the_passphrase_again(tmp_path: Path) -> None:
    folder = tmp_path / "c"
    await starts(folder, OLD, "spreading")
    async with coordinator_room(folder, key_passphrase=OLD.given) as room:
        store = room.coordinator.store
        with pytest.raises(UserFacingError, match="cannot be opened"):
            await unseal(store, NEW, folder, audit(room), remove=True)
        assert await unseal(store, OLD, folder, audit(room), remove=False) == (MESH_KEY_FILE, NEXT_KEY_FILE)
        assert await store.get(KEY) is not None
        await unseal(store, OLD, folder, audit(room), remove=True)
        assert await store.get(KEY) is None
        with pytest.raises(UserFacingError, match="No keys are sealed"):
            await unseal(store, OLD, folder, audit(room), remove=True)
        with pytest.raises(UserFacingError, match="No keys are sealed"):
            await reseal(store, OLD, NEW, audit(room))
    await starts(folder, NONE, "replacing", "steady")
    await starts(folder, NEW, "spreading", "replacing", "steady")
    assert not list(folder.glob("mesh*.key"))


async def test_a_stranger_key_in_the_way_is_not_written_over(room: Room, tmp_path: Path) -> None:
    async with coordinator_room(tmp_path / "other"):
        pass
    kept = (tmp_path / "other" / MESH_KEY_FILE).read_bytes()
    with pytest.raises(UserFacingError, match="not one of this mesh"):
        await unseal(room.coordinator.store, OLD, tmp_path / "other", audit(room), remove=True)
    assert (tmp_path / "other" / MESH_KEY_FILE).read_bytes() == kept
    assert await room.coordinator.store.get(KEY) is not None


async def test_one_that_runs_seals_again_what_was_removed_before_it_rotates(room: Room, tmp_path: Path) -> None:
    await unseal(room.coordinator.store, OLD, tmp_path, audit(room), remove=True)
    await room.coordinator.key_rotation.rotate(force=True)
    assert await room.coordinator.store.get(KEY) is not None
    assert not room.coordinator.keyring.lacking
