"""What the driver tells of GPU memory, and what it does not."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest

from node.hardware.gpus import probe_command
from node.hardware.sensing.gpu_watch import Answer, ProbedGpu
from node.hardware.sensing.gpu_watch import Probe as RealProbe
from node.services.limits.gpu_usage import AGAIN, SPARING, GpuUsage
from tests.support.nvml import compile_stub, environment


@dataclass
class Probe:
    """Answers what a test says."""

    answer: Answer
    asked: int = 0
    rested: int = 0
    closed: int = 0

    def ask(self) -> Answer:
        self.asked += 1
        return self.answer

    def rest(self) -> None:
        self.rested += 1

    def close(self) -> None:
        self.closed += 1


@dataclass
class Card:
    """A card of a laptop, which falls asleep when nobody uses it."""

    asleep: bool = False

    def sleeps(self) -> bool:
        return self.asleep

    def may_sleep(self) -> bool:
        return True


TWO = (
    ProbedGpu(0, 40, 100, ((1, 60), (2, 40))),
    ProbedGpu(1, 40, 0, ()),
)


async def test_each_gpu_tells_its_processes() -> None:
    probe = Probe(Answer("1", TWO))
    usage = GpuUsage(lambda: probe)
    usage.close()
    assert probe.closed == 0  # none was made yet
    assert await usage.read() == [{1: 60, 2: 40}, {}]
    assert await usage.read() == [{1: 60, 2: 40}, {}]
    usage.close()
    assert (probe.asked, probe.closed) == (2, 1)


@pytest.mark.parametrize(
    "answer",
    [Answer("1", absent=True), Answer("1", trouble="crashed"), Answer("1", (ProbedGpu(0),))],
    ids=["no driver", "a driver that crashed", "a GPU that tells nothing"],
)
async def test_a_driver_that_tells_nothing_is_asked_seldom(answer: Answer) -> None:
    now = 1000.0
    probe = Probe(answer)
    usage = GpuUsage(lambda: probe, lambda: now)
    assert await usage.read() is None
    assert await usage.read() is None
    assert probe.asked == 1
    now += AGAIN
    probe.answer = Answer("2", TWO)
    assert await usage.read() is not None


async def test_a_card_is_let_fall_asleep_and_not_woken() -> None:
    now, card, probe = 1000.0, Card(), Probe(Answer("1", (ProbedGpu(0, 40, 100, ((1, 60),)),)))
    usage = GpuUsage(lambda: probe, lambda: now, [card])
    for _ in range(2):
        assert await usage.read() == [{1: 60}], "it is in use, so it is asked each time"
    probe.answer = Answer("2", (ProbedGpu(0, 40, 0, ()),))
    for _ in range(3):
        assert await usage.read() == [{}]
    assert probe.asked == 3, "nobody uses it"
    card.asleep = True
    now += SPARING
    assert await usage.read() == [{}]
    assert (probe.asked, probe.rested) == (3, 1)
    card.asleep = False
    assert await usage.read() == [{}]
    assert probe.asked == 4


@pytest.mark.needs("gcc")
async def test_a_real_probe_with_a_driver_that_stands_in(tmp_path: Path) -> None:
    environ = {**environment(compile_stub(tmp_path)), "NVML_STUB_PROCESSES": "12:300 1:500"}
    usage = GpuUsage(lambda: RealProbe((*probe_command(), "--watch"), 120.0, environ))
    try:
        assert await usage.read() == [{12: 300, 1: 500}, {}]
    finally:
        usage.close()


async def test_windows_names_processes_only() -> None:
    probe = Probe(Answer("1", (ProbedGpu(0, 40, 100, ((1, None),)),)))
    usage = GpuUsage(lambda: probe)
    assert await usage.read() is None
    assert await usage.read() is None
    assert probe.asked == 2  # it may tell more when another program is there
