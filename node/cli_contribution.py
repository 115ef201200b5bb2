"""What `rma-mesh-node contribution` prints: what this machine has given, for people."""

from __future__ import annotations

from collections.abc import Iterator

from node.vitals.values import Contribution, Counted

HEADINGS = ("", "requests", "CPU hours", "GPU hours", "kWh")


def lines_of(told: Contribution) -> Iterator[str]:
    """Yield a table of today, this week and in all, one of the services, and what the energy is estimated by."""
    if told.trouble:
        yield told.trouble
    times = [("today", told.today), ("this week", told.week), ("in all", told.total)]
    services = sorted(told.services.items(), key=lambda one: (-one[1].requests, one[0]))
    width = max(len(name) for name, _ in (*times, *services))
    for rows in (times, services):
        if rows:
            yield f"{HEADINGS[0]:<{width}} " + " ".join(f"{heading:>10}" for heading in HEADINGS[1:])
        for name, counted in rows:
            yield f"{name:<{width}} " + " ".join(f"{text:>10}" for text in _figures(counted))
        if rows is times:
            yield f"{told.total.failed} requests failed here." if told.total.failed else ""
    since = f"Counted since {told.since}. " if told.since else "Nothing was counted yet. "
    yield (
        f"{since}The energy is an estimate: {told.watts_per_core:g} W for a busy core, and for a busy GPU what it "
        f"tells, or {told.watts_per_gpu:g} W."
    )


def _figures(counted: Counted) -> tuple[str, ...]:
    return (
        f"{counted.requests:,}",
        f"{counted.cpu_seconds / 3600:.2f}",
        f"{counted.gpu_seconds / 3600:.2f}",
        f"{counted.energy_joules / 3_600_000:.3f}",
    )
