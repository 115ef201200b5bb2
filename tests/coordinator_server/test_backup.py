"""Backups: whole, checked before anything is replaced, and what was there is kept."""

from __future__ import annotations

import argparse
import contextlib
import errno
import io
import shutil
import sqlite3
import stat
import tarfile
import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest

from coordinator_server import backup
from coordinator_server.admin_client import PROGRAM
from coordinator_server.backup import SPARE, restore_backup, staging_place, write_backup
from coordinator_server.keys import MESH_KEY_FILE, SECRET_FILES, load_or_make_secrets
from coordinator_server.operation.starting import UNFINISHED
from coordinator_server.store.sqlite import FILE_NAME, open_sqlite
from node.program.data_dir import hold_data_dir, move_file
from node.program.errors import EXIT_IN_USE, UserFacingError
from tests.support.coordinators import coordinator_room


async def make(folder: Path, value: bytes) -> bytes:
    """Make a data directory with a value in its store; return its mesh key."""
    folder.mkdir(exist_ok=True)
    secrets = load_or_make_secrets(folder)
    store = await open_sqlite(folder / FILE_NAME)
    await store.put("note", value)
    await write_backup(store, folder, folder.with_suffix(".tar"))
    await store.close()
    return secrets.mesh_public_key


async def read(folder: Path) -> bytes | None:
    store = await open_sqlite(folder / FILE_NAME)
    entry = await store.get("note")
    await store.close()
    return entry.value if entry else None


async def test_a_backup_goes_into_an_empty_directory(tmp_path: Path) -> None:
    key = await make(tmp_path / "old", b"precious")
    assert restore_backup(tmp_path / "old.tar", tmp_path / "new") is None
    assert await read(tmp_path / "new") == b"precious"
    assert load_or_make_secrets(tmp_path / "new").mesh_public_key == key
    for name in (*SECRET_FILES, FILE_NAME):
        assert stat.S_IMODE((tmp_path / "new" / name).stat().st_mode) == 0o600


async def test_the_overlays_authority_comes_back_with_it(tmp_path: Path) -> None:
    async with coordinator_room(tmp_path / "old") as room:
        assert room.coordinator.overlay is not None
        authority = room.coordinator.overlay.office.signer.authority
        await write_backup(room.coordinator.store, tmp_path / "old", tmp_path / "old.tar")
    restore_backup(tmp_path / "old.tar", tmp_path / "new")
    async with coordinator_room(tmp_path / "new", room.clock) as again:
        assert again.coordinator.overlay is not None
        assert again.coordinator.overlay.office.signer.authority == authority


async def test_what_was_there_is_kept_beside_it(tmp_path: Path) -> None:
    old_key = await make(tmp_path / "old", b"precious")
    new_key = await make(tmp_path / "new", b"newer")
    kept = restore_backup(tmp_path / "old.tar", tmp_path / "new")
    assert kept is not None
    assert (await read(tmp_path / "new"), await read(kept)) == (b"precious", b"newer")
    assert load_or_make_secrets(tmp_path / "new").mesh_public_key == old_key
    assert load_or_make_secrets(kept).mesh_public_key == new_key


async def test_the_backup_is_private(tmp_path: Path) -> None:
    await make(tmp_path / "old", b"precious")
    assert stat.S_IMODE((tmp_path / "old.tar").stat().st_mode) == 0o600


async def test_a_running_coordinators_directory_is_left_alone(tmp_path: Path) -> None:
    await make(tmp_path / "old", b"precious")
    with hold_data_dir(tmp_path / "new", PROGRAM), pytest.raises(UserFacingError) as caught:
        restore_backup(tmp_path / "old.tar", tmp_path / "new")
    assert caught.value.exit_code == EXIT_IN_USE


def cut_off(good: bytes) -> bytes:
    return good[: len(good) // 2]


def garbage(_: bytes) -> bytes:
    return b"this is no tar file" * 100


def empty(_: bytes) -> bytes:
    return b""


def without(name: str) -> Callable[[bytes], bytes]:
    def change(good: bytes) -> bytes:
        return rewrite(good, {name: None})

    return change


def damaged(good: bytes) -> bytes:
    return rewrite(good, {FILE_NAME: b"SQLite format 3\x00" + b"\xff" * 9000})


def another_database(good: bytes) -> bytes:
    with contextlib.closing(sqlite3.connect(":memory:")) as connection:
        connection.execute("CREATE TABLE holiday_photos (x)")
        return rewrite(good, {FILE_NAME: connection.serialize()})


def giant_key(good: bytes) -> bytes:
    return rewrite(good, {MESH_KEY_FILE: b"x" * 10_000})


def rewrite(good: bytes, changes: dict[str, bytes | None]) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=io.BytesIO(good)) as source, tarfile.open(fileobj=out, mode="w") as target:
        for member in source:
            file = source.extractfile(member)
            assert file is not None
            data = changes.get(member.name, file.read())
            if data is not None:
                member.size = len(data)
                target.addfile(member, io.BytesIO(data))
    return out.getvalue()


