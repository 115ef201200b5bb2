"""How much services keep on the disk, and how much of it is left; both blocking, for a thread."""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

MOST_ENTRIES = 200_000  # of one folder that are looked at
BLOCK = 512  # bytes, the unit of st_blocks


@dataclass(frozen=True, slots=True)
class Room:
    """A disk's size and what is free of it for us, in bytes."""

    size: int
    free: int


def room(folder: Path) -> Room:
    """Return the room on the disk of a folder; raise OSError."""
    usage = shutil.disk_usage(folder)
    return Room(usage.total, usage.free)


def folder_sizes(parent: Path, names: Iterable[str]) -> dict[str, int]:
    """Return what each of these folders takes on the disk; one that is not there takes nothing."""
    return {name: folder_size(parent / name) for name in names}


def folder_size(folder: Path, most: int = MOST_ENTRIES) -> int:
    """Return what a folder takes, without following links; of one with too many entries only so many count."""
    whole, waiting = 0, [str(folder)]
    while waiting and most > 0:
        with contextlib.suppress(OSError), os.scandir(waiting.pop()) as entries:
            for entry in entries:
                most -= 1
                if most <= 0:
                    break
                with contextlib.suppress(OSError):
                    whole += _taken(entry.stat(follow_symlinks=False))
                    if entry.is_dir(follow_symlinks=False):
                        waiting.append(entry.path)
    return whole


def _taken(status: os.stat_result) -> int:
    """Return what an entry takes: files may have holes, and Windows does not tell."""
    blocks: int | None = getattr(status, "st_blocks", None)
    return status.st_size if blocks is None else blocks * BLOCK
