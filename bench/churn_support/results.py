"""What came of it, for people and for programs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from bench.churn_support.client import Tally


@dataclass(frozen=True, slots=True)
class Event:
    """Something that was done, so many seconds after the beginning."""

    at: float
    what: str
    whom: str


def quantile(values: Sequence[float], share: float) -> float:
    """Return the nearest-rank quantile in milliseconds; 0 for no values."""
    ordered = sorted(values)
    return 1000.0 * ordered[round(share * (len(ordered) - 1))] if ordered else 0.0


def document(sent: int, seconds: float, tally: Tally, events: Sequence[Event], logged: int) -> dict[str, Any]:
    return {
        "sent": sent,
        "seconds": round(seconds, 1),
        "answered": tally.answered,
        "failed": dict(tally.failed),
        "sent_again_by_client": tally.sent_again,
        "lines_in_access_log": logged,
        "tried_again_by_gateway": tally.tried_again,
        "p50_ms": round(quantile(tally.seconds, 0.5), 1),
        "p99_ms": round(quantile(tally.seconds, 0.99), 1),
        "slowest_ms": round(quantile(tally.seconds, 1.0), 1),
        "blows": dict(Counter(event.what for event in events)),
        "by_worker": dict(sorted(tally.by_worker.items())),
    }


def table(found: dict[str, Any], events: Sequence[Event], failures: Sequence[str]) -> str:
    failed = sum(found["failed"].values())
    rows = [
        ("requests", f"{found['sent']:,} in {found['seconds']} s"),
        ("answered rightly", f"{found['answered']:,}"),
        ("failed", f"{failed:,}"),
        *((f"  {kind}", f"{count:,}") for kind, count in sorted(found["failed"].items())),
        ("tried again by the gateway, on another worker", f"{found['tried_again_by_gateway']:,}"),
        ("sent again by the client (kept connection, closed)", f"{found['sent_again_by_client']:,}"),
        ("lines in the access log", f"{found['lines_in_access_log']:,}"),
        ("p50, p99, slowest", f"{found['p50_ms']}, {found['p99_ms']}, {found['slowest_ms']} ms"),
        *(sorted(Counter(event.what for event in events).items())),
        *((f"answers of {worker}", f"{count:,}") for worker, count in found["by_worker"].items()),
    ]
    lines = [f"{name:52} {value}" for name, value in rows]
    lines += ["", "What was done, in seconds since the beginning:"]
    lines += [f"{event.at:7.1f}  {event.what:50} {event.whom}" for event in events]
    return "\n".join([*lines, *(["", "Failures:", *failures] if failures else [])])
