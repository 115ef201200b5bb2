"""Looks at what this machine has left: room on the disk, open files, memory."""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass
from pathlib import Path

import psutil

from node.program.open_files import allow_open_files

MIB = 2**20
LITTLE_DISK = 500 * MIB
LITTLE_MEMORY = 100 * MIB
FEW_INODES, NO_INODES = 1000, 50  # files that can still be made
OTHER_FILES = 1000  # open files beside those of workers: clients, the store, libraries
NEARLY_ALL = 0.8  # share of the open files that is in use


@dataclass(frozen=True, slots=True)
class Condition:
    """Something about this machine that an operator should mend: what is so and why it matters, and what to do."""

    name: str
    text: str
    hint: str
    fatal: bool = False  # nothing good can come of serving like this


@dataclass(frozen=True, slots=True)
class DiskRoom:
    """What is left where the data directory is; `inodes` is None where the file system does not count them."""

    free_bytes: int
    inodes: int | None = None
    read_only: bool = False


def read_disk(directory: Path) -> DiskRoom:
    """Look at a directory that is there; raise OSError."""
    free = shutil.disk_usage(directory).free
    if not hasattr(os, "statvfs"):
        return DiskRoom(free)
    found = os.statvfs(directory)
    return DiskRoom(free, found.f_favail if found.f_files else None, bool(found.f_flag & os.ST_RDONLY))


def judge_disk(room: DiskRoom, directory: Path, least: int) -> Condition | None:
    """Say what is wrong with the disk, if anything; with less than `least` bytes nothing can be kept for long."""
    if room.read_only:
        text = f"The disk of {directory} is read-only: nothing can be saved."
        return Condition("disk", text, "See why it is (dmesg), and mount it for writing.", fatal=True)
    if room.free_bytes < max(least, LITTLE_DISK):
        text = (
            f"Only {room.free_bytes // MIB} MB are free on the disk of {directory}: when it is full, no machine "
            "can enrol and no key can be revoked."
        )
        hint = "Make room there, or move the data directory to a larger disk (--data-dir)."
        return Condition("disk", text, hint, fatal=room.free_bytes < least)
    if room.inodes is not None and room.inodes < FEW_INODES:
        text = f"Only {room.inodes} more files can be made on the disk of {directory}: it is full of small files."
        return Condition("disk", text, "Remove files there; `df -i` shows it.", fatal=room.inodes < NO_INODES)
    return None


def needed_files(channels: int, relay_connections: int) -> int:
    """Return how many files may be open when as many workers are here as the settings allow."""
    return channels + relay_connections + OTHER_FILES


def judge_files(limit: int | None, needed: int, used: int) -> Condition | None:
    """Say whether the limit of open files is in the way: at the start (`used` is 0) where it may be one day."""
    hint = "Raise it: LimitNOFILE=65536 in systemd's unit, --ulimit nofile=65536 for Docker, or `ulimit -Hn`."
    if limit is None or limit < 0:
        return None
    if used and used > NEARLY_ALL * limit:
        text = f"{used} of {limit} files that this program may have open are: soon it cannot take connections."
        return Condition("open files", text, hint)
    if not used and limit < needed:
        text = (
            f"This program may have only {limit} files open. Each machine takes one or more: with a few hundred "
            f"that is enough; as many as the settings allow take {needed}."
        )
        return Condition("open files", text, hint)
    return None


def judge_memory(available: int) -> Condition | None:
    if available >= LITTLE_MEMORY:
        return None
    text = f"Only {available // MIB} MB of this machine's memory are free: the system may end this program."
    return Condition("memory", text, "End something else here, or give the machine more memory.")


def open_files() -> tuple[int | None, int]:
    """Return how many files this program may have open, and how many it has."""
    limit = allow_open_files()
    return limit, 0 if limit is None else psutil.Process().num_fds()


def free_memory() -> int:
    return int(psutil.virtual_memory().available)
