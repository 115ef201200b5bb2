"""Circuit breakers per worker and service: who keeps failing is left alone for a while, then probed once."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator, Set
from dataclasses import dataclass
from typing import Literal

MAX_BREAKERS = 4096
LONGEST_COOLDOWN = 120.0
NOBODY: Set[str] = frozenset()

BreakerState = Literal["closed", "open", "half-open"]


@dataclass(slots=True)
class _Breaker:
    failures: int = 0  # in a row
    opened: int = 0  # times in a row, which doubles the cooldown
    open_until: float | None = None
    probing_since: float | None = None
    reason: str = ""  # of the last failure


@dataclass(frozen=True, slots=True)
class Tripped:
    """A breaker that has opened: until when nobody is let through, and whether its one probe is under way."""

    worker_id: str
    state: BreakerState
    until: float
    probing: bool
    failures: int
    reason: str

    @property
    def blocks(self) -> bool:
        return self.state == "open" or self.probing


class Breakers:
    """All breakers of one router; times are seconds of whatever clock the caller uses. Success forgets all."""

    def __init__(self, failures: int = 5, cooldown: float = 10.0, maximum: int = MAX_BREAKERS) -> None:
        self._failures = failures
        self._cooldown = cooldown
        self._maximum = maximum
        self._known: OrderedDict[tuple[str, str], _Breaker] = OrderedDict()
        self._tripped: dict[str, set[str]] = {}  # service -> workers; nearly always empty

    def __len__(self) -> int:
        return len(self._known)

    def blocked(self, service: str, now: float) -> Set[str]:
        """Return the workers that may not be asked now."""
        if service not in self._tripped:
            return NOBODY
        return {item.worker_id for item in self.tripped(service, now) if item.blocks}

    def tripped(self, service: str, now: float) -> Iterator[Tripped]:
        """Yield what is known of each breaker of a service that is not closed."""
        for worker_id in self._tripped.get(service, ()):
            breaker = self._known[service, worker_id]
            until = breaker.open_until or 0.0
            probing = breaker.probing_since is not None and now - breaker.probing_since < LONGEST_COOLDOWN
            state: BreakerState = "open" if now < until else "half-open"
            yield Tripped(worker_id, state, until, probing, breaker.failures, breaker.reason)

    def begin(self, service: str, worker_id: str, now: float) -> bool:
        """Say that the worker is being asked; return whether this is the one probe of a half-open breaker."""
        breaker = self._known.get((service, worker_id)) if self._known else None
        if breaker is None or breaker.open_until is None:
            return False
        breaker.probing_since = now
        return True

    def succeeded(self, service: str, worker_id: str) -> None:
        if self._known and self._known.pop((service, worker_id), None) is not None:
            self._close(service, worker_id)

    def failed(self, service: str, worker_id: str, now: float, reason: str = "") -> None:
        key = (service, worker_id)
        breaker = self._known.setdefault(key, _Breaker())
        self._known.move_to_end(key)
        breaker.failures += 1
        breaker.reason = reason
        breaker.probing_since = None
        is_open = breaker.open_until is not None and now < breaker.open_until
        if breaker.failures >= self._failures and not is_open:  # what was under way as it opened says nothing new
            breaker.open_until = now + min(self._cooldown * 2**breaker.opened, LONGEST_COOLDOWN)
            breaker.opened = min(breaker.opened + 1, 16)
            self._tripped.setdefault(service, set()).add(worker_id)
        while len(self._known) > self._maximum:
            oldest, _ = self._known.popitem(last=False)
            self._close(*oldest)

    def gave_up(self, service: str, worker_id: str) -> None:
        """Say that the probe ended without telling anything about the worker (the client went away)."""
        breaker = self._known.get((service, worker_id))
        if breaker is not None:
            breaker.probing_since = None

    def _close(self, service: str, worker_id: str) -> None:
        tripped = self._tripped.get(service)
        if tripped is not None:
            tripped.discard(worker_id)
            if not tripped:
                del self._tripped[service]
