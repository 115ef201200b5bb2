"""Verifying the logs of real coordinators: in backups, across restarts, restores, moves and rotations."""

from __future__ import annotations

import contextlib
import shutil
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from coordinator_server.backup import restore_backup, write_backup
from coordinator_server.config import CoordinatorConfig
from coordinator_server.keys import MESH_KEY_FILE
from coordinator_server.migrate import migrate
from coordinator_server.seals.checking import Finding, parse_mark
from coordinator_server.seals.verifying import verify, verify_backup
from coordinator_server.store.sqlite import FILE_NAME
from node.program.errors import UserFacingError
from node.wire.encoding import fingerprint
from tests.support.coordinators import Room, coordinator_room
from tests.support.etcd import Cluster, etcd_cluster
from tests.support.waiting import eventually


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    with etcd_cluster() as cluster:
        yield cluster


async def looked_at(room: Room, mark: str = "") -> Finding:
    expected = parse_mark(mark) if mark else None
    coordinator = room.coordinator
    return await verify(coordinator.store, coordinator.keyring.keys, coordinator.clock, expected)


async def sealed(room: Room) -> Finding:
    await eventually(lambda: room.coordinator.together.leads, "it is elected")
    await room.coordinator.sealer.tick()
    found = await looked_at(room)
    assert found.holds, found.text
    assert found.unsealed == 0
    return found


@contextlib.contextmanager
def meddling(database: Path) -> Iterator[sqlite3.Connection]:
    """Change a database behind the coordinator's back, whatever its triggers say."""
    with contextlib.closing(sqlite3.connect(database)) as connection:
        connection.execute("DROP TRIGGER audit_is_kept")
        connection.execute("DROP TRIGGER audit_is_true")
        yield connection
        connection.commit()


async def test_a_log_holds_through_restart_backup_restore_and_what_is_done_to_it_is_found(tmp_path: Path) -> None:
    folder, backup = tmp_path / "a", tmp_path / "backup.tar"
    async with coordinator_room(folder) as room:
        await room.worker("w-1")
        mark = (await sealed(room)).mark
        await write_backup(room.coordinator.store, folder, backup)
        await room.worker("w-2")
        clock = room.clock
    async with coordinator_room(folder, clock) as room:
        found = await looked_at(room, mark)
        assert (found.holds, found.unsealed) == (True, 0), "what was new was sealed at the end"
        longer = (await sealed(room)).mark
    kept = await verify_backup(backup, parse_mark(mark))
    assert (kept.holds, kept.mark) == (True, mark)
    lost = await verify_backup(backup, parse_mark(longer))
    assert (lost.holds, lost.line) == (False, kept.lines + 1)

    database = tmp_path / "spoilt" / FILE_NAME
    shutil.copytree(folder, database.parent)
    assert (await verify_backup(database, parse_mark(longer))).holds, "a database that nobody uses"
    with meddling(database) as connection:
        connection.execute("UPDATE audit SET subject = 'w-9' WHERE number = 2")
    assert (await verify_backup(database)).line == 2
    with meddling_again(database) as connection:
        connection.execute("DELETE FROM audit WHERE number > 2")
    assert not (await verify_backup(database)).holds

    restore_backup(backup, folder)
    async with coordinator_room(folder, clock) as room:
        assert (await looked_at(room, mark)).holds
        assert not (await looked_at(room, longer)).holds, "what the restore has taken back is missed"
        await room.worker("w-3")
        assert (await sealed(room)).holds


@contextlib.contextmanager
def meddling_again(database: Path) -> Iterator[sqlite3.Connection]:
    with contextlib.closing(sqlite3.connect(database)) as connection:
        yield connection
        connection.commit()


async def test_a_rotated_mesh_key_leaves_what_was_sealed_before_good(tmp_path: Path) -> None:
    folder = tmp_path / "a"
    async with coordinator_room(folder) as room:
        await room.worker("w-1")
        mark = (await sealed(room)).mark
        for _ in range(3):
            await room.coordinator.key_rotation.rotate(force=True)
        assert room.coordinator.keyring.keys.phase == "steady"
        assert room.coordinator.keyring.keys.number == 1
        await room.worker("w-2")
        await sealed(room)
        assert (await looked_at(room, mark)).holds
        await write_backup(room.coordinator.store, folder, tmp_path / "b.tar")
    assert (await verify_backup(tmp_path / "b.tar", parse_mark(mark))).holds


async def test_another_mesh_cannot_pass_for_this_one(tmp_path: Path) -> None:
    for name in ("a", "b"):
        async with coordinator_room(tmp_path / name) as room:
            await room.worker("w-1")
            await sealed(room)
    shutil.copy2(tmp_path / "b" / FILE_NAME, tmp_path / "a" / FILE_NAME)
    assert (tmp_path / "a" / MESH_KEY_FILE).exists()
    with pytest.raises(UserFacingError, match="cannot be verified"):
        await verify_backup(tmp_path / "a" / FILE_NAME)


async def test_whose_log_a_file_is_its_fingerprint_tells(tmp_path: Path) -> None:
    found = []
    for name in ("ours", "forged"):
        async with coordinator_room(tmp_path / name) as room:
            await room.worker("w-1")
            found.append(await sealed(room))
            await write_backup(room.coordinator.store, tmp_path / name, tmp_path / f"{name}.tar")
            own = fingerprint(room.coordinator.keyring.keys.signing).hex()
        kept = await verify_backup(tmp_path / f"{name}.tar")
        assert kept.holds, "a log that somebody has sealed with keys of his own is whole"
        assert kept.mesh == found[-1].mesh == own
    assert found[0].mesh != found[1].mesh


async def test_what_is_no_backup_is_said_so(tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(b"SQLite format 3\x00 and no more")
    (tmp_path / "y").write_bytes(b"nothing")
    for name in ("x", "y", "z"):
        with pytest.raises(UserFacingError):
            await verify_backup(tmp_path / name)


@pytest.mark.needs("etcd")
async def test_seals_move_to_etcd_and_hold_there_and_in_its_backup(cluster: Cluster, tmp_path: Path) -> None:
    folder = tmp_path / "a"
    async with coordinator_room(folder) as room:
        await room.worker("w-1")
        mark = (await sealed(room)).mark
        clock = room.clock
    address = str(cluster.address())
    await migrate(
        CoordinatorConfig(data_dir=str(folder)),
        CoordinatorConfig(data_dir=str(folder), store=address),
        agreed=lambda _: False,
        tell=lambda *_: None,
    )
    async with coordinator_room(folder, clock, store=address) as room:
        await room.worker("w-2")
        await sealed(room)
        assert (await looked_at(room, mark)).holds
        await write_backup(room.coordinator.store, folder, tmp_path / "b.tar")
        found = await verify_backup(tmp_path / "b.tar", parse_mark(mark))
        assert found.holds, found.text
