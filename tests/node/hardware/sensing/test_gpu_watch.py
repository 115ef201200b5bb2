"""The probe kept running: the real program and pynvml with a driver that misbehaves, and what its answers mean."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from node.hardware.gpus import probe_command
from node.hardware.sensing.gpu_linux import AMD, NVIDIA, Card, cards
from node.hardware.sensing.gpu_watch import (
    ABSENT_FOR,
    RETRY_FIRST,
    SPARING,
    Answer,
    GpuWatch,
    Ours,
    Probe,
    ProbedGpu,
    sense,
)
from node.hardware.sensing.told import Unknown
from node.rules.sensed import GpuSensed
from tests.support.desktop import wait_until
from tests.support.nvml import environment

ROOT = Path(__file__).parents[4]
GIB = 2**30
WATCH = (*probe_command(), "--watch")
PROCESSES = {"NVML_STUB_PROCESSES": f"{os.getpid()}:{2 * GIB} 1:{3 * GIB}"}


@contextlib.contextmanager
def probe(stub: Path, behaviour: str = "", limit: float = 120.0, **more: str) -> Iterator[Probe]:
    made = Probe(WATCH, limit, {**environment(stub, behaviour), **PROCESSES, **more})
    try:
        yield made
    finally:
        made.close()


def test_temperatures_and_processes_come_from_one_process_that_is_asked_again(nvml_stub: Path) -> None:
    with probe(nvml_stub) as asked:
        answer = asked.ask()
        first = ProbedGpu(0, 60, 4 * GIB, ((os.getpid(), 2 * GIB), (1, 3 * GIB)))
        assert answer.gpus == (first, ProbedGpu(1, 70, 8 * GIB, ()))
        pid = asked.pid
        assert [asked.ask().gpus for _ in range(5)] == [answer.gpus] * 5
        assert asked.pid == pid
    assert pid is not None
    assert not psutil.pid_exists(pid)


def test_what_a_driver_prints_is_not_taken_for_an_answer(nvml_stub: Path) -> None:
    with probe(nvml_stub, "noisy-later") as asked:
        assert len(asked.ask().gpus) == 2
        assert len(asked.ask().gpus) == 2


def test_a_gpu_that_tells_nothing_still_counts(nvml_stub: Path) -> None:
    with probe(nvml_stub, "bare") as asked:
        assert asked.ask().gpus == (ProbedGpu(0), ProbedGpu(1))


def test_a_driver_that_does_not_count_memory_by_program_is_understood(nvml_stub: Path) -> None:
    with probe(nvml_stub, "wddm") as asked:
        assert asked.ask().gpus[0].processes == ((os.getpid(), None), (1, None))


@pytest.mark.parametrize(
    ("behaviour", "limit", "why"),
    [
        ("abort-later", 120.0, "crashed"),
        ("hang-later", 1.0, "does not answer"),
        ("lost-later", 120.0, "GPU is lost"),
    ],
)
def test_a_driver_that_fails_is_asked_by_a_new_process(
    nvml_stub: Path, behaviour: str, limit: float, why: str
) -> None:
    with probe(nvml_stub, behaviour) as asked:
        assert [len(asked.ask().gpus) for _ in range(2)] == [2, 2]
        pid = asked.pid
        asked._limit = limit
        assert why in asked.ask().trouble
        assert asked.pid is None
        asked._limit = 120.0
        assert len(asked.ask().gpus) == 2
        assert asked.pid != pid


def test_without_a_driver_there_are_no_gpus_and_a_failing_one_is_a_trouble(nvml_stub: Path, tmp_path: Path) -> None:
    (tmp_path / "libnvidia-ml.so.1").write_text("not a library")
    with probe(tmp_path) as asked:
        assert asked.ask().absent
    with probe(nvml_stub, "init-error") as asked:
        assert asked.ask().absent, "the library is there, and no driver"
    with probe(nvml_stub, "abort") as asked:
        assert asked.ask().trouble == "the graphics driver crashed"


def test_the_probe_ends_with_us_however_we_end(nvml_stub: Path) -> None:
    script = """
