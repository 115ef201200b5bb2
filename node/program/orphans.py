"""Ends the child that an earlier run left behind, and never anything else.

Noted are its number, its start time and the path of its configuration; a process is ours only when all three agree,
for numbers are used again.
"""

from __future__ import annotations

import logging
import time
from pathlib import Path

import msgspec
import psutil

from node.program.data_dir import write_private_file

CLOCK = 2.0  # seconds by which a start time may differ when the clock is set
GRACE = 3.0  # seconds that it gets to end by itself
log = logging.getLogger(__name__)


class RunNote(msgspec.Struct, frozen=True):
    """Which process runs; `started` is Unix seconds."""

    pid: int
    started: float


def note_run(path: Path, pid: int) -> None:
    """Write down which process was started; it may have ended already."""
    try:
        write_private_file(path, msgspec.json.encode(RunNote(pid, psutil.Process(pid).create_time())))
    except psutil.Error:
        return
    except OSError as error:
        log.warning("which process we started cannot be noted in %s: %s", path.name, error)


def end_orphan(path: Path, configuration: Path, name: str = "Nebula") -> bool:
    """End the noted process if it still runs with this configuration; say whether it did. May block for seconds."""
    process = _find(path, configuration)
    path.unlink(missing_ok=True)
    if process is None:
        return False
    log.warning("ending the %s that an earlier run left behind (process %d)", name, process.pid)
    try:
        process.terminate()  # psutil makes sure once more that the number was not used again
        if not _ends(process):
            process.kill()
            _ends(process)
    except psutil.NoSuchProcess:
        return True
    except psutil.Error as error:  # as for one that another user, or root, has started
        log.warning("it cannot be ended: %s", error)
        return False
    return True


def _ends(process: psutil.Process) -> bool:
    """Wait until it has ended, though nobody may collect what is left of it, as in a container without init."""
    end = time.monotonic() + GRACE
    while process.is_running() and process.status() != psutil.STATUS_ZOMBIE:
        if time.monotonic() > end:
            return False
        time.sleep(0.02)
    return True


def _find(path: Path, configuration: Path) -> psutil.Process | None:
    try:
        note = msgspec.json.decode(path.read_bytes(), type=RunNote)
        process = psutil.Process(note.pid)
        same = abs(process.create_time() - note.started) < CLOCK and str(configuration) in process.cmdline()
        return process if same and process.status() != psutil.STATUS_ZOMBIE else None
    except (OSError, msgspec.MsgspecError, UnicodeDecodeError, psutil.Error, ValueError):
        return None
