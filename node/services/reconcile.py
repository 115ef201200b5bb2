"""Pure decisions of the supervisor: what to start and stop, and how long to wait before a restart."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from node.wire.manifests import Manifest

BACKOFF_BASE = 1.0  # seconds
BACKOFF_CAP = 60.0  # seconds
GOOD_RUN = 60.0  # seconds of running after which earlier failures are forgotten


@dataclass(frozen=True, slots=True)
class Difference:
    """What to do so that what runs becomes what is wanted; a changed manifest is in both."""

    stop: tuple[str, ...]
    start: tuple[Manifest, ...]


def difference(running: Mapping[str, Manifest], wanted: Sequence[Manifest]) -> Difference:
    """Compare by whole manifest, so that a changed one is started anew; of two with one name the last counts."""
    by_name = {manifest.name: manifest for manifest in wanted}
    stop = tuple(name for name, manifest in running.items() if by_name.get(name) != manifest)
    start = tuple(manifest for name, manifest in by_name.items() if running.get(name) != manifest)
    return Difference(stop, start)


def backoff(failures: int, fraction: float) -> float:
    """Return the seconds to wait after that many failures in a row: exponential with full jitter.

    `fraction` is random in 0..1. The ceiling is 1, 2, 4 … 60 s (Brooker, "Exponential Backoff And Jitter", 2015).
    """
    ceiling = min(BACKOFF_CAP, BACKOFF_BASE * 2.0 ** min(max(failures, 1) - 1, 32))
    return ceiling * fraction


def failures_after(failures: int, ran_for: float) -> int:
    """Count one more failure; a good run before it (seconds) wipes out the earlier ones."""
    return 1 if ran_for >= GOOD_RUN else failures + 1
