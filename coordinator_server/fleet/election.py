"""Who of the coordinators assigns. Pure.

Who holds the leased key `roster/assigner` does. Whatever it writes as such goes with a write of that key which
expects the version that it saw last: two that both think they hold it cannot both write, whatever their clocks say
and however long one of them was halted.
"""

from __future__ import annotations

from dataclasses import dataclass

from coordinator_server.fleet.roster import ASSIGNER, Held
from coordinator_server.store.interface import ABSENT, Write


@dataclass(frozen=True, slots=True)
class Lead:
    """We assign, while the key has this version."""

    version: int


@dataclass(frozen=True, slots=True)
class Take:
    """Nobody assigns: try to become who does."""


@dataclass(frozen=True, slots=True)
class Resign:
    """Let others assign, if the key still has this version."""

    version: int


@dataclass(frozen=True, slots=True)
class Follow:
    """Do what is said."""


Role = Lead | Take | Resign | Follow


def role(held: Held | None, own_run: str, leased_until: float, now: float, *, stands: bool) -> Role:
    """Return what to do, as the store was seen last; `stands` says whether we want to assign.

    The lease ends at `leased_until`, by the same clock as `now`: who cannot be sure of it does nothing.
    """
    if held is None:
        return Take() if stands else Follow()
    if held.run != own_run:
        return Follow()
    if not stands:
        return Resign(held.version)
    return Lead(held.version) if leased_until > now else Follow()


def fence(own_run: str, version: int = ABSENT) -> Write:
    """Return the write that goes with whatever only the assigner may write, and makes one of us."""
    return Write(ASSIGNER, own_run.encode(), version, leased=True)


def resignation(version: int) -> Write:
    return Write(ASSIGNER, None, version)
