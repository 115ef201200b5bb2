"""Counts what the services give: requests as they end, processor and GPU time from the system; and keeps the book.

The book is on disk a minute after what it tells at most. While nothing is done nothing is written.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from node.hardware.sensing.gpu_watch import ProbedGpu
from node.program.process_trees import Process, look, memory
from node.program.tasks import TaskSet
from node.routing.stats import percentiles
from node.vitals.energy import Watts, joules
from node.vitals.gpus import GpuMeter, used_by
from node.vitals.kept import LedgerFile
from node.vitals.ledger import Ledger, contribution, entered
from node.vitals.processes import growth
from node.vitals.values import NOTHING, Contribution, Counted, ServiceVitals

log = logging.getLogger(__name__)

COUNT_EVERY = 20.0  # seconds, while nobody looks
BEAT = 2.0  # seconds between two looks whether a service on a GPU has requests in flight
SAVE_EVERY = 40.0  # seconds; together with a count that is just over, less than a minute
SAVE_IDLE = 600.0  # seconds, for what health checks alone use
IDLE_CPU = 1.0  # seconds of processor time that are no reason to write
LONGEST = 60.0  # seconds that one look may cover; more is a computer that slept
LATENCIES = 200  # of each service

Look = Callable[[Mapping[str, int]], dict[str, tuple[Process, ...]]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Sources:
    """What the node tells of its services."""

    roots: Callable[[], Mapping[str, int]]  # the first process of each service that runs
    on_gpu: Callable[[], frozenset[str]]  # those that run and use a GPU
    in_flight: Callable[[str], int]
    has_gpu: Callable[[], bool]


@dataclass(slots=True)
class Tally:
    """What is known of one service since the node's start, and what is not in the book yet."""

    requests: int = 0
    failed: int = 0
    fresh: Counted = NOTHING
    busy_seconds: float = 0.0  # on a GPU, by its requests in flight, since the last look
    cpu: float | None = None  # cores that it keeps busy
    memory: int | None = None
    latencies: deque[float] = field(default_factory=lambda: deque(maxlen=LATENCIES))  # seconds


