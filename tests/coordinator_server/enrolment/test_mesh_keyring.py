"""The mesh's private keys: there before anything uses them, whole whenever it was killed, never the wrong one."""

from __future__ import annotations

import asyncio
import os
import shutil
import stat
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Network
from pathlib import Path
from typing import Any

import msgspec
import pytest

from coordinator_server.backup import restore_backup, write_backup
from coordinator_server.enrolment import passphrase as strength
from coordinator_server.enrolment.authorities import first, make_authority
from coordinator_server.enrolment.certificates import KEY as AUTHORITIES
from coordinator_server.enrolment.mesh_keyring import KEY, PLACES_KEY, MeshKeyring
from coordinator_server.enrolment.passphrase import WEAKEST
from coordinator_server.keys import MESH_KEY_FILE, NEXT_KEY_FILE, MeshKeyFiles, load_or_make_secrets
from coordinator_server.store.interface import AuditLine, Store, Write
from coordinator_server.store.sqlite import SqliteStore, open_sqlite
from node.program.data_dir import move_file, write_private_file
from node.program.errors import UserFacingError
from node.wire.encoding import fingerprint
from node.wire.problems import Problem
from tests.support.coordinators import coordinator_room

LINE = AuditLine(time=0.0, actor="admin", action="test")
STEPS = 3


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[SqliteStore]:
    store = await open_sqlite(tmp_path / "x.db")
    yield store
    await store.close()


async def keyring(store: Store, folder: Path) -> MeshKeyring:
    """Start a coordinator's keyring on a store and a data directory."""
    folder.mkdir(exist_ok=True)
    made = MeshKeyring(store, load_or_make_secrets(folder), MeshKeyFiles(folder))
    await made.open()
    return made


async def step(ring: MeshKeyring) -> None:
    if ring.keys.phase == "steady":
        assert await ring.begin(1.0, LINE)
    else:
        assert await ring.onwards(1.0, LINE)


async def test_a_rotation_leaves_one_private_file_with_the_new_key(store: SqliteStore, tmp_path: Path) -> None:
    ring = await keyring(store, tmp_path / "c")
    old = (tmp_path / "c" / MESH_KEY_FILE).read_text()
    heard: list[int] = []
    ring.changed = lambda: heard.append(ring.keys.progress)
    signatures = []
    for _ in range(STEPS):
        await step(ring)
        signatures.append(ring.trust.verify(ring.sign(b"x"), b"x") == fingerprint(ring.keys.founding))
        files = sorted((tmp_path / "c").glob("mesh*.key"))
        if os.name == "posix":
            assert {stat.S_IMODE(path.stat().st_mode) for path in files} == {0o600}
    assert signatures == [True, False, False]
    assert heard == [1, 2, 3]
    assert [path.name for path in files] == [MESH_KEY_FILE]
    assert files[0].read_text() != old
    assert (await keyring(store, tmp_path / "c")).keys == ring.keys


async def test_a_store_that_has_never_heard_of_rotations_works_as_before(
    store: SqliteStore, tmp_path: Path
) -> None:
    ring = await keyring(store, tmp_path / "c")
    assert await store.get(KEY) is None
    assert (ring.chain, ring.keys.progress, ring.lacking) == (None, 0, "")
    (tmp_path / "c" / MESH_KEY_FILE).unlink()
    with pytest.raises(UserFacingError, match="not the one that this store was made with"):
        await keyring(store, tmp_path / "c")


async def test_a_coordinator_without_the_new_key_refuses_to_sign_and_says_what_to_copy(
    store: SqliteStore, tmp_path: Path
) -> None:
    one = await keyring(store, tmp_path / "one")
    (tmp_path / "two").mkdir()
    shutil.copy(tmp_path / "one" / MESH_KEY_FILE, tmp_path / "two")
    two = await keyring(store, tmp_path / "two")
    await step(one)
    await two.load()
    assert two.keys == one.keys and NEXT_KEY_FILE in two.lacking
    assert one.trust.verify(two.sign(b"x"), b"x"), "the old key signs yet"
    with pytest.raises(Problem, match="number 1"):
        await two.onwards(1.0, LINE)

    await step(one)
    await two.load()
    with pytest.raises(Problem) as refused:
        two.sign(b"x")
    assert refused.value.kind == "no-signing-key"
    with pytest.raises(Problem, match="lacks the mesh's key number 1"):
        two.private_bytes_raw()
    with pytest.raises(UserFacingError, match="cannot sign") as caught:
        await keyring(store, tmp_path / "two")
    assert str(tmp_path / "two" / NEXT_KEY_FILE) in str(caught.value)

    shutil.copy(tmp_path / "one" / NEXT_KEY_FILE, tmp_path / "two")
    await two.load()
    assert one.trust.verify(two.sign(b"x"), b"x") and not two.lacking
    await step(one)
    await two.load()
    assert not (tmp_path / "two" / NEXT_KEY_FILE).exists()
    assert (await keyring(store, tmp_path / "two")).keys.progress == STEPS


