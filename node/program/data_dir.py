"""A program's data directory: one running program each, private files, written whole or not at all."""

from __future__ import annotations

import contextlib
import errno
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import filelock

from node.program.errors import EXIT_FAILED, EXIT_IN_USE, UserFacingError

FULL = frozenset({errno.ENOSPC, errno.EDQUOT})
UNWRITABLE = FULL | {errno.EROFS}
GLANCE = 0.2  # seconds; `is_held` takes the lock for a moment


def is_held(path: Path, program: str) -> bool:
    """Tell whether a running program holds the directory: one that was killed leaves its files, not its lock."""
    file = path / f"{program}.lock"
    if not file.exists():
        return False
    try:
        with filelock.FileLock(file, blocking=False):
            return False
    except filelock.Timeout:
        return True


@contextlib.contextmanager
def hold_data_dir(path: Path, program: str, if_in_use: str = "") -> Iterator[Path]:
    """Make the directory private to this user and keep every other program out of it while held.

    `if_in_use` is what to do where such a program runs; without it, this is one that could take another directory.
    """
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        if os.name == "posix" and _is_ours(path, program):
            path.chmod(0o700)
        lock = filelock.FileLock(path / f"{program}.lock")
        lock.acquire(timeout=GLANCE, poll_interval=GLANCE / 10)
    except filelock.Timeout:
        raise UserFacingError(
            f"The data directory {path} is in use.",
            f"{'A' if if_in_use else 'Another'} {program} runs with it.",
            if_in_use or "Stop that one first, or start this one with another --data-dir.",
            EXIT_IN_USE,
        ) from None
    except OSError as error:
        raise _unusable(path, error) from None
    try:
        yield path
    finally:
        lock.release()


@contextlib.contextmanager
def with_room(path: Path) -> Iterator[None]:
    """Turn a full disk, and one that can only be read, into sentences for a person; leave other errors alone."""
    try:
        yield
    except OSError as error:
        if error.errno not in UNWRITABLE:
            raise
        raise _unusable(path, error) from None


def _unusable(path: Path, error: OSError) -> UserFacingError:
    hint = "Choose a directory that you may write to with --data-dir."
    if error.errno in FULL:
        hint = "Make room on that disk."
    elif error.errno == errno.EROFS:
        hint = "Mount that disk for writing, or choose another directory with --data-dir."
    why = f"The system says: {error.strerror or error}."
    if isinstance(error, (FileExistsError, NotADirectoryError)):
        why = "There is a file where a directory should be."
    elif isinstance(error, PermissionError):
        why += _whose(path)
    return UserFacingError(f"The data directory {path} cannot be used.", why, hint, EXIT_FAILED)


def _whose(path: Path) -> str:
    """Say whose a directory is that we may not use, or its parent where it is not there; empty where it is ours."""
    if os.name != "posix":
        return ""
    for one in (path, *path.absolute().parents):
        with contextlib.suppress(OSError):
            owner, own = one.stat().st_uid, os.geteuid()
            return (
                "" if owner == own else f" {one} belongs to {_user(owner)}, and this program runs as {_user(own)}."
            )
    return ""


def _user(number: int) -> str:
    import pwd

    try:
        return pwd.getpwuid(number).pw_name
    except KeyError:
        return f"user {number}"


def _is_ours(path: Path, program: str) -> bool:
    """Tell a data directory from one like /tmp, which a slip of the hand must not close to everybody else."""
    return (path / f"{program}.lock").exists() or not any(path.iterdir())


def write_private_file(path: Path, data: bytes) -> None:
    """Replace a file whole, readable by its owner only; a crash leaves the old one or the new one."""
    descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        Path(temporary).replace(path)
    except BaseException:
        with contextlib.suppress(OSError):
            Path(temporary).unlink()
        raise
    _sync_directory(path.parent)


def move_file(source: Path, target: Path) -> None:
    """Put a file into the place of another one in the same directory; a crash leaves both or the moved one."""
    source.replace(target)
    _sync_directory(target.parent)


def _sync_directory(path: Path) -> None:
    if os.name != "posix":  # Windows cannot open a directory; its rename is durable enough
        return
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
