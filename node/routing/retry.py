"""Whether a failed request may go to another worker, after which pause, and within which budget (SPEC §7)."""

from __future__ import annotations

import random

from node.wire.manifests import Manifest

IDEMPOTENT_METHODS = frozenset({"GET", "HEAD", "OPTIONS", "PUT", "DELETE"})  # RFC 9110 §9.2.2


def repeatable(method: str, idempotency_key: str, manifest: Manifest) -> bool:
    """Tell whether executing the request twice does no harm."""
    return method in IDEMPOTENT_METHODS or manifest.idempotent or bool(idempotency_key)


def may_retry(*, executed: bool, repeatable: bool, replayable: bool, attempts: int, most: int) -> bool:
    """Tell whether another worker may be asked.

    `executed` is whether the failed attempt may have been carried out, `replayable` whether we still have the
    whole body, `attempts` how many workers were asked so far and `most` how many may be.
    """
    return attempts < most and replayable and (repeatable or not executed)


def backoff(failures: int, base: float, cap: float, rng: random.Random) -> float:
    """Return the pause in seconds before the next attempt: full jitter, doubling with every failure."""
    return rng.uniform(0.0, min(cap, base * 2.0 ** max(0, failures - 1)))


class RetryBudget:
    """A token bucket that keeps retries to a share of the requests, and a trickle that is always there."""

    def __init__(self, share: float = 0.2, floor_per_second: float = 5.0, capacity: float = 100.0) -> None:
        self._share = share
        self._floor = floor_per_second
        self._capacity = capacity
        self._tokens = capacity / 2
        self._requests = 0  # since the bucket was looked at last
        self._counted_at: float | None = None

    def request(self, now: float) -> None:
        """Count a request, which pays for its share of retries."""
        self._requests += 1
        if self._counted_at is None:
            self._counted_at = now

    def take(self, now: float) -> bool:
        """Take a retry when the budget has one."""
        self._refill(now)
        if self._tokens < 1.0:
            return False
        self._tokens -= 1.0
        return True

    def _refill(self, now: float) -> None:
        gained = self._requests * self._share
        self._requests = 0
        if self._counted_at is not None:
            gained += max(0.0, now - self._counted_at) * self._floor
        self._tokens = min(self._capacity, self._tokens + gained)
        self._counted_at = now
