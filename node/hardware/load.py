"""How busy this machine is, as one number from 0.0 to 1.0 (SPEC §7), and how much of its memory is free."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence

import psutil

SAMPLE_INTERVAL = 1.0  # seconds; more frequent readings would be noise


def combine(cpu: float, gpu: float | None, in_flight: int, concurrency: int) -> float:
    """Return the largest of CPU, GPU and requests in flight per allowed request, kept within 0.0 and 1.0."""
    busy = in_flight / concurrency if concurrency > 0 else 0.0
    return min(1.0, max(0.0, cpu, gpu or 0.0, busy))


class LoadSampler:
    """Reads the CPU without waiting: each reading covers the time since the one before."""

    def __init__(
        self,
        clock: Callable[[], float] = time.monotonic,
        read_cpus: Callable[[], Sequence[float]] | None = None,
        read_memory: Callable[[], float] | None = None,
    ) -> None:
        self._clock = clock
        self._read_cpus = read_cpus or read_usable_cpus
        self._read_cpus()  # the first reading covers no time and says nothing
        self._read_at = clock()
        self._cpu = 0.0
        self._read_memory = read_memory or read_free_memory
        self.gpu: float | None = None  # from the last look at the GPUs, where somebody looked

    def cpu(self) -> float:
        """Return how busy the CPUs were lately; may be called as often as one likes."""
        now = self._clock()
        if now - self._read_at >= SAMPLE_INTERVAL:
            percents = self._read_cpus()
            self._cpu = sum(percents) / len(percents) / 100 if percents else 0.0
            self._read_at = now
        return self._cpu

    def load(self, in_flight: int, concurrency: int) -> float:
        """Return our load with so many requests in flight out of those allowed at once."""
        return combine(self.cpu(), self.gpu, in_flight, concurrency)

    def memory_free(self) -> float:
        """Return the share of the memory that programs may still have, in hundredths: less would be noise."""
        return round(min(1.0, max(0.0, self._read_memory())), 2)


def read_free_memory() -> float:
    """Return the share of the memory that is free or can be freed at once."""
    memory = psutil.virtual_memory()
    return memory.available / memory.total if memory.total else 1.0


def read_usable_cpus() -> Sequence[float]:
    """Return percent busy since the last call of each CPU that we may use."""
    percents = psutil.cpu_percent(interval=None, percpu=True)
    try:
        allowed = os.sched_getaffinity(0)
    except (AttributeError, OSError):  # macOS and Windows have no such call
        return percents
    return [percent for number, percent in enumerate(percents) if number in allowed] or percents