import time
from node.hardware.gpus import probe_command
from node.hardware.sensing.gpu_watch import Probe
probe = Probe((*probe_command(), "--watch"))
probe.ask()
print(probe.pid, flush=True)
time.sleep(600)
"""
    parent = subprocess.Popen(
        [sys.executable, "-c", script], env=environment(nvml_stub), stdout=subprocess.PIPE, cwd=ROOT
    )
    assert parent.stdout is not None
    child = int(parent.stdout.readline())
    parent.kill()
    parent.communicate()
    wait_until(lambda: not runs(child), "the end of the probe")


def runs(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def test_a_probe_that_was_closed_or_cannot_be_started_is_a_trouble(tmp_path: Path) -> None:
    absent = Probe([str(tmp_path / "absent")])
    assert "cannot be started" in absent.ask().trouble
    absent.close()
    assert "closed" in absent.ask().trouble
    absent.close()


@pytest.mark.parametrize(
    "script", ["pass", "print('{}' * 9)", "print('x\\n' * 5000)", "import sys; sys.stdin.close()"]
)
def test_a_program_that_talks_nonsense_is_a_trouble(script: str) -> None:
    wrong = Probe([sys.executable, "-c", script], 120.0)
    assert wrong.ask().trouble == "the graphics driver crashed"
    wrong.close()


@pytest.mark.parametrize(
    ("gpu", "expected"),
    [
        (
            ProbedGpu(0, 60, 9, ((1, 2), (7, 3), (8, 4))),
            GpuSensed(index=0, celsius=60.0, memory_used_by_others_bytes=7),
        ),
        (ProbedGpu(1, None, 9, ()), GpuSensed(index=1, memory_used_by_others_bytes=0)),
        (ProbedGpu(0, 60, 9, None), GpuSensed(index=0, celsius=60.0)),
        (ProbedGpu(0, 60, 9, ((7, None),)), GpuSensed(index=0, celsius=60.0, memory_used_by_others_bytes=9)),
        (ProbedGpu(0, 60, 9, ((7, None), (1, None))), GpuSensed(index=0, celsius=60.0)),
    ],
)
def test_what_is_ours_is_not_counted(gpu: ProbedGpu, expected: GpuSensed) -> None:
    assert sense(gpu, lambda pid: pid == 1) == expected


def test_what_we_have_started_is_ours() -> None:
    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    try:
        ours = Ours()
        assert ours.is_ours(os.getpid())
        assert ours.is_ours(child.pid)
        assert ours.is_ours(child.pid), "remembered"
        assert not ours.is_ours(os.getppid())
        assert not Ours(child.pid).is_ours(os.getpid())
    finally:
        child.kill()
        child.communicate()
    assert not ours.is_ours(child.pid)


class PlayedProbe(Probe):
    """Answers what a test says."""

    def __init__(self, *answers: Answer) -> None:
        super().__init__(())
        self.answers = list(answers)
        self.asked = self.rested = 0

    def ask(self, *, usage: bool = False) -> Answer:
        self.asked += 1
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]

    def rest(self) -> None:
        self.rested += 1


HOT = Answer("1", gpus=(ProbedGpu(0, 88, 5, ((7, 5),)),))


def watch(played: Probe, clock: Callable[[], float], *found: Card, ours: Callable[[int], bool] = bool) -> GpuWatch:
    return GpuWatch(lambda pid: not ours(pid), probe=played, cards=lambda: found, clock=clock)


async def test_a_computer_without_nvidia_is_asked_once_an_hour() -> None:
    now, played = [0.0], PlayedProbe(Answer("1", absent=True))
    gpus = watch(played, lambda: now[0])
    assert [await gpus.read(), await gpus.read()] == [(), ()]
    now[0] = ABSENT_FOR - 1
    await gpus.read()
    assert played.asked == 1
    now[0] = ABSENT_FOR
    await gpus.read()
    assert played.asked == 2
    gpus.close()


async def test_a_driver_in_trouble_is_a_reason_and_left_alone_ever_longer() -> None:
    now, played = [0.0], PlayedProbe(Answer("", trouble="it burns"))
    gpus = watch(played, lambda: now[0])
    assert await gpus.read() == Unknown("the GPU cannot be asked: it burns")
    now[0] = RETRY_FIRST - 1
    assert await gpus.read() == Unknown("the GPU cannot be asked: it burns")
    assert played.asked == 1
    for _ in range(20):
        now[0] += 700
        await gpus.read()
    assert played.asked == 21
    played.answers = [HOT]
    now[0] += 700
    assert await gpus.read() == (GpuSensed(index=0, celsius=88.0, memory_used_by_others_bytes=5),)


def card(folder: Path, vendor: str, *, status: str = "active", control: str = "on", millidegrees: str = "") -> Path:
    (folder / "power").mkdir(parents=True)
    (folder / "vendor").write_text(vendor + "\n")
    (folder / "class").write_text("0x030000\n")
    (folder / "power/runtime_status").write_text(status + "\n")
    (folder / "power/control").write_text(control + "\n")
    if millidegrees:
        (folder / "hwmon/hwmon3").mkdir(parents=True)
        (folder / "hwmon/hwmon3/temp1_input").write_text(millidegrees + "\n")
    return folder


linux = pytest.mark.skipif(sys.platform != "linux", reason="reads /sys of Linux")


@linux
async def test_a_card_that_sleeps_is_not_woken(tmp_path: Path) -> None:
    place = card(tmp_path / "0000:01:00.0", NVIDIA, status="suspended", control="auto")
    played = PlayedProbe(HOT)
    gpus = watch(played, lambda: 0.0, *cards(tmp_path))
    assert await gpus.read() == (GpuSensed(index=0, memory_used_by_others_bytes=0),)
    assert (played.asked, played.rested) == (0, 1)
    (place / "power/runtime_status").write_text("active\n")
    assert await gpus.read() == (GpuSensed(index=0, celsius=88.0, memory_used_by_others_bytes=5),)


@linux
async def test_a_card_that_would_fall_asleep_is_asked_seldom_unless_we_use_it(tmp_path: Path) -> None:
    card(tmp_path / "0000:01:00.0", NVIDIA, control="auto")
    now, played = [0.0], PlayedProbe(HOT)
    gpus = watch(played, lambda: now[0], *cards(tmp_path))
    await gpus.read()
    now[0] = SPARING - 1
    await gpus.read()
    assert played.asked == 1
    ours = watch(played, lambda: now[0], *cards(tmp_path), ours=lambda pid: not pid)
    await ours.read()
    await ours.read()
    assert played.asked == 3


@linux
async def test_amd_s_temperature_stands_behind_nvidia_s(tmp_path: Path) -> None:
    card(tmp_path / "0000:01:00.0", AMD, millidegrees="54000")
    card(tmp_path / "0000:02:00.0", NVIDIA)
    gpus = watch(PlayedProbe(HOT), lambda: 0.0, *cards(tmp_path))
    assert await gpus.read() == (
        GpuSensed(index=0, celsius=88.0, memory_used_by_others_bytes=5),
        GpuSensed(index=1, celsius=54.0),
    )