class ContributionKeeper:
    """Counts between `start` and `stop`; `count` may be called at any time."""

    def __init__(
        self,
        data_dir: Path,
        sources: Sources,
        watts: Watts | None = None,
        *,
        meter: GpuMeter | None = None,
        look: Look = look,
        now: Callable[[], float] = time.time,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`now` is the clock on the wall, which tells the day; `clock` is one that is never set."""
        self.gpus: tuple[ProbedGpu, ...] = ()
        self.watched = False  # somebody looks at the GPUs
        self._sources = sources
        self._watts = watts or Watts()
        self._file = LedgerFile(data_dir)
        self._ledger = Ledger()
        self._saved = Ledger()
        self._trouble = ""
        self._meter = meter or GpuMeter()
        self._look = look
        self._now = now
        self._clock = clock
        self._counted_at = self._saved_at = self._beat_at = clock()
        self._seen: dict[str, tuple[Process, ...]] = {}
        self._tallies: dict[str, Tally] = {}
        self._turn = asyncio.Lock()
        self._tasks = TaskSet("contribution")

    async def load(self) -> None:
        self._ledger = self._saved = await asyncio.to_thread(self._file.load)

    def start(self) -> None:
        self._tasks.every(COUNT_EVERY, self._routine, "count")
        self._tasks.every(BEAT, self._beat, "beat")

    async def stop(self) -> None:
        """Count and save for the last time; may be called any number of times."""
        if len(self._tasks):
            await self._tasks.stop()
            await self.count()
            await self.save()
        self._meter.close()

    # --- what is counted ----------------------------------------------------------------------------------------

    def request_ended(self, service: str, status: int, seconds: float) -> None:
        """Count a request that a service here was asked; status 499 is a client that left, and nobody's doing."""
        tally = self._tally(service)
        if status == 499:
            return
        if status >= 500:
            tally.failed += 1
            tally.fresh = tally.fresh.plus(Counted(failed=1))
        else:
            tally.requests += 1
            tally.fresh = tally.fresh.plus(Counted(requests=1))
            tally.latencies.append(seconds)

    async def count(self) -> None:
        """Add what was used since the last look to the book."""
        async with self._turn:
            seen = await asyncio.to_thread(self._look, dict(self._sources.roots()))
            now = self._clock()
            passed, self._counted_at = min(LONGEST, max(0.0, now - self._counted_at)), now
            self._count_cpu(seen, passed)
            await self._count_gpu(passed)
            self._enter()

    def _count_cpu(self, seen: Mapping[str, tuple[Process, ...]], passed: float) -> None:
        for name, now in seen.items():
            tally, used = self._tally(name), growth(self._seen.get(name, ()), now)
            tally.cpu = used / passed if passed > 0 and name in self._seen else None
            tally.memory = memory(now) if now else None
            energy = joules(used, 0.0, self._watts)
            tally.fresh = tally.fresh.plus(Counted(cpu_seconds=used, energy_joules=energy))
        for name in self._tallies.keys() - seen.keys():
            self._tallies[name].cpu = self._tallies[name].memory = None
        self._seen = dict(seen)

    async def _count_gpu(self, passed: float) -> None:
        """Go by what the driver tells of each process, or else by the time with requests in flight."""
        busy = {name: tally.busy_seconds for name, tally in self._tallies.items() if tally.busy_seconds}
        for name in busy:
            self._tallies[name].busy_seconds = 0.0
        if not self._sources.has_gpu() or not (self.watched or self._sources.on_gpu()):
            self.gpus = ()
            await asyncio.to_thread(self._meter.rest)  # a driver that hangs holds whoever ends its probe
            return
        self.gpus = await self._meter.read()
        owners = {one.pid: name for name, seen in self._seen.items() for one in seen}
        told = [(gpu, used) for gpu in self.gpus if (used := used_by(gpu, owners)) is not None]
        for gpu, used in told:
            for name, share in used.items():
                self._used_gpu(name, share * passed, gpu.watts)
        for name, seconds in {} if told else busy.items():
            self._used_gpu(name, min(passed, seconds), self.gpus[0].watts if len(self.gpus) == 1 else None)

    def _used_gpu(self, name: str, seconds: float, watts: float | None) -> None:
        tally = self._tally(name)
        energy = joules(0.0, seconds, self._watts, watts)
        tally.fresh = tally.fresh.plus(Counted(gpu_seconds=seconds, energy_joules=energy))

    def _enter(self) -> None:
        growth = {name: tally.fresh for name, tally in self._tallies.items() if tally.fresh != NOTHING}
        for name in growth:
            self._tallies[name].fresh = NOTHING
        self._ledger = entered(self._ledger, self._today(), growth)

    # --- what is told -------------------------------------------------------------------------------------------

    def contribution(self) -> Contribution:
        """Return what was given as far as it was counted."""
        return msgspec.structs.replace(
            contribution(self._ledger, self._today()),
            watts_per_core=self._watts.per_core,
            watts_per_gpu=self._watts.per_gpu,
            trouble=self._trouble,
        )

    def services(self) -> tuple[ServiceVitals, ...]:
        """Return how each service does that was asked or has run since the node's start."""
        return tuple(
            ServiceVitals(
                name=name,
                requests=tally.requests,
                failed=tally.failed,
                in_flight=self._sources.in_flight(name),
                latency_ms=dict(percentiles([1000.0 * seconds for seconds in tally.latencies]).items()),
                memory_bytes=tally.memory,
                cpu=tally.cpu,
            )
            for name, tally in sorted(self._tallies.items())
        )

    # --- what is kept -------------------------------------------------------------------------------------------

    async def save(self) -> None:
        """Write the book where there is something new in it; what cannot be written is tried again."""
        ledger = self._ledger
        if ledger == self._saved:
            return
        try:
            await asyncio.to_thread(self._file.save, ledger)
        except OSError as error:
            if not self._trouble:
                log.warning("%s cannot be written: %s", self._file.path, error)
            self._trouble = f"What this computer gives cannot be saved ({error.strerror or error})."
        else:
            self._saved, self._saved_at, self._trouble = ledger, self._clock(), ""

    async def _routine(self) -> None:
        if self._clock() - self._counted_at >= COUNT_EVERY / 2:
            await self.count()
        if self._clock() - self._saved_at >= self._patience():
            await self.save()

    def _patience(self) -> float:
        new, old = contribution(self._ledger, self._today()).total, contribution(self._saved, self._today()).total
        idle = (new.requests, new.failed) == (old.requests, old.failed)
        idle = idle and new.gpu_seconds == old.gpu_seconds and new.cpu_seconds - old.cpu_seconds < IDLE_CPU
        return SAVE_IDLE if idle else SAVE_EVERY - COUNT_EVERY / 2  # the next turn may come a moment late

    async def _beat(self) -> None:
        now = self._clock()
        passed, self._beat_at = min(2 * BEAT, max(0.0, now - self._beat_at)), now
        for name in self._sources.on_gpu():
            if self._sources.in_flight(name):
                self._tally(name).busy_seconds += passed

    def _tally(self, name: str) -> Tally:
        return self._tallies.setdefault(name, Tally())

    def _today(self) -> str:
        return time.strftime("%Y-%m-%d", time.localtime(self._now()))
