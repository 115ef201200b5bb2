"""The last requests of a router: rows of what is known anyway when a request ends; told in full when asked for."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from node.routing.candidates import Candidate
from node.routing.failures import Vain
from node.routing.journeys import Journey, Journeys, Try, Why, WhyCode
from node.routing.settings import Policy
from node.routing.stats import Outcome
from node.wire.messages import Route

if TYPE_CHECKING:
    from node.routing.dispatch import Dispatch

BY_POLICY: dict[Policy, WhyCode] = {
    "weighted": "least-loaded",
    "round-robin": "turn",
    "least-outstanding": "fewest",
}
MOST_IN_A_SECOND = 50  # rows: of more requests only those that had trouble are kept, and time is not spent
LONGEST_REASON = 200  # characters


class Row(NamedTuple):
    """One request that has ended. Rows are kept as bare tuples, which are quicker to make."""

    at: float
    outcome: Outcome
    picked: Candidate | None
    known: int
    left_out: int
    trail: tuple[Vain, ...]
    forwarded: bool
    found: float
    waited: float
    broken: str


class Recent:
    """Keeps the last rows; `run` tells this router's numbers from those of one before it.

    Until `full_until` (seconds of the router's clock) only requests that had trouble are worth a row.
    """

    def __init__(self, keep: int, wall: Callable[[], float]) -> None:
        self._rows: deque[tuple[Any, ...]] = deque(maxlen=keep)
        self._wall = wall
        self._count = self._in_window = 0
        self._window_ends = self.full_until = float("-inf")
        self.run = int(wall() * 1000)

    def note(self, dispatch: Dispatch, outcome: Outcome) -> None:
        """Keep what is known of a request that has ended; nothing is worked out here, for requests wait for it."""
        one, choice, ended = dispatch, dispatch.choice, dispatch.started + outcome.seconds
        self._count += 1
        self._in_window += 1
        if ended >= self._window_ends:
            self._in_window, self._window_ends = 1, ended + 1.0
        elif self._in_window >= MOST_IN_A_SECOND:
            self.full_until = self._window_ends
        self._rows.append(
            (
                self._wall(), outcome, choice.picked, choice.known, choice.left_out, one.trail, one.forwarded,
                one.found, one.waited, one.exchange.broken,
            )
        )  # fmt: skip

    def journeys(self, policy: Policy, run: int, after: int) -> Journeys:
        """Return what is kept after a number of this run; else everything."""
        rows, ended = list(self._rows), self._count
        first = ended - len(rows) + 1
        skipped = max(0, min(after - first + 1, len(rows))) if run == self.run else 0
        return Journeys(
            run=self.run,
            last=ended,
            journeys=tuple(
                journey_of(Row(*row), first + position, policy)
                for position, row in enumerate(rows[skipped:], start=skipped)
            ),
        )


def journey_of(row: Row, number: int, policy: Policy) -> Journey:
    """Tell of a request in full."""
    outcome = row.outcome
    return Journey(
        number=number,
        at=round(row.at, 3),
        service=outcome.service,
        worker=outcome.worker,
        route=outcome.route,
        status=outcome.status,
        ms=_ms(outcome.seconds),
        attempts=outcome.attempts,
        broken=row.broken[:LONGEST_REASON],
        why=_why(row, policy),
        tries=tuple(_tries(row)),
    )


def _why(row: Row, policy: Policy) -> Why:
    outcome = row.outcome
    picked = row.picked if row.picked is not None and row.picked.worker_id == outcome.worker else None
    known = max(row.known, len({vain.failure.worker_id for vain in row.trail} | {outcome.worker} - {None}))
    if outcome.route == "local":
        return Why(code="sent-here" if row.forwarded else "here")
    code: WhyCode = BY_POLICY[policy]
    if outcome.worker is None:
        code = "nobody"
    elif row.trail:
        code = "instead"
    elif picked is None:
        code = "quicker"
    elif known - row.left_out <= 1:
        code = "only-one"
    return Why(
        code=code,
        known=known if outcome.worker is not None else row.known,
        load=round(picked.load, 3) if picked is not None else None,
        left_out=row.left_out,
        avoided=_avoided(picked.targets[0].route, outcome.route) if picked is not None else None,
    )


def _avoided(best: Route, taken: Route | None) -> Route | None:
    return best if taken is not None and best != taken else None


def _tries(row: Row) -> Sequence[Try]:
    outcome = row.outcome
    tries = [
        Try(
            worker=vain.failure.worker_id,
            route=vain.route,
            after_ms=_ms(vain.after),
            took_ms=_ms(vain.took),
            failed=vain.failure.reason[:LONGEST_REASON] or vain.failure.kind,
        )
        for vain in row.trail
    ]
    if outcome.worker is not None:
        answer = Try(worker=outcome.worker, route=outcome.route, after_ms=_ms(row.found), took_ms=_ms(row.waited))
        tries.append(answer)
    return sorted(tries, key=lambda one: one.after_ms)


def _ms(seconds: float) -> float:
    return round(1000.0 * seconds, 2)
