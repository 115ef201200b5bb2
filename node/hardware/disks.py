"""Local file systems with room for services' files: no network mounts, no images, each device once."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import NamedTuple, Protocol

import psutil

from node.hardware.texts import clean_path
from node.wire.messages import Disk

MAX_DISKS = 64
# Read-only images, memory, and what lives on another machine (a dead server would block us for minutes).
NOT_DISKS = frozenset(
    {
        "squashfs", "iso9660", "udf", "cd9660", "erofs", "tmpfs", "devtmpfs", "devfs", "ramfs", "overlay", "aufs",
        "autofs", "efivarfs", "nullfs", "nfs", "nfs4", "cifs", "smb3", "smbfs", "afpfs", "webdav", "9p", "ncpfs",
        "ceph", "glusterfs", "lustre", "virtiofs",
    }
)  # fmt: skip
log = logging.getLogger(__name__)


class Partition(Protocol):
    """What psutil says about one mounted file system."""

    @property
    def device(self) -> str: ...
    @property
    def mountpoint(self) -> str: ...
    @property
    def fstype(self) -> str: ...
    @property
    def opts(self) -> str: ...


class Usage(NamedTuple):
    """Bytes of a file system, and those that an ordinary user may still write."""

    total: int
    free: int


def local_disks() -> tuple[Disk, ...]:
    """Return the machine's local file systems, the largest first."""
    try:
        partitions = psutil.disk_partitions(all=False)
    except (OSError, psutil.Error) as error:
        log.warning("the disks cannot be listed: %s", error)
        return ()
    return measure(select(partitions), usage)


def free_bytes(path: Path) -> int:
    """Return the free bytes where this path is or will be."""
    existing = next((place for place in (path, *path.parents) if place.exists()), path)
    found = usage(str(existing))
    return found.free if found else 0


def select(partitions: Iterable[Partition]) -> list[str]:
    """Return the mount points that count: pure. A device that is mounted several times counts at its shortest."""
    chosen: dict[str, str] = {}
    for partition in partitions:
        kind, options = partition.fstype.lower(), partition.opts.split(",")
        if not kind or kind in NOT_DISKS or kind.startswith("fuse.") or "cdrom" in options or "remote" in options:
            continue
        key = partition.device or partition.mountpoint
        if key not in chosen or len(partition.mountpoint) < len(chosen[key]):
            chosen[key] = partition.mountpoint
    return list(chosen.values())


def measure(mounts: Iterable[str], find_usage: Callable[[str], Usage | None]) -> tuple[Disk, ...]:
    """Ask how full each mount is; leave out what cannot be asked or sent."""
    disks = []
    for mount in mounts:
        name, found = clean_path(mount), find_usage(mount)
        if name and found and found.total > 0:
            disks.append(Disk(mount=name, total_bytes=found.total, free_bytes=found.free))
    disks.sort(key=lambda disk: (-disk.total_bytes, disk.mount))
    return tuple(disks[:MAX_DISKS])


def usage(mount: str) -> Usage | None:
    try:
        found = psutil.disk_usage(mount)
    except OSError:  # no medium, no permission, gone
        return None
    return Usage(max(0, found.total), max(0, found.free))
