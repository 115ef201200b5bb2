"""Keeps the activity log: lines of JSON in two files that take turns, so that neither grows without end.

A line is written in one go, so that a node that is killed loses nothing that was written, and a torn line (the
power went) is left out when it is read again.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
from collections import deque
from pathlib import Path

import msgspec

from node.activity.entries import Entries, Entry, Note, entry_of
from node.program.log_file import LogFile
from node.program.tasks import TaskSet

log = logging.getLogger(__name__)

FILE_NAME, OLDER_NAME = "activity.jsonl", "activity.1.jsonl"
KEPT = 2000  # entries; each of the two files has as many at most
MOST_BYTES = 4 * 1024 * 1024  # that are read of one file
CHATTER = 10.0  # seconds in which the same is not noted twice
LAST_WAIT = 5.0  # seconds
MANY = 50  # entries to look back for the same


class ActivityLog:
    """`open` reads what is there, `note` adds to it, `close` writes the rest. Writing waits for nobody."""

    def __init__(self, data_dir: Path, kept: int = KEPT) -> None:
        self._path, self._older = data_dir / FILE_NAME, data_dir / OLDER_NAME
        self._kept = kept
        self._entries: deque[Entry] = deque(maxlen=kept)
        self._file = LogFile(self._path)
        self._lines = 0  # in the file that is written
        self._torn = False  # its last line has no end
        self._last = 0
        self._waiting: list[Entry] = []
        self._writing: asyncio.Task[None] | None = None
        self._tasks = TaskSet("activity")

    @property
    def last(self) -> int:
        """The number of the newest entry; 0 where there is none."""
        return self._last

    def open(self) -> None:
        """Read what earlier runs have noted. Blocks, as disks do; what cannot be read is left out."""
        older, newer = read_entries(self._older), read_entries(self._path)
        self._lines, self._torn = len(newer), _is_torn(self._path)
        self._entries.extend([*older, *newer])
        self._last = max((entry.number for entry in self._entries), default=0)

    def note(self, note: Note, at: float) -> None:
        """Add an entry, unless the same was noted a moment ago."""
        number = self._last + 1
        entry = entry_of(note, number, at)
        if self._is_chatter(entry):
            return
        self._last = number
        self._entries.append(entry)
        self._waiting.append(entry)
        if self._writing is None or self._writing.done():
            self._writing = self._tasks.start(self._write_soon(), "write")

    def after(self, number: int, most: int) -> Entries:
        """Return the entries after a number, of too many the newest."""
        found = [entry for entry in self._entries if entry.number > number][-most:]
        first = self._entries[0].number if self._entries else 1
        return Entries(first=first, last=self._last, entries=tuple(found))

    async def close(self) -> None:
        """Let what waits be written; a disk that hangs is not waited for long."""
        if self._writing is not None and not self._writing.done():
            await asyncio.wait({self._writing}, timeout=LAST_WAIT)
        await self._tasks.stop()
        self._file.close()

    def _is_chatter(self, entry: Entry) -> bool:
        same = (entry.code, entry.subject, entry.detail)
        for position, other in enumerate(reversed(self._entries)):
            if position >= MANY or not 0.0 <= entry.at - other.at < CHATTER:
                return False
            if (other.code, other.subject, other.detail) == same:
                return True
        return False

    async def _write_soon(self) -> None:
        while self._waiting:
            waiting, self._waiting = self._waiting, []
            await asyncio.to_thread(self._append, waiting)

    def _append(self, waiting: list[Entry]) -> None:
        """Write some entries; a full disk must not stop the node, so it is only told in the log."""
        try:
            for entry in waiting:
                if self._lines >= self._kept:
                    self._turn()
                self._file.append((b"\n" if self._torn else b"") + msgspec.json.encode(entry) + b"\n")
                self._torn = False
                self._lines += 1
        except OSError as error:
            log.warning("The activity log cannot be written: %s", error)

    def _turn(self) -> None:
        self._file.close()
        with contextlib.suppress(FileNotFoundError):
            self._path.replace(self._older)
        self._lines = 0


def read_entries(path: Path) -> list[Entry]:
    """Return the entries of a file, in order; lines that cannot be read are left out."""
    try:
        with path.open("rb") as file:
            data = file.read(MOST_BYTES)
    except OSError:
        return []
    entries: list[Entry] = []
    for line in data.split(b"\n"):
        with contextlib.suppress(msgspec.MsgspecError, UnicodeDecodeError):
            entry = msgspec.json.decode(line, type=Entry)
            if not entries or entry.number > entries[-1].number:
                entries.append(entry)
    return entries


def _is_torn(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            file.seek(-1, os.SEEK_END)
            return file.read(1) != b"\n"
    except OSError:  # it is not there, or empty
        return False


def kept_in(data_dir: Path) -> tuple[Entry, ...]:
    """Return what a node has noted in this directory, whether one runs there or not."""
    return (*read_entries(data_dir / OLDER_NAME), *read_entries(data_dir / FILE_NAME))[-KEPT:]