async def test_a_file_with_another_key_is_none(store: SqliteStore, tmp_path: Path) -> None:
    ring = await keyring(store, tmp_path / "c")
    for _ in range(2):
        await step(ring)
    load_or_make_secrets(_made(tmp_path / "other"))
    shutil.copy(tmp_path / "other" / MESH_KEY_FILE, tmp_path / "c" / NEXT_KEY_FILE)
    with pytest.raises(UserFacingError, match="cannot sign"):
        await keyring(store, tmp_path / "c")


async def test_two_that_begin_at_once_hand_over_to_one_key(store: SqliteStore, tmp_path: Path) -> None:
    one = await keyring(store, tmp_path / "one")
    shutil.copytree(tmp_path / "one", tmp_path / "two")
    two = await keyring(store, tmp_path / "two")
    done = await asyncio.gather(one.begin(1.0, LINE), two.begin(1.0, LINE))
    assert sorted(done) == [False, True]
    await one.load()
    await two.load()
    assert one.keys == two.keys and one.keys.progress == 1
    assert sorted(bool(ring.lacking) for ring in (one, two)) == [False, True]


async def test_who_comes_second_finds_what_the_first_one_has_sealed(store: SqliteStore, tmp_path: Path) -> None:
    one = await keyring(store, tmp_path / "one")
    authority = make_authority("mesh", IPv4Network("10.42.0.0/16"), 1e9, one)
    await store.put(AUTHORITIES, msgspec.json.encode(first(authority, 1.0)))
    await step(one)
    shutil.copytree(tmp_path / "one", tmp_path / "two")
    two = await keyring(store, tmp_path / "two")
    await step(one)
    assert not await two.onwards(1.0, LINE), "another one was quicker"
    assert two.keys == one.keys
    await store.put(AUTHORITIES, msgspec.json.encode(first(authority, 1.0)))
    await step(two)
    await step(two)
    with pytest.raises(Problem, match="cannot be opened with the old key"):
        await two.onwards(1.0, LINE)


@pytest.mark.parametrize("value", [b"", b"{}", b"[]", b"\xff", b'{"chain": {"founding": "AAAA"}, "since": 1}'])
async def test_keys_in_the_store_that_cannot_be_read_are_said(
    store: SqliteStore, tmp_path: Path, value: bytes
) -> None:
    await keyring(store, tmp_path / "c")
    await store.put(KEY, value)
    with pytest.raises(UserFacingError, match="cannot be used"):
        await keyring(store, tmp_path / "c")


@pytest.mark.parametrize("row", [b"?", b'{"x":' + b"[" * 5000], ids=["garbage", "nested"])
async def test_places_in_the_store_that_cannot_be_read_are_said(
    store: SqliteStore, tmp_path: Path, row: bytes
) -> None:
    await step(await keyring(store, tmp_path / "c"))
    await store.put(PLACES_KEY, row)
    with pytest.raises(UserFacingError, match="cannot be used") as caught:
        await keyring(store, tmp_path / "c")
    assert repr(PLACES_KEY) in str(caught.value)


async def test_another_meshs_keys_in_the_store_are_refused(store: SqliteStore, tmp_path: Path) -> None:
    foreign_store = await open_sqlite(tmp_path / "foreign.db")
    foreign = await keyring(foreign_store, tmp_path / "foreign")
    await step(foreign)
    entry = await foreign_store.get(KEY)
    await foreign_store.close()
    assert entry is not None
    await keyring(store, tmp_path / "c")
    await store.put(KEY, entry.value)
    with pytest.raises(UserFacingError, match="another mesh's"):
        await keyring(store, tmp_path / "c")


# --- killed ---------------------------------------------------------------------------------------------------


class Killed(BaseException):
    """The process ends here."""


@dataclass
class Assassin:
    """Kills at one of the moments just before and just after something becomes durable; counts them."""

    at: int
    moments: int = 0

    def strike(self) -> None:
        self.moments += 1
        if self.moments - 1 == self.at:
            raise Killed

    def around(self, work: Callable[..., None]) -> Callable[..., None]:
        def watched(*arguments: object) -> None:
            self.strike()
            work(*arguments)
            self.strike()

        return watched


