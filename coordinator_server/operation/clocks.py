"""Looks at clocks: this one against what the store has seen, against other coordinators', and whether it jumps."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable

from coordinator_server.fleet.presence import Serving
from coordinator_server.operation.machine import Condition
from coordinator_server.store.interface import Store
from node.program.durations import say_duration

APART = 60.0  # seconds; tokens of workers live that long
DAY = 86400.0
JUMP = 5.0  # seconds at once; time servers bring clocks along slowly, but for the first time
REMEMBERED = 3600.0  # seconds for which a jump is told
FLOOR = 1_735_689_600.0  # 2025: before that this program did not exist
SET_IT = "Set it: `timedatectl set-ntp true`, or as your system does; in a virtual machine see its host's clock."


async def last_moment(store: Store) -> float:
    """Return when the newest line of the audit log was written, 0.0 where there is none."""
    lines = await store.audit(1)
    return lines[0].time if lines else 0.0


def judge_clock(now: float, last: float) -> Condition | None:
    """Say what a start at `now` means for a store whose newest line is of `last` (Unix seconds)."""
    if now < FLOOR:
        text = f"The clock of this computer says {_date(now)}: everything that is signed would count for nothing."
        return Condition("clock", text, SET_IT, fatal=True)
    behind = last - now
    if behind <= APART:
        return None
    text = (
        f"The clock of this computer says {_date(now)}, but the newest line of the audit log is of {_date(last)}. "
        "What has expired would count again."
    )
    fatal = behind > DAY
    rest = "start once with --ignore-clock" if fatal else "there is nothing to do"
    return Condition("clock", text, f"{SET_IT} If it is right, and was wrong before, {rest}.", fatal=fatal)


def judge_others(others: Iterable[Serving], now: float, heartbeat: float) -> Condition | None:
    """Compare our clock with what others wrote a heartbeat ago at most, as they do while the store takes writes."""
    for said in others:
        behind = said.seen_at - now
        apart = behind if behind > 0 else max(0.0, -behind - heartbeat)
        if apart > APART:
            text = (
                f"The clocks of this coordinator and of {said.info.id} ({said.info.url}) are "
                f"{say_duration(apart)} apart: workers that talk to both are refused by one."
            )
            return Condition("clock", text, SET_IT)
    return None


def is_in_doubt(found: Iterable[Condition], others: Iterable[Serving], now: float, heartbeat: float) -> bool:
    """Say whether our clock may be wrong: it jumped lately, or is apart from another coordinator's."""
    return any(one.name == "clock" for one in found) or judge_others(others, now, heartbeat) is not None


def steady_seconds() -> float:
    """Return seconds that nobody can set, and that pass while the machine sleeps, too, where it can tell."""
    boottime = getattr(time, "CLOCK_BOOTTIME", None)
    return time.monotonic() if boottime is None else time.clock_gettime(boottime)


class ClockWatch:
    """Notices when the clock jumps: the difference to one that is steady is no longer what it was."""

    def __init__(self, wall: Callable[[], float], steady: Callable[[], float] = steady_seconds) -> None:
        self._wall, self._steady = wall, steady
        self._apart = wall() - steady()
        self._jumped: tuple[float, float] | None = None  # by how much, and when on the steady clock

    def look(self) -> float:
        """Return by how many seconds it jumped since the last look, 0.0 where it did not."""
        apart = self._wall() - self._steady()
        by, self._apart = apart - self._apart, apart
        if abs(by) < JUMP:
            return 0.0
        self._jumped = (by, self._steady())
        return by

    def condition(self) -> Condition | None:
        if self._jumped is None:
            return None
        by, when = self._jumped
        passed = self._steady() - when
        if passed > REMEMBERED:
            return None
        way = "forward" if by > 0 else "back"
        text = f"The clock of this computer jumped {way} by {say_duration(abs(by))}, {say_duration(passed)} ago."
        hint = "If it is right now, all is well: who was refused meanwhile comes back by itself. " + SET_IT
        return Condition("clock", text, hint)


def _date(moment: float) -> str:
    return time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime(moment))
