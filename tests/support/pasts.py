"""A past of a node: samples, requests and entries of any number, the same for the same numbers."""

from __future__ import annotations

from app.past_model import ActivitySight, RoutingSight
from node.activity.entries import Entry
from node.routing.journeys import Journey, Try, Why
from node.routing.samples import Sample, Series
from tests.support.samples import LONG, NOW

CODES = (
    ("node-started", "0.1.0", ""),
    ("joined", "https://mesh.debtadvice.example", "w-7f3a9c21d4"),
    ("service-started", "document-processing", ""),
    ("paused", "on-battery", "This computer runs on its battery."),
    ("resumed", "", ""),
    ("service-failed", "ner-extraction", "It ended with exit code 1."),
    ("coordinator-lost", "https://mesh.debtadvice.example", "It refused the connection."),
)


def series(step: float, count: int) -> Series:
    """Return samples in which requests come and go."""
    return Series(step=step, ends_at=NOW, samples=tuple(_sample(n) for n in range(count)))


def _sample(number: int) -> Sample:
    count = number % 7
    if not count:
        return Sample()
    return Sample(
        requests=count, hits=count - 1, misses=1, lookups=1, failed=int(number % 5 == 0), local=count,
        p50=10.0 + count, p95=100.0 + count, p99=500.0 + count,
    )  # fmt: skip


def journey(number: int, **changes: object) -> Journey:
    values: dict[str, object] = {
        "number": number,
        "at": NOW - 1000 + number,
        "service": "document-processing",
        "worker": "w-0b51e7",
        "route": "vpn",
        "status": 200,
        "ms": 18.25,
        "attempts": 1,
        "why": Why(code="least-loaded", known=5, load=0.12),
        "tries": (Try(worker="w-0b51e7", route="vpn", after_ms=0.4, took_ms=17.0),),
    }
    return Journey(**{**values, **changes})  # type: ignore[arg-type]


def routing(last: int, *, first: int = 1, run: int = 7, live: bool = True) -> RoutingSight:
    journeys = tuple(journey(number) for number in range(last, first - 1, -1))
    return RoutingSight(series(1.0, 300), series(60.0, 1440), run, journeys, live)


def entry(number: int, *, long: bool = False) -> Entry:
    code, subject, detail = CODES[number % len(CODES)]
    if long:
        subject, detail = LONG, "because of this and that " * 30
    return Entry(number=number, at=NOW - 400 * 5000 + number * 5000, code=code, subject=subject, detail=detail)


def activity(last: int, *, first: int = 1, long: bool = False, live: bool = True) -> ActivitySight:
    return ActivitySight(tuple(entry(number, long=long) for number in range(last, first - 1, -1)), live)
