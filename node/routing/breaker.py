"""Circuit breakers per worker and service: who keeps failing is left alone for a while, then probed once."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from node.routing.candidates import Candidate

MAX_BREAKERS = 4096
LONGEST_COOLDOWN = 120.0

BreakerState = Literal["closed", "open", "half-open"]


@dataclass(slots=True)
class _Breaker:
    failures: int = 0  # in a row
    opened: int = 0  # times in a row, which doubles the cooldown
    open_until: float | None = None
    probing_since: float | None = None


class Breakers:
    """All breakers of one router; times are seconds of whatever clock the caller uses. Success forgets all."""

    def __init__(self, failures: int = 5, cooldown: float = 10.0, maximum: int = MAX_BREAKERS) -> None:
        self._failures = failures
        self._cooldown = cooldown
        self._maximum = maximum
        self._known: OrderedDict[tuple[str, str], _Breaker] = OrderedDict()

    def __len__(self) -> int:
        return len(self._known)

    def state(self, service: str, worker_id: str, now: float) -> BreakerState:
        breaker = self._known.get((service, worker_id))
        if breaker is None or breaker.open_until is None:
            return "closed"
        return "open" if now < breaker.open_until else "half-open"

    def open_until(self, service: str, worker_id: str) -> float | None:
        breaker = self._known.get((service, worker_id))
        return breaker.open_until if breaker else None

    def usable(self, service: str, candidates: Sequence[Candidate], now: float) -> Sequence[Candidate]:
        """Return the candidates that may be asked now; all of them where the breakers would leave none."""
        if not self._known:
            return candidates
        allowed = [item for item in candidates if self._allows((service, item.worker_id), now)]
        return allowed or candidates

    def begin(self, service: str, worker_id: str, now: float) -> None:
        """Say that the worker is being asked: in a half-open breaker this is the one probe."""
        breaker = self._known.get((service, worker_id))
        if breaker is not None and breaker.open_until is not None:
            breaker.probing_since = now

    def succeeded(self, service: str, worker_id: str) -> None:
        self._known.pop((service, worker_id), None)

    def failed(self, service: str, worker_id: str, now: float) -> None:
        key = (service, worker_id)
        breaker = self._known.setdefault(key, _Breaker())
        self._known.move_to_end(key)
        breaker.failures += 1
        breaker.probing_since = None
        if breaker.failures >= self._failures:
            breaker.open_until = now + min(self._cooldown * 2**breaker.opened, LONGEST_COOLDOWN)
            breaker.opened = min(breaker.opened + 1, 16)
        while len(self._known) > self._maximum:
            self._known.popitem(last=False)

    def gave_up(self, service: str, worker_id: str) -> None:
        """Say that the attempt ended without telling anything about the worker (the client went away)."""
        breaker = self._known.get((service, worker_id))
        if breaker is not None:
            breaker.probing_since = None

    def _allows(self, key: tuple[str, str], now: float) -> bool:
        breaker = self._known.get(key)
        if breaker is None or breaker.open_until is None:
            return True
        probing = breaker.probing_since is not None and now - breaker.probing_since < LONGEST_COOLDOWN
        return now >= breaker.open_until and not probing
