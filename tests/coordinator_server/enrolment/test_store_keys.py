"""The mesh's keys in the store: a new coordinator needs the passphrase alone, and nothing of them is on disk."""

from __future__ import annotations

import asyncio
import contextlib
import shutil
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from coordinator_server.backup import restore_backup, write_backup
from coordinator_server.enrolment import passphrase as strength
from coordinator_server.enrolment.mesh_keyring import KEY as CHAIN
from coordinator_server.enrolment.mesh_keyring import MeshKeyring
from coordinator_server.enrolment.passphrase import WEAKEST, Passphrase
from coordinator_server.enrolment.sealed_keys import KEY
from coordinator_server.enrolment.store_keys import StoreKeys, mesh_of, open_safe
from coordinator_server.keys import MESH_KEY_FILE, NEXT_KEY_FILE, MeshKeyFiles, load_or_make_secrets
from coordinator_server.store.interface import AuditLine, Store
from coordinator_server.store.sqlite import SqliteStore, open_sqlite
from node.program.errors import EXIT_USAGE, UserFacingError
from node.wire.problems import Problem
from tests.support.coordinators import coordinator_room

LINE = AuditLine(time=0.0, actor="admin", action="test")
GOOD, OTHER = Passphrase("six words that were drawn at random"), Passphrase("some quite other words, as many")
STEPS = 3


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(strength, "STRONGEST", WEAKEST)


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[SqliteStore]:
    store = await open_sqlite(tmp_path / "x.db")
    yield store
    await store.close()


async def keyring(store: Store, folder: Path, passphrase: Passphrase = GOOD) -> MeshKeyring:
    """Start a coordinator's keyring on a store and a data directory."""
    folder.mkdir(exist_ok=True)
    safe, mesh_key = await open_safe(store, passphrase, folder)
    made = MeshKeyring(store, load_or_make_secrets(folder, mesh_key=mesh_key), safe)
    await made.open()
    return made


async def step(ring: MeshKeyring) -> None:
    await (ring.begin(1.0, LINE) if ring.keys.phase == "steady" else ring.onwards(1.0, LINE))


def key_files(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.glob("mesh*.key"))


async def test_a_further_coordinator_starts_with_the_passphrase_and_no_file_of_another(
    store: SqliteStore, tmp_path: Path
) -> None:
    one, two = await keyring(store, tmp_path / "one"), await keyring(store, tmp_path / "two")
    assert one.keys == two.keys
    assert one.trust.verify(two.sign(b"x"), b"x")
    assert key_files(tmp_path / "one") == key_files(tmp_path / "two") == []


async def test_those_that_begin_a_mesh_at_once_have_one_key(store: SqliteStore, tmp_path: Path) -> None:
    rings = await asyncio.gather(*(keyring(store, tmp_path / str(number)) for number in range(4)))
    assert len({ring.keys.signing for ring in rings}) == 1
    assert all(ring.can_sign for ring in rings)


async def test_a_wrong_passphrase_is_one_clear_line(store: SqliteStore, tmp_path: Path) -> None:
    await keyring(store, tmp_path / "one")
    before = await store.get(KEY)
    (tmp_path / "p").write_text("q7-zx")
    with pytest.raises(UserFacingError) as caught:
        await keyring(store, tmp_path / "two", Passphrase(file=str(tmp_path / "p")))
    assert caught.value.exit_code == EXIT_USAGE
    text = str(caught.value)
    assert text.startswith("The mesh's keys cannot be opened: the passphrase in ") and "\n" not in text
    assert "keys reseal" in text
    assert str(tmp_path / "p") in text and "q7-zx" not in text
    assert await store.get(KEY) == before


async def test_without_the_passphrase_no_other_key_is_made(store: SqliteStore, tmp_path: Path) -> None:
    await keyring(store, tmp_path / "one")
    with pytest.raises(UserFacingError, match="under a passphrase, which is not given"):
        await keyring(store, tmp_path / "two", Passphrase())
    assert key_files(tmp_path / "two") == []


async def test_keys_in_files_are_sealed_and_then_removed(store: SqliteStore, tmp_path: Path) -> None:
    one = await keyring(store, tmp_path / "one", Passphrase())
    shutil.copytree(tmp_path / "one", tmp_path / "two")
    await step(one)
    shutil.copy(tmp_path / "one" / NEXT_KEY_FILE, tmp_path / "two")
    sealed = await keyring(store, tmp_path / "one")
    assert (sealed.keys, sealed.lacking, key_files(tmp_path / "one")) == (one.keys, "", [])
    again = await keyring(store, tmp_path / "two")
    assert (again.keys, again.lacking, key_files(tmp_path / "two")) == (one.keys, "", [])
    for _ in range(STEPS - 1):
        await step(again)
    assert again.keys.phase == "steady" and again.can_sign


async def test_a_file_of_another_mesh_is_neither_sealed_nor_removed(store: SqliteStore, tmp_path: Path) -> None:
    ring = await keyring(store, tmp_path / "one")
    (tmp_path / "two").mkdir()
    foreign = load_or_make_secrets(tmp_path / "two")
    assert (await keyring(store, tmp_path / "two")).keys == ring.keys
    assert key_files(tmp_path / "two") == [MESH_KEY_FILE]
    assert foreign.mesh_public_key not in await ring._safe.read()


