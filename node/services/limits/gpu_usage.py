"""How much of each GPU's memory each process has, as NVIDIA's driver tells it, asked in a process of its own."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

AGAIN = 600.0  # seconds until a driver that told nothing is asked again


class Probe(Protocol):
    """The process that asks the driver; both block."""

    def ask(self) -> Any:
        """Return `gpus`, each with `processes` of (pid, bytes or None); and `absent`, or `trouble`."""

    def close(self) -> None: ...


class GpuUsage:
    """Asks a probe, which it makes when it is first needed."""

    def __init__(self, make: Callable[[], Probe], clock: Callable[[], float] = time.monotonic) -> None:
        self._make = make
        self._clock = clock
        self._probe: Probe | None = None
        self._not_before = 0.0
        self._asking = asyncio.Lock()

    async def read(self) -> Sequence[Mapping[int, int]] | None:
        """Return of each GPU what its processes have, or None where that cannot be told."""
        async with self._asking:
            if self._clock() < self._not_before:
                return None
            self._probe = self._probe or self._make()
            answer = await asyncio.to_thread(self._probe.ask)
        if answer.absent or answer.trouble or any(gpu.processes is None for gpu in answer.gpus):
            self._not_before = self._clock() + AGAIN
            return None
        if any(used is None for gpu in answer.gpus for _, used in gpu.processes):
            return None  # as Windows does: it names the processes only
        return [dict(gpu.processes) for gpu in answer.gpus]

    def close(self) -> None:
        """End the probe; may be called any number of times."""
        if self._probe is not None:
            self._probe.close()
