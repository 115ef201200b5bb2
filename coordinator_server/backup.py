"""A backup is one tar file: a consistent copy of the database and the secrets without which it is worth nothing."""

from __future__ import annotations

import contextlib
import errno
import io
import os
import shutil
import sqlite3
import tarfile
import tempfile
import time
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from coordinator_server.admin_client import PROGRAM
from coordinator_server.enrolment.sealed_keys import KEY as SEALED_KEYS
from coordinator_server.keys import ALL_SECRET_FILES, MESH_KEY_FILE
from coordinator_server.operation.secrecy import check_heir, check_owner
from coordinator_server.operation.starting import UNFINISHED
from coordinator_server.store.database import MIGRATIONS, check_database
from coordinator_server.store.interface import Store
from coordinator_server.store.sqlite import FILE_NAME
from node.program.data_dir import hold_data_dir, move_file, write_private_file
from node.program.errors import UserFacingError
from node.wire.encoding import b64decode

LEFTOVERS = (FILE_NAME + "-wal", FILE_NAME + "-shm")
MEMORY = Path("/dev/shm")  # noqa: S108 - what is made there is private
LARGEST_SECRET = 4096  # bytes
SPARE = 32 * 2**20  # bytes that are to be free beside what a backup needs
SQLITE_MAGIC = b"SQLite format 3\x00"


async def write_backup(store: Store, directory: Path, target: Path) -> None:
    """Write a backup of the running coordinator of this data directory into a new private file."""
    copy = target.with_name(target.name + ".db")
    try:
        await store.backup(copy)
        _pack(copy, directory, target)
    finally:
        copy.unlink(missing_ok=True)


def staging_place(directory: Path) -> Path:
    """Return a folder with room to make a backup in: the data directory, or another one where its disk is full.

    The next best is memory, which no secret outlives.
    """
    parts = (directory / FILE_NAME, directory / (FILE_NAME + "-wal"))
    need = SPARE + 3 * sum(part.stat().st_size for part in parts if part.exists())
    places = [directory, MEMORY]
    with contextlib.suppress(FileNotFoundError):  # where nothing at all can be written
        places.append(Path(tempfile.gettempdir()))
    return next((place for place in places if _has_room(place, need)), directory)


def _has_room(place: Path, need: int) -> bool:
    return place.is_dir() and os.access(place, os.W_OK) and shutil.disk_usage(place).free >= need


def has_data(directory: Path) -> bool:
    """Say whether a restore into this directory would replace anything."""
    return bool(_present(directory))


def restore_backup(file: Path, directory: Path) -> Path | None:
    """Put a backup into a data directory that no coordinator uses; return where the older data is kept now.

    Everything is unpacked and checked before anything is replaced. Raise UserFacingError.
    """
    for found in filter(None, (check_owner(directory), check_heir(directory))):
        raise UserFacingError("Nothing was restored.", found.text, found.hint)
    stop = "Nothing was changed. Stop it, restore, and start it again."
    with (
        hold_data_dir(directory, PROGRAM, stop),
        tempfile.TemporaryDirectory(dir=directory, prefix=".restore-") as name,
    ):
        fresh = Path(name)
        _unpack(file, fresh)
        _check(file, fresh)
        write_private_file(directory / UNFINISHED, b"")  # cut off from here on, nothing starts on a half of it
        kept = _set_aside(directory)
        for part in (*ALL_SECRET_FILES, FILE_NAME):
            if (fresh / part).exists():
                move_file(fresh / part, directory / part)
        (directory / UNFINISHED).unlink()
        return kept


def unpack_database(file: Path, target: Path) -> bytes | None:
    """Copy the database of a backup, or a database itself, to `target`; return the mesh's public key beside it.

    Raise UserFacingError for what is neither.
    """
    try:
        with file.open("rb") as opened:
            is_database = opened.read(len(SQLITE_MAGIC)) == SQLITE_MAGIC
    except OSError as error:
        raise UserFacingError(f"{file} cannot be read.", f"The system says: {error.strerror or error}.") from None
    if is_database:
        _copy_database(file, target)
        return _public_key(file.parent / MESH_KEY_FILE)
    with tempfile.TemporaryDirectory(dir=target.parent) as name:
        _unpack(file, Path(name))
        _check(file, Path(name))
        (Path(name) / FILE_NAME).replace(target)
        return _public_key(Path(name) / MESH_KEY_FILE)