async def test_a_mesh_in_files_elsewhere_gets_no_second_key(store: SqliteStore, tmp_path: Path) -> None:
    await keyring(store, tmp_path / "one", Passphrase())
    with pytest.raises(UserFacingError, match="neither sealed in this store nor in a file"):
        await keyring(store, tmp_path / "two")
    assert await store.get(KEY) is None


async def test_a_rotation_begun_by_one_is_gone_on_with_by_another(store: SqliteStore, tmp_path: Path) -> None:
    one, two = await keyring(store, tmp_path / "one"), await keyring(store, tmp_path / "two")
    old = one.keys.signing
    await step(one)
    del one
    for _ in range(STEPS - 1):
        await two.load()
        assert not two.lacking
        await step(two)
    assert two.keys.phase == "steady" and two.keys.signing != old
    late = await keyring(store, tmp_path / "late")
    assert late.trust.verify(late.sign(b"x"), b"x")
    assert old not in await late._safe.read(), "the old key is nowhere any more"
    entry = await store.get(KEY)
    assert entry is not None and entry.value.count(b"public_key") == 1


async def test_two_that_begin_at_once_hand_over_to_one_key(store: SqliteStore, tmp_path: Path) -> None:
    one, two = await keyring(store, tmp_path / "one"), await keyring(store, tmp_path / "two")
    done = await asyncio.gather(one.begin(1.0, LINE), two.begin(1.0, LINE))
    assert sorted(done) == [False, True]
    for ring in (one, two):
        await ring.load()
        assert (ring.keys.progress, ring.lacking) == (1, "")


async def test_files_and_passphrase_together(store: SqliteStore, tmp_path: Path) -> None:
    """One that has files begins: who has the passphrase is brought the next key in a file, once for all of them."""
    files = await keyring(store, tmp_path / "files", Passphrase())
    shutil.copytree(tmp_path / "files", tmp_path / "one")
    one, two = await keyring(store, tmp_path / "one"), await keyring(store, tmp_path / "two")
    await step(files)
    await one.load()
    assert str(tmp_path / "one" / NEXT_KEY_FILE) in one.lacking
    shutil.copy(tmp_path / "files" / NEXT_KEY_FILE, tmp_path / "one")
    for ring in (one, two):
        await ring.load()
        assert not ring.lacking
    assert key_files(tmp_path / "one") == []
    await step(two)
    await step(two)
    await files.load()
    assert files.can_sign and key_files(tmp_path / "files") == [MESH_KEY_FILE]
    await one.load()
    await step(one)
    await files.load()
    assert "keys unseal" in files.lacking


async def test_a_passphrase_that_was_changed_is_read_again(
    store: SqliteStore, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    file = tmp_path / "p"
    file.write_text(GOOD.given)
    ring = await keyring(store, tmp_path / "one", Passphrase(file=str(file)))
    other = StoreKeys(store, OTHER, tmp_path)
    write = await other._write(await ring._safe.read(), 0)
    assert write.value is not None
    await store.put(KEY, write.value)
    with pytest.raises(Problem, match="cannot be opened"):
        await ring.begin(1.0, LINE)
    assert ring.can_sign and ring.keys.progress == 0
    two = await keyring(store, tmp_path / "two", OTHER)
    await step(two)
    await ring.load()
    assert "cannot be opened" in ring.lacking and ring.can_sign
    assert "cannot be opened" in caplog.text
    file.write_text(OTHER.given)
    await ring.load()
    assert not ring.lacking
    await step(ring)
    assert ring.keys.phase == "replacing"


@pytest.mark.parametrize("value", [b"", b"{}", b"[]", b"\xff", b'{"derivation": {}, "keys": []}'])
async def test_what_is_damaged_is_said(store: SqliteStore, tmp_path: Path, value: bytes) -> None:
    await keyring(store, tmp_path / "c")
    await store.put(KEY, value)
    with pytest.raises(UserFacingError, match="cannot be used"):
        await keyring(store, tmp_path / "c")
    await store.put(CHAIN, value)
    with pytest.raises(UserFacingError, match="cannot be used"):
        await mesh_of(store)


async def test_a_safe_of_files_keeps_nothing_in_the_store(store: SqliteStore, tmp_path: Path) -> None:
    safe, key = await open_safe(store, Passphrase(), tmp_path)
    assert isinstance(safe, MeshKeyFiles) and key is None
    assert safe.directory == StoreKeys(store, GOOD, tmp_path).directory == tmp_path


async def test_a_backup_is_worth_nothing_without_the_passphrase_and_all_with_it(tmp_path: Path) -> None:
    settings: dict[str, Any] = {"key_passphrase": GOOD.given}
    async with coordinator_room(tmp_path / "c", **settings) as room:
        await room.worker("w-1")
        signing = room.coordinator.keyring.keys.signing
        await write_backup(room.coordinator.store, tmp_path / "c", tmp_path / "b.tar")
    assert key_files(tmp_path / "c") == []
    restore_backup(tmp_path / "b.tar", tmp_path / "new")
    mistakes: list[dict[str, Any]] = [{}, {"key_passphrase": OTHER.given}]
    for wrong in mistakes:
        with pytest.raises(UserFacingError, match=r"passphrase"):
            await contextlib.AsyncExitStack().enter_async_context(coordinator_room(tmp_path / "new", **wrong))
    async with coordinator_room(tmp_path / "new", **settings) as room:
        assert room.coordinator.keyring.keys.signing == signing
        assert room.coordinator.workers.get("w-1") is not None
        assert room.coordinator.overlay is not None and room.coordinator.overlay.office.signer
