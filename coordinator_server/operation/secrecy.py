"""Looks at who owns the data directory's files and who else can read the secret ones; mends what can be mended."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator, Sequence
from pathlib import Path

from coordinator_server.admin_client import ADMIN_FILE
from coordinator_server.config import CoordinatorConfig
from coordinator_server.keys import ALL_SECRET_FILES
from coordinator_server.operation.machine import Condition
from coordinator_server.store.sqlite import FILE_NAME

KEPT = (*ALL_SECRET_FILES, ADMIN_FILE, FILE_NAME, FILE_NAME + "-wal", FILE_NAME + "-shm")


def check_owner(directory: Path) -> Condition | None:
    """Find files of another user: as root we could use them, and leave some that their owner cannot open again."""
    if os.name != "posix":
        return None
    for path in _present(directory):
        owner = path.stat().st_uid
        if owner != os.geteuid():
            text = f"{path} belongs to {_user(owner)}, but this program runs as {_user(os.geteuid())}."
            hint = f"Start it as that user (sudo -u {_user(owner)} ...), or give the files to this one (chown -R)."
            return Condition("owner", text, hint, fatal=True)
    return None


def check_heir(directory: Path) -> Condition | None:
    """Find a directory that is somebody else's while we are root: its owner could open no file of ours."""
    if os.name != "posix" or os.geteuid() != 0 or not directory.is_dir() or not directory.stat().st_uid:
        return None
    owner = _user(directory.stat().st_uid)
    text = f"{directory} belongs to {owner}, who could not open what {_user(0)} puts there."
    hint = f"Run it as that user (sudo -u {owner} ...), or give the directory to this one (chown)."
    return Condition("owner", text, hint, fatal=True)


def close_to_others(directory: Path) -> Sequence[Condition]:
    """Make what is secret readable by its owner only; return what was not, or could not be made so."""
    if os.name != "posix":
        return ()
    return [_close(path) for path in _present(directory) if _is_open(path, 0o077)]


def given_files(config: CoordinatorConfig) -> Iterator[Condition]:
    """Yield the secret files that settings name and that everybody here can read; groups may have their reasons."""
    if os.name != "posix":
        return
    for name in ("tls_key", "store_key", "store_password_file", "key_passphrase_file"):
        path = Path(getattr(config, name) or "/nonexistent")
        if path.is_file() and _is_open(path, 0o007):
            text = f"Everybody on this machine can read {path} (--{name.replace('_', '-')})."
            yield Condition("secrets", text, f"chmod o= {path}")


def _close(path: Path) -> Condition:
    mode = stat.S_IMODE(path.stat().st_mode)
    text = f"{path} could be read by others on this machine (mode {mode:04o})."
    try:
        path.chmod(0o600)
    except OSError as error:
        why = f"{text} That cannot be changed: {error.strerror or error}."
        return Condition("secrets", why, f"Make it private: chmod 600 {path}", fatal=True)
    hint = "It is private now. If somebody may have read it, see docs/keys.md on what to do after a leak."
    return Condition("secrets", text, hint)


def _is_open(path: Path, bits: int) -> bool:
    return bool(path.stat().st_mode & bits)


def _present(directory: Path) -> list[Path]:
    try:
        return [directory / name for name in KEPT if (directory / name).is_file()]
    except OSError:  # we may not even look; what comes next says so
        return []


def _user(number: int) -> str:
    import pwd

    try:
        return pwd.getpwuid(number).pw_name
    except KeyError:
        return f"user {number}"
