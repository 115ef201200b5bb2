"""Asks NVIDIA's driver how busy the GPUs are and by whom, in a process that may crash, while that is worth it."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Mapping, Sequence

from node.hardware.gpus import probe_command
from node.hardware.sensing import gpu_linux
from node.hardware.sensing.gpu_watch import SPARING, Answer, Probe, ProbedGpu
from node.hardware.sensing.look import in_thread
from node.vitals.values import GpuGauge

ABSENT_FOR = 3600.0  # seconds until a computer without NVIDIA's driver is asked again
RETRY = 60.0  # seconds until a driver that failed is asked again


class GpuMeter:
    """Keeps the probe running between `read` and `rest`; a card that sleeps is not woken for a gauge.

    One that would fall asleep is left alone for a while: else it stayed awake as long as somebody looks at it.
    """

    def __init__(
        self,
        probe: Probe | None = None,
        cards: Callable[[], Sequence[gpu_linux.Card]] = gpu_linux.cards,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._probe = probe or Probe((*probe_command(), "--watch"))
        self._cards = [one for one in cards() if one.vendor == gpu_linux.NVIDIA] if sys.platform == "linux" else []
        self._clock = clock
        self._not_before = float("-inf")
        self._told: tuple[ProbedGpu, ...] = ()
        self._read = in_thread(self._ask)

    async def read(self) -> tuple[ProbedGpu, ...]:
        """Return what is told of each GPU; nothing where nobody tells."""
        return await self._read()

    def rest(self) -> None:
        """End the probe until the next question."""
        self._probe.rest()

    def close(self) -> None:
        self._probe.close()

    def _ask(self) -> tuple[ProbedGpu, ...]:
        now = self._clock()
        if self._cards and all(card.sleeps() for card in self._cards):
            self._probe.rest()
            return ()
        if now < self._not_before:
            return self._told
        answer = self._probe.ask(usage=True)
        spares = bool(self._cards) and all(card.may_sleep() for card in self._cards) and is_idle(answer)
        self._not_before = now + (SPARING if spares else _patience(answer))
        self._told = answer.gpus
        return answer.gpus


def is_idle(answer: Answer) -> bool:
    """Tell whether no program works on any GPU; one whose driver does not tell may be at work."""
    return bool(answer.gpus) and all(
        gpu.busy == 0 and not any(s for _, s in gpu.users or ()) for gpu in answer.gpus
    )


def _patience(answer: Answer) -> float:
    return ABSENT_FOR if answer.absent else RETRY if answer.trouble else 0.0


def gauge(gpu: ProbedGpu) -> GpuGauge:
    """Return what is shown of a GPU."""
    return GpuGauge(
        name=gpu.name,
        busy=None if gpu.busy is None else min(1.0, gpu.busy),
        memory_used_bytes=gpu.used_bytes,
        memory_bytes=gpu.total_bytes,
        celsius=None if gpu.celsius is None else float(gpu.celsius),
        watts=gpu.watts,
    )


def used_by(gpu: ProbedGpu, owners: Mapping[int, str]) -> dict[str, float] | None:
    """Return the share of the time that each service has used a GPU, or None where its driver does not tell."""
    if gpu.users is None:
        return None
    shares: dict[str, float] = {}
    for pid, share in gpu.users:
        if pid in owners:
            shares[owners[pid]] = min(1.0, shares.get(owners[pid], 0.0) + share)
    return shares