def _copy_database(file: Path, target: Path) -> None:
    try:
        with (
            contextlib.closing(sqlite3.connect(f"{file.absolute().as_uri()}?mode=ro", uri=True)) as source,
            contextlib.closing(sqlite3.connect(target)) as copy,
        ):
            check_database(source)
            source.backup(copy)
    except sqlite3.Error as error:
        raise UserFacingError(f"{file} cannot be read.", f"SQLite says: {error}.") from None


def _public_key(path: Path) -> bytes | None:
    """Return the public half of the key in a file, or None where none can be read there."""
    try:
        key = Ed25519PrivateKey.from_private_bytes(b64decode(path.read_text("ascii").strip()))
    except (OSError, ValueError):
        return None
    return key.public_key().public_bytes_raw()


def _pack(copy: Path, directory: Path, target: Path) -> None:
    descriptor = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as file, tarfile.open(fileobj=file, mode="w") as archive:
        _add(archive, copy, FILE_NAME)
        for name in ALL_SECRET_FILES:
            if (directory / name).exists():
                _add(archive, directory / name, name)


def _add(archive: tarfile.TarFile, path: Path, name: str) -> None:
    info = tarfile.TarInfo(name)
    info.size, info.mode, info.mtime = path.stat().st_size, 0o600, int(path.stat().st_mtime)
    with path.open("rb") as file:
        archive.addfile(info, file)


def _unpack(file: Path, folder: Path) -> None:
    """Take only the members that a backup has, as plain files of our own making."""
    try:
        with tarfile.open(file, "r:") as archive:
            for member in archive:
                if member.name in (FILE_NAME, *ALL_SECRET_FILES) and member.isreg():
                    _extract(archive, member, folder / member.name)
    except (tarfile.TarError, EOFError, UnicodeDecodeError):
        raise _not_a_backup(file, "It is not a tar file, or it is cut off.") from None
    except OSError as error:
        why = f"The system says: {error.strerror or error}."
        hint = f"Make room in {folder.parent}." if error.errno == errno.ENOSPC else ""
        raise UserFacingError(f"{file} cannot be unpacked, so nothing was changed.", why, hint) from None


def _extract(archive: tarfile.TarFile, member: tarfile.TarInfo, target: Path) -> None:
    source = archive.extractfile(member) or io.BytesIO()
    descriptor = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        shutil.copyfileobj(source, file)
        file.flush()
        os.fsync(file.fileno())


def _check(file: Path, folder: Path) -> None:
    if not (folder / FILE_NAME).exists():
        raise _not_a_backup(file, "It has no database in it.")
    if any(
        (folder / name).exists() and (folder / name).stat().st_size > LARGEST_SECRET for name in ALL_SECRET_FILES
    ):
        raise _not_a_backup(file, "Its keys are not keys.")
    try:
        with contextlib.closing(sqlite3.connect(folder / FILE_NAME)) as connection:
            check_database(connection)
            version = int(connection.execute("PRAGMA user_version").fetchone()[0])
            sealed = connection.execute("SELECT count(*) FROM entries WHERE key = ?", (SEALED_KEYS,)).fetchone()[0]
    except sqlite3.Error:
        raise _not_a_backup(file, "Its database is damaged.") from None
    if version > len(MIGRATIONS):
        raise UserFacingError(
            f"{file} was written by a newer version of RMA Mesh.",
            f"Its database has format {version}; this version knows formats up to {len(MIGRATIONS)}.",
            "Nothing was changed. Install that version, and restore with it.",
        )
    if not sealed and not (folder / MESH_KEY_FILE).exists():
        raise _not_a_backup(file, "It has no mesh key in it.")


def _set_aside(directory: Path) -> Path | None:
    """Move what is there into a folder of its own, so that a wrong restore can be taken back."""
    present = _present(directory)
    if not present:
        return None
    aside = Path(tempfile.mkdtemp(dir=directory, prefix=time.strftime("before-restore-%Y%m%d-%H%M%S-")))
    for path in present:
        path.replace(aside / path.name)
    return aside


def _present(directory: Path) -> list[Path]:
    names = (FILE_NAME, *LEFTOVERS, *ALL_SECRET_FILES)
    return [directory / name for name in names if (directory / name).exists()]


def _not_a_backup(file: Path, why: str) -> UserFacingError:
    return UserFacingError(f"{file} is not a backup of a coordinator.", why, "Nothing was changed.")