@pytest.mark.parametrize(
    "spoil",
    [cut_off, garbage, empty, without(FILE_NAME), without(MESH_KEY_FILE), damaged, another_database, giant_key],
)
async def test_what_is_no_whole_backup_changes_nothing(tmp_path: Path, spoil: Callable[[bytes], bytes]) -> None:
    await make(tmp_path / "old", b"precious")
    await make(tmp_path / "new", b"newer")
    spoilt = tmp_path / "spoilt.tar"
    spoilt.write_bytes(spoil((tmp_path / "old.tar").read_bytes()))
    with pytest.raises(UserFacingError, match="not a backup"):
        restore_backup(spoilt, tmp_path / "new")
    assert await read(tmp_path / "new") == b"newer"
    assert not list((tmp_path / "new").glob(".restore-*"))


async def test_a_backup_of_a_newer_version_changes_nothing(tmp_path: Path) -> None:
    await make(tmp_path / "old", b"precious")
    await make(tmp_path / "new", b"newer")
    with contextlib.closing(sqlite3.connect(tmp_path / "old" / FILE_NAME)) as connection:
        connection.execute("PRAGMA user_version = 1000")
        connection.execute("PRAGMA journal_mode = DELETE")
    good = (tmp_path / "old.tar").read_bytes()
    spoilt = tmp_path / "spoilt.tar"
    spoilt.write_bytes(rewrite(good, {FILE_NAME: (tmp_path / "old" / FILE_NAME).read_bytes()}))
    with pytest.raises(UserFacingError, match="newer version"):
        restore_backup(spoilt, tmp_path / "new")
    assert await read(tmp_path / "new") == b"newer"


async def test_a_restore_that_was_cut_off_says_so_until_it_is_done_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await make(tmp_path / "old", b"precious")
    await make(tmp_path / "new", b"newer")

    def cut_off(source: Path, target: Path) -> None:
        if source.name != MESH_KEY_FILE:
            raise KeyboardInterrupt
        move_file(source, target)

    with monkeypatch.context() as patched:
        patched.setattr(backup, "move_file", cut_off)
        with pytest.raises(KeyboardInterrupt):
            restore_backup(tmp_path / "old.tar", tmp_path / "new")
    assert (tmp_path / "new" / UNFINISHED).exists()
    (kept,) = (tmp_path / "new").glob("before-restore-*")
    assert await read(kept) == b"newer"
    restore_backup(tmp_path / "old.tar", tmp_path / "new")
    assert not (tmp_path / "new" / UNFINISHED).exists()
    assert await read(tmp_path / "new") == b"precious"


async def test_members_with_paths_and_links_are_not_unpacked(tmp_path: Path) -> None:
    await make(tmp_path / "old", b"precious")
    hostile = tmp_path / "hostile.tar"
    with tarfile.open(hostile, "w") as archive:
        for name in ("../escaped", "/absolute", "extra"):
            info = tarfile.TarInfo(name)
            info.size = 1
            archive.addfile(info, io.BytesIO(b"x"))
        link = tarfile.TarInfo(MESH_KEY_FILE)
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/hostname"
        archive.addfile(link)
        with tarfile.open(tmp_path / "old.tar") as good:
            member = good.getmember(FILE_NAME)
            archive.addfile(member, good.extractfile(member))
    with pytest.raises(UserFacingError, match="mesh key"):
        restore_backup(hostile, tmp_path / "new")
    assert not (tmp_path / "escaped").exists()
    assert not (tmp_path / "new" / "extra").exists()


def test_a_file_that_is_not_there_is_said_so(tmp_path: Path) -> None:
    with pytest.raises(UserFacingError, match="No such file"):
        restore_backup(tmp_path / "nothing.tar", tmp_path / "new")


def test_where_its_disk_is_full_a_backup_is_made_elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / FILE_NAME).write_bytes(bytes(1000))
    other, temporary = tmp_path / "memory", tmp_path / "temporary"
    free = {tmp_path: SPARE + 3000, other: SPARE + 3000, temporary: SPARE + 3000}
    for place in (other, temporary):
        place.mkdir()

    def disk_usage(place: Path) -> argparse.Namespace:
        return argparse.Namespace(free=free[place])

    monkeypatch.setattr(backup, "MEMORY", other)
    monkeypatch.setattr(tempfile, "tempdir", str(temporary))
    monkeypatch.setattr(shutil, "disk_usage", disk_usage)
    for place in (tmp_path, other, temporary):
        assert staging_place(tmp_path) == place
        free[place] -= 1
    assert staging_place(tmp_path) == tmp_path, "which then says what is missing"


async def test_a_disk_that_is_full_is_said_with_where_to_make_room(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await make(tmp_path / "old", b"precious")

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(shutil, "copyfileobj", full)
    with pytest.raises(UserFacingError, match="nothing was changed") as caught:
        restore_backup(tmp_path / "old.tar", tmp_path / "new")
    assert caught.value.hint == f"Make room in {tmp_path / 'new'}."
