"""Decides how long to wait before a channel is opened again. Pure; times are seconds.

Pauses are drawn from the whole range up to a ceiling (full jitter), so that thousands of nodes that lost their
coordinator at one moment do not come back at one moment: the first try of each is within the second after that.
"""

from __future__ import annotations

from dataclasses import dataclass

FIRST = 1.0
LONGEST = 60.0
# One that lived so long was a good one, whatever cut it, as proxies do: its worker is hardly away if soon back.
LIVED = 5.0
# A coordinator that is restarted is away for some seconds, in which pauses do not grow further than this.
SOON, TRIES = 2.0, 10
AGAIN = 0.5  # for whoever has done what it was sent away for
NONE_THERE = 300.0  # for a coordinator that is too old to have a channel


@dataclass(frozen=True, slots=True)
class Reconnect:
    """How many channels in a row came to nothing."""

    failures: int = 0

    def after(self, lived: float, chance: float, *, sent_away: bool = False) -> tuple[Reconnect, float]:
        """Return what is remembered, and the pause, after a channel that lived so long (0 if it never opened).

        `chance` is random, from 0 to 1. Who was `sent_away` to register comes back when that is done: the
        coordinator is there, and sends only so many away at a time.
        """
        failures = 0 if lived >= LIVED else self.failures
        ceiling = min(SOON, FIRST * 2**failures) if failures < TRIES else SOON * 2 ** min(failures - TRIES + 1, 8)
        ceiling = min(AGAIN if sent_away and failures < TRIES else LONGEST, ceiling)
        return Reconnect(failures + 1), chance * ceiling

    def after_none_there(self, chance: float) -> tuple[Reconnect, float]:
        """Return the same where the coordinator knows no channels."""
        return Reconnect(), NONE_THERE * (1 - chance / 10)
