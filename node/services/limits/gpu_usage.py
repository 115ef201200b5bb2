"""How much of each GPU's memory each process has, as NVIDIA's driver tells it, asked in a process of its own.

A card that sleeps is not asked, which would wake it; one that would fall asleep is asked seldom while it is idle.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

AGAIN = 600.0  # seconds until a driver that told nothing is asked again
SPARING = 30.0  # seconds between questions that might keep a card awake that nobody uses


class Probe(Protocol):
    """The process that asks the driver; both block."""

    def ask(self) -> Any:
        """Return `gpus`, each with `processes` of (pid, bytes or None); and `absent`, or `trouble`."""

    def rest(self) -> None:
        """End the process until the next question."""

    def close(self) -> None: ...


class Card(Protocol):
    """A card of NVIDIA's, as the kernel sees it."""

    def sleeps(self) -> bool: ...
    def may_sleep(self) -> bool: ...


class GpuUsage:
    """Asks a probe, which it makes when it is first needed."""

    def __init__(
        self,
        make: Callable[[], Probe],
        clock: Callable[[], float] = time.monotonic,
        cards: Sequence[Card] = (),
    ) -> None:
        self._make = make
        self._clock = clock
        self._cards = cards
        self._probe: Probe | None = None
        self._not_before = float("-inf")
        self._told: Sequence[Mapping[int, int]] | None = None
        self._asking = asyncio.Lock()

    async def read(self) -> Sequence[Mapping[int, int]] | None:
        """Return of each GPU what its processes have, or None where that cannot be told."""
        async with self._asking:
            if self._cards and all(card.sleeps() for card in self._cards):
                if self._probe is not None:  # as long as that runs, a card may stay awake for it
                    await asyncio.to_thread(self._probe.rest)
                return [{} for _ in self._cards]
            if self._clock() >= self._not_before:
                self._probe = self._probe or self._make()
                self._take(await asyncio.to_thread(self._probe.ask))
            return self._told

    def _take(self, answer: Any) -> None:
        self._told, patience = None, 0.0
        if answer.absent or answer.trouble or any(gpu.processes is None for gpu in answer.gpus):
            patience = AGAIN
        elif all(used is not None for gpu in answer.gpus for _, used in gpu.processes):  # else Windows: names only
            self._told = [dict(gpu.processes) for gpu in answer.gpus]
            if self._cards and not any(self._told) and all(card.may_sleep() for card in self._cards):
                patience = SPARING
        self._not_before = self._clock() + patience

    def close(self) -> None:
        """End the probe; may be called any number of times."""
        if self._probe is not None:
            self._probe.close()