async def rotate_until_killed(
    folder: Path, assassin: Assassin, monkeypatch: pytest.MonkeyPatch, **settings: Any
) -> bool:
    """Rotate with all that the coordinator does; say whether it was killed."""
    async with coordinator_room(folder, **settings) as room:
        rotation, store = room.coordinator.key_rotation, room.coordinator.store
        commit, rotating = store.commit, asyncio.current_task()

        async def watched(writes: Sequence[Write], audit: Sequence[AuditLine] = ()) -> bool:
            if asyncio.current_task() is not rotating:  # what runs along writes, too
                return await commit(writes, audit)
            assassin.strike()
            done = await commit(writes, audit)
            assassin.strike()
            return done

        with monkeypatch.context() as patch:
            patch.setattr("coordinator_server.keys.write_private_file", assassin.around(write_private_file))
            patch.setattr("coordinator_server.keys.move_file", assassin.around(move_file))
            patch.setattr(type(store), "commit", lambda _store, writes, audit=(): watched(writes, audit))
            try:
                for _ in range(STEPS):
                    await rotation.rotate(force=True)
            except Killed:
                return True
    return False


@pytest.mark.parametrize("passphrase", ["", "six words that were drawn at random"])
async def test_killed_at_any_moment_it_starts_again_and_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, passphrase: str
) -> None:
    monkeypatch.setattr(strength, "STRONGEST", WEAKEST)
    settings: dict[str, Any] = {"key_passphrase": passphrase}
    seen: set[int] = set()
    for moment in range(100):
        folder = tmp_path / str(moment)
        async with coordinator_room(folder, **settings) as room:
            worker = await room.worker("w-1")
            founding = room.coordinator.keyring.keys
        killed = await rotate_until_killed(folder, Assassin(moment), monkeypatch, **settings)
        async with coordinator_room(folder, **settings) as again:
            keyring, overlay = again.coordinator.keyring, again.coordinator.overlay
            seen.add(keyring.keys.progress)
            assert keyring.trust.verify(keyring.sign(b"x"), b"x") == fingerprint(keyring.keys.signing)
            assert not keyring.lacking
            assert founding.follow(keyring.keys.chain) == keyring.keys
            assert overlay is not None and overlay.office.signer, "its authority can be opened"
            worker.url, worker.session = again.url, again.session
            assert (await worker.say("renew")).status == 200
            while keyring.keys.progress < STEPS:
                await again.coordinator.key_rotation.rotate(force=True)
            assert overlay.office.signer
        assert [path.name for path in folder.glob("mesh*.key")] == ([] if passphrase else [MESH_KEY_FILE])
        if not killed:
            break
    assert seen == {0, 1, 2, 3}
    assert moment >= (6 if passphrase else 10), "there were that many moments"


async def test_a_backup_of_any_step_comes_back_and_goes_on(tmp_path: Path) -> None:
    async with coordinator_room(tmp_path / "c") as room:
        for number in range(STEPS + 1):
            await write_backup(room.coordinator.store, tmp_path / "c", tmp_path / f"{number}.tar")
            if number < STEPS:
                await room.coordinator.key_rotation.rotate(force=True)
    for number in range(STEPS + 1):
        folder = tmp_path / f"restored-{number}"
        restore_backup(tmp_path / f"{number}.tar", folder)
        async with coordinator_room(folder, room.clock) as again:
            assert again.coordinator.keyring.keys.progress == number
            while again.coordinator.keyring.keys.progress < STEPS:
                await again.coordinator.key_rotation.rotate(force=True)
            assert again.coordinator.overlay is not None and again.coordinator.overlay.office.signer


async def test_restoring_sets_a_leftover_of_a_later_rotation_aside(tmp_path: Path) -> None:
    async with coordinator_room(tmp_path / "c") as room:
        await write_backup(room.coordinator.store, tmp_path / "c", tmp_path / "early.tar")
        await room.coordinator.key_rotation.rotate(force=True)
    kept = restore_backup(tmp_path / "early.tar", tmp_path / "c")
    assert kept is not None and (kept / NEXT_KEY_FILE).exists()
    assert not (tmp_path / "c" / NEXT_KEY_FILE).exists()
    async with coordinator_room(tmp_path / "c", room.clock) as again:
        assert again.coordinator.keyring.keys.progress == 0


async def test_what_the_old_key_sealed_only_the_new_one_opens(tmp_path: Path) -> None:
    async with coordinator_room(tmp_path / "c") as room:
        keyring, overlay, store = room.coordinator.keyring, room.coordinator.overlay, room.coordinator.store
        assert overlay is not None
        authority, sealed = overlay.office.signer.authority, await store.get(AUTHORITIES)
        await room.coordinator.key_rotation.rotate(force=True)
        assert await store.get(AUTHORITIES) == sealed, "the old key signs and opens yet"
        await room.coordinator.key_rotation.rotate(force=True)
        assert await store.get(AUTHORITIES) != sealed
        assert overlay.office.signer.authority == authority, "nobody needs another certificate"
        await overlay.rotate(force=True)
        assert keyring.can_sign


def _made(folder: Path) -> Path:
    folder.mkdir()
    return folder
