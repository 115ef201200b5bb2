from __future__ import annotations

import os
import time

import psutil
import pytest
from hypothesis import given
from hypothesis import strategies as st

from node.hardware.load import LoadSampler, combine, read_free_memory, read_usable_cpus


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.mark.parametrize(
    ("cpu", "gpu", "in_flight", "concurrency", "load"),
    [
        (0.2, None, 0, 4, 0.2),
        (0.2, 0.7, 1, 4, 0.7),
        (0.2, 0.1, 3, 4, 0.75),
        (0.2, None, 9, 4, 1.0),
        (0.2, None, 5, 0, 0.2),
        (1.7, None, 0, 1, 1.0),
        (-0.1, None, 0, 1, 0.0),
    ],
)
def test_the_busiest_part_is_the_load(
    cpu: float, gpu: float | None, in_flight: int, concurrency: int, load: float
) -> None:
    assert combine(cpu, gpu, in_flight, concurrency) == load


@given(st.floats(-2, 2), st.none() | st.floats(-2, 2), st.integers(0, 10**6), st.integers(0, 1024))
def test_a_load_is_always_a_fraction(cpu: float, gpu: float | None, in_flight: int, concurrency: int) -> None:
    assert 0.0 <= combine(cpu, gpu, in_flight, concurrency) <= 1.0


def test_frequent_questions_do_not_read_the_cpu_again() -> None:
    clock, readings = Clock(), [[99.0], [10.0, 30.0], [60.0]]
    sampler = LoadSampler(clock, lambda: readings.pop(0))
    assert sampler.cpu() == 0.0
    clock.now += 1
    assert sampler.cpu() == pytest.approx(0.2)
    clock.now += 0.5
    assert sampler.cpu() == pytest.approx(0.2)
    clock.now += 0.5
    assert sampler.cpu() == pytest.approx(0.6)
    assert readings == []


@pytest.mark.parametrize(("read", "told"), [(0.4567, 0.46), (1.2, 1.0), (-0.1, 0.0)])
def test_free_memory_is_a_share_without_noise(read: float, told: float) -> None:
    assert LoadSampler(Clock(), lambda: [0.0], lambda: read).memory_free() == told


def test_some_memory_is_free_here() -> None:
    assert 0.0 < read_free_memory() <= 1.0


def test_gpu_and_requests_count_too() -> None:
    sampler = LoadSampler(Clock(), lambda: [0.0])
    assert sampler.load(1, 4) == 0.25
    sampler.gpu = 0.5
    assert sampler.load(1, 4) == 0.5


def test_no_readings_are_no_load() -> None:
    clock = Clock()
    sampler = LoadSampler(clock, list)
    clock.now += 5
    assert sampler.cpu() == 0.0


def test_reading_the_real_cpus_does_not_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    def sleep(_seconds: float) -> None:
        raise AssertionError("it waited")

    monkeypatch.setattr(time, "sleep", sleep)  # between two readings psutil would sleep
    percents = read_usable_cpus()
    assert percents
    assert all(0 <= percent <= 100 for percent in percents)


@pytest.mark.skipif(not hasattr(os, "sched_getaffinity"), reason="this system has no CPU affinity")
def test_only_cpus_that_we_may_use_count(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(psutil, "cpu_percent", lambda interval, percpu: [10.0, 90.0, 30.0])
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: {0, 2})
    assert read_usable_cpus() == [10.0, 30.0]
