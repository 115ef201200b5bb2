"""GPUs through the real probe and pynvml with a stand-in for the driver, and drivers that are not there."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import cast

from node.hardware.gpus import probe_command
from node.hardware.sensing.gpu_linux import NVIDIA, Card
from node.hardware.sensing.gpu_watch import Answer, Probe, ProbedGpu
from node.vitals.gpus import ABSENT_FOR, RETRY, GpuMeter, gauge, used_by
from node.vitals.values import GpuGauge
from tests.support.nvml import environment

GIB = 2**30
WATCH = (*probe_command(), "--watch")


def meter_over(stub: Path, behaviour: str = "") -> GpuMeter:
    processes = {"NVML_STUB_PROCESSES": f"{os.getpid()}:{GIB} 1:{GIB}"}
    return GpuMeter(Probe(WATCH, 120.0, {**environment(stub, behaviour), **processes}), cards=lambda: ())


async def test_what_the_driver_tells(nvml_stub: Path) -> None:
    meter = meter_over(nvml_stub)
    try:
        for _ in range(3):
            first, second = await meter.read()
            assert gauge(first) == GpuGauge(
                name="Stub RTX 1000", busy=0.2, memory_used_bytes=4 * GIB, memory_bytes=8 * GIB, celsius=60.0,
                watts=120.5,
            )  # fmt: skip
            assert used_by(first, {os.getpid(): "llm", 5: "ocr"}) == {"llm": 0.5}
            assert (gauge(second).busy, second.users) == (0.75, ())
        meter.rest()
        assert len(await meter.read()) == 2, "it is started again"
    finally:
        meter.close()


async def test_a_driver_that_tells_nothing(nvml_stub: Path) -> None:
    meter = meter_over(nvml_stub, "bare")
    try:
        first, _ = await meter.read()
        assert gauge(first) == GpuGauge(name="Stub RTX 1000")
        assert used_by(first, {}) is None
    finally:
        meter.close()


@dataclass
class Played:
    """A probe, or a card, in a story."""

    answer: Answer
    vendor: str = "0x10de"
    asleep: bool = False
    dozes: bool = False
    asked: int = 0
    rested: int = 0

    def ask(self, *, usage: bool) -> Answer:
        assert usage
        self.asked += 1
        return self.answer

    def rest(self) -> None:
        self.rested += 1

    def sleeps(self) -> bool:
        return self.asleep

    def may_sleep(self) -> bool:
        return self.dozes


async def test_who_has_no_driver_is_asked_seldom() -> None:
    for answer, patience in ((Answer("", absent=True), ABSENT_FOR), (Answer("", trouble="lost"), RETRY)):
        times, probe = iter((0.0, 1.0, patience - 1, patience + 1)), Played(answer)
        meter = GpuMeter(cast("Probe", probe), cards=lambda: (), clock=times.__next__)
        for _ in range(4):
            assert await meter.read() == ()
        assert probe.asked == 2


async def test_a_card_that_sleeps_is_not_woken() -> None:
    card, probe = Played(Answer(""), asleep=True, vendor=NVIDIA), Played(Answer("", (ProbedGpu(0),)))
    meter = GpuMeter(cast("Probe", probe), cards=lambda: (cast("Card", card),))
    assert await meter.read() == ()
    card.asleep = False
    assert await meter.read() == (ProbedGpu(0),)


async def test_a_card_that_would_fall_asleep_is_not_kept_awake_by_whoever_looks_at_it() -> None:
    card, probe = (
        Played(Answer(""), vendor=NVIDIA, dozes=True),
        Played(Answer("", (ProbedGpu(0, busy=0.0, users=()),))),
    )
    now = [0.0]
    meter = GpuMeter(cast("Probe", probe), cards=lambda: (cast("Card", card),), clock=lambda: now[0])
    for _ in range(20):
        assert len(await meter.read()) == 1, "what was told before is shown meanwhile"
        now[0] += 1.0
    assert probe.asked == 1
    card.asleep = True
    assert await meter.read() == ()
    assert probe.rested == 1, "nothing holds the driver while the card sleeps"
    card.asleep, now[0] = False, 100.0
    probe.answer = Answer("", (ProbedGpu(0, busy=0.4, users=((1, 0.4),)),))
    for _ in range(5):
        await meter.read()
        now[0] += 1.0
    assert probe.asked == 6, "a card at work is awake anyway"


def test_processes_of_one_service_are_added_up() -> None:
    gpu = ProbedGpu(0, users=((1, 0.6), (2, 0.7), (3, 0.1)))
    assert used_by(gpu, {1: "llm", 2: "llm"}) == {"llm": 1.0}
