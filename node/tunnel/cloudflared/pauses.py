"""Decides when a tunnel that ended is opened again. Pure; times are seconds.

Every start of a quick tunnel asks Cloudflare for a new address, and its limit for that counts all who share ours:
who was told to wait, waits long.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from node.tunnel.cloudflared.lines import TroubleKind

STEADY = 300.0  # a tunnel that carried so long was a good one
# First and longest pause for what is wrong; anything else has USUAL. It doubles with every failure in a row.
USUAL = (5.0, 600.0)
BOUNDS: Mapping[TroubleKind, tuple[float, float]] = {
    "rate-limited": (900.0, 7200.0),
    "token": (900.0, 3600.0),
    "service": (60.0, 1800.0),
}


@dataclass(frozen=True, slots=True)
class Pauses:
    """How many tunnels in a row came to nothing."""

    failures: int = 0

    def after(
        self, carried: float, kind: TroubleKind, chance: float, at_least: float = 0.0
    ) -> tuple[Pauses, float]:
        """Return what is remembered, and the pause after a tunnel that carried so long.

        `chance` is random, from 0 to 1, and spreads those who failed together; `at_least` is what was asked of us.
        """
        failures = 0 if carried >= STEADY else self.failures
        first, longest = BOUNDS.get(kind, USUAL)
        pause = min(longest, first * 2 ** min(failures, 16))
        return Pauses(failures + 1), max(at_least, pause * (1 + chance) / 2, first if kind in BOUNDS else 0.0)
