"""The activity log on disk: kept across restarts and kill -9, bounded, and whole beside a torn line."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from pathlib import Path

from node.activity.entries import LONGEST_DETAIL, Note
from node.activity.log import FILE_NAME, OLDER_NAME, ActivityLog, kept_in
from tests.support.waiting import eventually

NOW = 1_780_000_000.0


def numbered(count: int) -> Note:
    return Note("service-started", f"service-{count}")


async def write(data_dir: Path, notes: list[Note], kept: int = 2000, at: float = NOW) -> ActivityLog:
    log = ActivityLog(data_dir, kept)
    log.open()
    for position, note in enumerate(notes):
        log.note(note, at + position)
    await log.close()
    return log


async def test_entries_are_there_after_a_restart_and_numbers_go_on(tmp_path: Path) -> None:
    await write(tmp_path, [Note("node-started", "0.1.0"), Note("joined", "https://c.example", "w-1")])
    await write(tmp_path, [Note("node-started", "0.2.0")], at=NOW + 60)
    log = ActivityLog(tmp_path)
    log.open()
    told = log.after(0, 100)
    assert [(entry.number, entry.code) for entry in told.entries] == [
        (1, "node-started"),
        (2, "joined"),
        (3, "node-started"),
    ]
    assert (told.first, told.last, log.last) == (1, 3, 3)
    assert [entry.number for entry in log.after(2, 100).entries] == [3]
    assert [entry.number for entry in log.after(0, 2).entries] == [2, 3]
    assert oct((tmp_path / FILE_NAME).stat().st_mode)[-3:] == "600"


async def test_it_is_bounded_on_disk_and_in_memory(tmp_path: Path) -> None:
    await write(tmp_path, [numbered(n) for n in range(95)], kept=20)
    lines = [len((tmp_path / name).read_bytes().splitlines()) for name in (FILE_NAME, OLDER_NAME)]
    assert max(lines) <= 20
    log = ActivityLog(tmp_path, 20)
    log.open()
    told = log.after(0, 100)
    assert [entry.subject for entry in told.entries] == [f"service-{n}" for n in range(75, 95)]
    assert told.first == 76
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted([FILE_NAME, OLDER_NAME])


async def test_what_is_too_long_is_cut_and_the_same_again_at_once_is_not_noted(tmp_path: Path) -> None:
    long = Note("service-failed", "ner", "because " * 500)
    log = await write(tmp_path, [long, long, Note("service-restarting", "ner"), long])
    assert [entry.code for entry in log.after(0, 9).entries] == ["service-failed", "service-restarting"]
    assert len(log.after(0, 9).entries[0].detail) == LONGEST_DETAIL
    later = await write(tmp_path, [long], at=NOW + 60)
    assert later.last == 3


async def test_a_torn_line_and_rubbish_are_left_out_and_spoil_nothing_else(tmp_path: Path) -> None:
    await write(tmp_path, [numbered(1), numbered(2)])
    file = tmp_path / FILE_NAME
    file.write_bytes(b"\xff\xfe\n" + file.read_bytes() + b'{"number":3,"at":17800')
    log = await write(tmp_path, [numbered(3)], at=NOW + 60)
    assert [entry.subject for entry in log.after(0, 9).entries] == ["service-1", "service-2", "service-3"]
    assert [entry.number for entry in kept_in(tmp_path)] == [1, 2, 3]


async def test_a_disk_that_takes_nothing_does_not_stop_the_node(tmp_path: Path) -> None:
    log = ActivityLog(tmp_path / "not" / "there")
    log.open()
    log.note(numbered(1), NOW)
    await log.close()
    assert log.last == 1


PROGRAM = """
import asyncio, sys, time
from pathlib import Path
from node.activity.entries import Note
from node.activity.log import ActivityLog

async def main():
    log = ActivityLog(Path(sys.argv[1]))
    log.open()
    number = 0
    while True:
        number += 1
        log.note(Note("service-started", f"service-{number}"), time.time())
        await asyncio.sleep(0.001)

asyncio.run(main())
"""


async def test_what_was_written_survives_kill_9(tmp_path: Path) -> None:
    program = subprocess.Popen([sys.executable, "-c", PROGRAM, str(tmp_path)])  # noqa: ASYNC220 - a line of ours
    try:
        await eventually(lambda: len(kept_in(tmp_path)) >= 20, "writing")
    finally:
        os.kill(program.pid, signal.SIGKILL)
        await asyncio.to_thread(program.wait)
    kept = kept_in(tmp_path)
    assert [entry.number for entry in kept] == list(range(1, len(kept) + 1))
    log = ActivityLog(tmp_path)
    log.open()
    assert log.last == len(kept) >= 20
