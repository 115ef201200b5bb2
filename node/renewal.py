"""Decides when a node asks its coordinator for a place in the overlay, or for a newer certificate. Pure.

Times are Unix seconds. Every question puts the next one off, longer each time, until what was asked for is there:
so neither a coordinator that refuses nor two that disagree are asked without end.
"""

from __future__ import annotations

from dataclasses import dataclass

from node.wire.messages import VpnGrant

FIRST_PAUSE = 5.0  # seconds; doubles with every question
LONGEST_PAUSE = 600.0


@dataclass(frozen=True, slots=True)
class Renewal:
    """How often was asked without getting what is wanted, and when to ask again at the earliest."""

    asked: int = 0
    not_before: float = 0.0

    def may_ask(self, now: float) -> bool:
        """Say whether the pause is over; one that is longer than any was made by a clock that was wrong."""
        return now >= self.not_before or self.not_before - now > LONGEST_PAUSE

    def after_asking(self, now: float) -> Renewal:
        pause = min(LONGEST_PAUSE, FIRST_PAUSE * 2 ** min(self.asked, 16))
        return Renewal(self.asked + 1, now + pause)


def is_wanted(grant: VpnGrant | None, told_version: str, now: float) -> bool:
    """Say whether another grant than this one is needed; `told_version` is the coordinator's, empty for none."""
    if grant is None:
        return True
    return now >= grant.renew_at or (bool(told_version) and told_version != grant.version)
