"""Counting: requests, processor and GPU time, what is kept when, and what a crash or a jumping clock may cost."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from node.hardware.sensing.gpu_watch import ProbedGpu
from node.program.process_trees import Process
from node.vitals import keeper
from node.vitals.energy import Watts
from node.vitals.gpus import GpuMeter
from node.vitals.keeper import COUNT_EVERY, ContributionKeeper, Sources
from node.vitals.kept import LedgerFile
from node.vitals.values import Counted
from tests.support.waiting import eventually

NOON = time.mktime((2026, 11, 21, 12, 0, 0, 0, 0, -1))
DAY = 86400.0


class Meter(GpuMeter):
    """Tells what a story says."""

    def __init__(self) -> None:
        super().__init__(cards=lambda: ())
        self.told: tuple[ProbedGpu, ...] = ()
        self.asked = 0
        self.rested = 0

    async def read(self) -> tuple[ProbedGpu, ...]:
        self.asked += 1
        return self.told

    def rest(self) -> None:
        assert threading.current_thread() is not threading.main_thread(), "a driver that hangs would hold the node"
        self.rested += 1


@dataclass
class Story:
    """A keeper over two services whose use, and all clocks, are told by the story."""

    folder: Path
    now: float = NOON
    clock: float = 1000.0
    cpu: dict[str, float] = field(default_factory=dict)
    on_gpu: frozenset[str] = frozenset()
    has_gpu: bool = True
    in_flight: dict[str, int] = field(default_factory=dict)
    meter: Meter = field(default_factory=Meter)

    def __post_init__(self) -> None:
        self.keeper = self.another()

    def another(self) -> ContributionKeeper:
        sources = Sources(
            roots=lambda: {name: number for number, name in enumerate(self.cpu, 1)},
            on_gpu=lambda: self.on_gpu,
            in_flight=lambda name: self.in_flight.get(name, 0),
            has_gpu=lambda: self.has_gpu,
        )
        return ContributionKeeper(
            self.folder, sources, Watts(10.0, 200.0), meter=self.meter, look=self._look, now=lambda: self.now,
            clock=lambda: self.clock,
        )  # fmt: skip

    def _look(self, roots: Mapping[str, int]) -> dict[str, tuple[Process, ...]]:
        return {name: (Process(pid, 1.0, self.cpu[name], 0.0, 5_000_000),) for name, pid in roots.items()}

    def pass_time(self, seconds: float) -> None:
        self.now += seconds
        self.clock += seconds


@pytest.fixture
def story(tmp_path: Path) -> Story:
    return Story(tmp_path)


async def test_requests_and_processor_time_are_counted_by_service(story: Story) -> None:
    story.cpu = {"ner": 1.0, "ocr": 4.0}
    await story.keeper.count()
    story.pass_time(10)
    story.cpu = {"ner": 6.0, "ocr": 4.0}
    story.keeper.request_ended("ner", 200, 0.010)
    story.keeper.request_ended("ner", 422, 0.030)
    story.keeper.request_ended("ner", 503, 9.0)
    story.keeper.request_ended("ner", 499, 9.0)
    await story.keeper.count()
    told = story.keeper.contribution()
    assert told.services["ner"] == Counted(requests=2, failed=1, cpu_seconds=6.0, energy_joules=60.0)
    assert told.today == told.total == Counted(requests=2, failed=1, cpu_seconds=10.0, energy_joules=100.0)
    assert (told.watts_per_core, told.watts_per_gpu) == (10.0, 200.0)
    ner, ocr = story.keeper.services()
    assert (ner.requests, ner.failed, ner.cpu, ner.memory_bytes) == (2, 1, 0.5, 5_000_000)
    assert ner.latency_ms["p95"] == 30.0
    assert (ocr.requests, ocr.cpu, ocr.latency_ms) == (0, 0.0, {})


async def test_a_service_that_has_ended_has_no_process_but_keeps_its_count(story: Story) -> None:
    story.cpu = {"ner": 2.0}
    await story.keeper.count()
    story.cpu = {}
    await story.keeper.count()
    (ner,) = story.keeper.services()
    assert (ner.cpu, ner.memory_bytes) == (None, None)
    story.cpu = {"ner": 0.5}  # another process
    await story.keeper.count()
    assert story.keeper.contribution().services["ner"].cpu_seconds == 2.5


async def test_gpu_time_is_what_the_driver_tells_of_our_processes(story: Story) -> None:
    story.cpu, story.on_gpu = {"ner": 0.0, "llm": 0.0}, frozenset({"llm"})
    story.in_flight = {"llm": 1}
    story.meter.told = (ProbedGpu(0, watts=100.0, users=((2, 0.5), (77, 0.4))), ProbedGpu(1, users=((2, 0.25),)))
    await story.keeper.count()
    story.pass_time(10)
    await story.keeper._beat()
    await story.keeper.count()
    assert story.keeper.contribution().services == {
        "llm": Counted(gpu_seconds=7.5, energy_joules=5 * 100.0 + 2.5 * 200.0)
    }


@pytest.mark.parametrize("told", [(), (ProbedGpu(0, watts=50.0),)], ids=["nobody", "no processes"])
async def test_else_it_is_the_time_with_requests_in_flight(story: Story, told: tuple[ProbedGpu, ...]) -> None:
    story.cpu, story.on_gpu, story.meter.told = {"llm": 0.0}, frozenset({"llm"}), told
    await story.keeper.count()
    for in_flight in (1, 3, 0, 1):
        story.in_flight = {"llm": in_flight}
        story.pass_time(2)
        await story.keeper._beat()
    await story.keeper.count()
    watts = 50.0 if told else 200.0
    assert story.keeper.contribution().services == {"llm": Counted(gpu_seconds=6.0, energy_joules=6 * watts)}


async def test_no_gpu_is_asked_that_nobody_uses_or_looks_at(story: Story) -> None:
    story.cpu = {"ner": 0.0}
    await story.keeper.count()
    story.has_gpu, story.keeper.watched = False, True
    await story.keeper.count()
    assert (story.meter.asked, story.meter.rested) == (0, 2)
    story.has_gpu, story.meter.told = True, (ProbedGpu(0, busy=0.5),)
    await story.keeper.count()
    assert story.keeper.gpus == story.meter.told
    story.keeper.watched = False
    await story.keeper.count()
    assert story.keeper.gpus == ()


async def test_sleep_and_a_clock_that_is_set_cost_nothing(story: Story) -> None:
    story.cpu, story.on_gpu = {"llm": 0.0}, frozenset({"llm"})
    story.meter.told = (ProbedGpu(0, users=((1, 1.0),)),)
    await story.keeper.count()
    story.clock += 8 * 3600  # a clock that goes on in sleep
    await story.keeper.count()
    assert story.keeper.contribution().total.gpu_seconds == keeper.LONGEST
    for now in (NOON + 50 * 365 * DAY, 0.0, NOON):
        story.now = now
        story.clock += 1
        story.keeper.request_ended("llm", 200, 0.1)
        await story.keeper.count()
    told = story.keeper.contribution()
    assert told.total.requests == 3
    assert told.today.requests == told.week.requests == 1


async def test_midnight_begins_a_new_day(story: Story) -> None:
    story.keeper.request_ended("ner", 200, 0.1)
    await story.keeper.count()
    story.pass_time(DAY)
    story.keeper.request_ended("ner", 200, 0.1)
    story.keeper.request_ended("ner", 200, 0.1)
    await story.keeper.count()
    told = story.keeper.contribution()
    assert [(day.date, day.counted.requests) for day in told.days[-2:]] == [("2026-11-21", 1), ("2026-11-22", 2)]


async def test_less_than_a_minute_is_lost_when_it_is_killed(story: Story) -> None:
    served = 0
    for _ in range(30):
        story.keeper.request_ended("ner", 200, 0.1)
        served += 1
        story.pass_time(COUNT_EVERY)
        await story.keeper._routine()
        kept = LedgerFile(story.folder).load()
        assert sum(day.requests for day in kept.days.values()) >= served - 60 / COUNT_EVERY + 1
    again = story.another()
    await again.load()
    assert again.contribution().total.requests >= served - 2


async def test_nothing_is_written_while_nothing_is_done(story: Story, monkeypatch: pytest.MonkeyPatch) -> None:
    story.cpu = {"ner": 5.0}
    saved: list[float] = []
    monkeypatch.setattr(LedgerFile, "save", lambda *_: saved.append(story.clock))
    for _ in range(90):  # half an hour
        story.pass_time(COUNT_EVERY)
        story.cpu["ner"] += 0.01  # health checks
        await story.keeper._routine()
    assert len(saved) <= 4


async def test_what_cannot_be_saved_is_said_and_tried_again(story: Story) -> None:
    story.keeper.request_ended("ner", 200, 0.1)
    await story.keeper.count()
    blocked = story.folder / "blocked"
    story.keeper._file.path = blocked / "contribution.json"
    await story.keeper.save()
    assert "cannot be saved" in story.keeper.contribution().trouble
    blocked.mkdir()
    await story.keeper.save()
    assert story.keeper.contribution().trouble == ""
    assert (blocked / "contribution.json").exists()


async def test_it_counts_by_itself_and_saves_at_the_end(story: Story, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keeper, "COUNT_EVERY", 0.01)
    await story.keeper.load()
    story.keeper.start()
    story.keeper.request_ended("ner", 200, 0.1)
    story.pass_time(1)
    await eventually(lambda: story.keeper.contribution().total.requests == 1, "the request to be counted")
    story.keeper.request_ended("ner", 200, 0.1)
    await asyncio.gather(story.keeper.stop(), story.keeper.stop())
    assert LedgerFile(story.folder).load().services["ner"].requests == 2
