"""What was told already, kept on disk: a start of the app is no reason to tell it again."""

from __future__ import annotations

import logging
from pathlib import Path

import msgspec

from app.notifications import NEEDS, Memory
from node.program.data_dir import write_private_file

log = logging.getLogger(__name__)

FILE_NAME = "notified.json"
MAX_FILE = 16 * 1024  # bytes


class Told(msgspec.Struct, frozen=True):
    """What stands in the file: causes, and when the last of them was told (Unix seconds)."""

    told: tuple[str, ...] = ()
    last: float = 0.0


def load(data_dir: Path) -> Memory:
    """Return what was told; nothing where the file cannot be read, or holds something else."""
    try:
        with (data_dir / FILE_NAME).open("rb") as file:
            found = msgspec.json.decode(file.read(MAX_FILE), type=Told)
    except (OSError, msgspec.MsgspecError):
        return Memory()
    return Memory(frozenset(found.told) & set(NEEDS), found.last)


def save(data_dir: Path, memory: Memory) -> None:
    """Keep what was told; a disk that is full costs no more than hearing it twice."""
    document = Told(tuple(sorted(memory.told)), memory.last)
    try:
        write_private_file(data_dir / FILE_NAME, msgspec.json.encode(document))
    except OSError as error:
        log.info("what was told cannot be kept: %s", error)
