"""How the requests of the last minute went, service by service, by samples of what the metrics count."""

from __future__ import annotations

from bisect import bisect_left
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate

from node.program.tasks import TaskSet

SAMPLE = 5.0  # seconds
MINUTE = 60.0


@dataclass(frozen=True, slots=True)
class Count:
    """What a service has had since the start: `times` are requests that took up to each bound, or longer."""

    times: tuple[int, ...]
    errors: int


@dataclass(frozen=True, slots=True)
class Flow:
    """What a service has had lately: requests a second, share of failures, and what 95 of 100 took at most."""

    rate: float = 0.0
    errors: float = 0.0
    p95_seconds: float | None = None  # None where there were no requests
    requests: int = 0


class Traffic:
    """Keeps a minute of samples, from `start` to `stop`."""

    def __init__(
        self, read: Callable[[], Mapping[str, Count]], bounds: Sequence[float], now: Callable[[], float]
    ) -> None:
        """`bounds` are in seconds, `now` gives seconds of a steady clock."""
        self._read = read
        self._bounds = bounds
        self._now = now
        self._samples: deque[tuple[float, Mapping[str, Count]]] = deque()
        self._tasks = TaskSet("traffic")

    def start(self) -> None:
        self._tasks.every(SAMPLE, self.sample, "samples")

    async def stop(self) -> None:
        await self._tasks.stop()

    async def sample(self) -> None:
        """Take a sample, and forget those that are older than a minute but one."""
        now = self._now()
        self._samples.append((now, self._read()))
        while len(self._samples) > 1 and now - self._samples[1][0] >= MINUTE:
            self._samples.popleft()

    def flows(self) -> Mapping[str, Flow]:
        """Return how each service did since the oldest sample."""
        if not self._samples:
            return {}
        (then, before), now = self._samples[0], self._now()
        return {
            service: self._flow(before.get(service), count, max(now - then, 0.001))
            for service, count in self._read().items()
        }

    def _flow(self, before: Count | None, count: Count, seconds: float) -> Flow:
        old = before.times if before is not None else (0,) * len(count.times)
        times = [max(0, new - earlier) for new, earlier in zip(count.times, old, strict=True)]
        requests = sum(times)
        if not requests:
            return Flow()
        errors = max(0, count.errors - (before.errors if before is not None else 0))
        place = bisect_left(list(accumulate(times)), 0.95 * requests)
        p95 = self._bounds[min(place, len(self._bounds) - 1)]
        return Flow(requests / seconds, min(1.0, errors / requests), p95, requests)
