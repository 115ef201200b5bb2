"""Kills a coordinator that has many workers, starts it again, and looks at how they all come back."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import psutil

from bench.gateway_support.processes import Bench
from bench.relay_support.returning import Seen
from bench.relay_support.site import Running

WINDOW = 1.0  # second, over which handshakes are counted
PATIENCE = 600.0  # seconds in which all come back


@dataclass(frozen=True, slots=True)
class Returned:
    """How they all came back; seconds since the coordinator was killed, but for those of CPU."""

    count: int
    up_again: float  # when the coordinator said that it is ready
    half: float
    nearly_all: float  # 99 %
    all: float
    peak: int  # good handshakes in the second in which there were most
    handshakes: int
    refused: int
    overdue: int
    unheard: int
    sent_away: int
    not_registered: int
    cpu_seconds: float  # of the coordinator's new process, its start included
    clients_cpu_seconds: float  # of all workers together
    mib: float


def measure(
    bench: Bench, running: Running, programs: Sequence[psutil.Process], reports: Sequence[Path]
) -> Returned:
    """Kill the coordinator, start it again at once, and wait until all workers are back."""
    before = _cpu(programs)
    running.kill()
    began = time.monotonic()
    running = running.again(bench)
    up_again = time.monotonic() - began
    end = began + PATIENCE
    while not all(report.exists() for report in reports):
        if time.monotonic() > end:
            raise SystemExit(f"not all workers came back within {PATIENCE:.0f} s")
        time.sleep(0.1)
    cpu, memory = running.program.cpu_seconds(), running.program.memory()
    seen = [Seen(**json.loads(report.read_text())) for report in reports]
    back = sorted(at - began for one in seen for at in one.back)
    handshakes = sorted(at - began for one in seen for at in one.handshakes)
    return Returned(
        count=len(back),
        up_again=up_again,
        half=back[(len(back) - 1) // 2],
        nearly_all=back[(len(back) * 99 - 1) // 100],
        all=back[-1],
        peak=most_in(handshakes, WINDOW),
        handshakes=len(handshakes),
        refused=sum(one.refused for one in seen),
        overdue=sum(one.overdue for one in seen),
        unheard=sum(one.unheard for one in seen),
        sent_away=sum(one.sent_away for one in seen),
        not_registered=sum(one.not_registered for one in seen),
        cpu_seconds=cpu,
        clients_cpu_seconds=_cpu(programs) - before,
        mib=memory / 2**20,
    )


def most_in(times: Sequence[float], window: float) -> int:
    """Return how many of these times, which are in order, are in the window of this length that has most."""
    most = first = 0
    for last, time_ in enumerate(times):
        while time_ - times[first] >= window:
            first += 1
        most = max(most, last - first + 1)
    return most


def _cpu(programs: Sequence[psutil.Process]) -> float:
    return sum(sum(program.cpu_times()[:2]) for program in programs)
