"""Tickets: each lets one worker open one connection to us, once and soon. Pure; times are seconds."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable


class Tickets:
    """Those that were given and have not been used; all live equally long, so that the oldest ends first."""

    def __init__(self, life: float, draw: Callable[[], str]) -> None:
        """`draw` makes tickets that nobody guesses."""
        self._life = life
        self._draw = draw
        self._given: dict[str, tuple[str, float]] = {}
        self._of: Counter[str] = Counter()

    def __len__(self) -> int:
        return len(self._given)

    def of(self, worker_id: str) -> int:
        """Return how many a worker has."""
        return self._of[worker_id]

    def give(self, worker_id: str, count: int, now: float) -> list[str]:
        given = [self._draw() for _ in range(count)]
        for ticket in given:
            self._given[ticket] = (worker_id, now + self._life)
        self._of[worker_id] += count
        return given

    def is_given(self, ticket: str, now: float) -> bool:
        """Tell whether somebody may use this ticket."""
        found = self._given.get(ticket)
        return found is not None and now < found[1]

    def use(self, ticket: str, worker_id: str, now: float) -> bool:
        """Take a ticket back, for good; tell whether it was this worker's, and still good."""
        found = self._given.get(ticket)
        if found is None or found[0] != worker_id:
            return False  # it stays its owner's
        self._drop(ticket)
        return now < found[1]

    def expire(self, now: float) -> None:
        """Forget those that nobody has used in time."""
        while self._given:
            ticket, (_, end) = next(iter(self._given.items()))
            if now < end:
                return
            self._drop(ticket)

    def forget(self, worker_id: str) -> None:
        if worker_id not in self._of:
            return  # so it is with nearly everybody who opens a channel, and there may be thousands of tickets
        for ticket in [ticket for ticket, (owner, _) in self._given.items() if owner == worker_id]:
            self._drop(ticket)

    def _drop(self, ticket: str) -> None:
        worker_id, _ = self._given.pop(ticket)
        self._of[worker_id] -= 1
        if self._of[worker_id] <= 0:
            del self._of[worker_id]
