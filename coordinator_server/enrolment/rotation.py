"""How far a rotation is, whichever key it replaces, and when its next step may be taken. Pure.

Everybody is given the new key beside the old one (`spreading`), then what the new one has signed (`replacing`),
then the old one counts no more (`steady`): each step waits for all whom it would cut off, and no longer than what
members were given before it can last.
"""

from __future__ import annotations

from dataclasses import dataclass

from node.wire.credentials import CLOCK_SKEW
from node.wire.mesh_keys import Phase
from node.wire.problems import Problem

NAMED = 3  # members that are waited for and named in a sentence


def is_outlived(since: float, now: float, life: float) -> bool:
    """Say whether all that was given out before a step has expired: whoever is in was handed what it brought.

    Nobody is waited for then. A member that renews, and never says what it uses, would hold a rotation up for ever.
    """
    return now - since >= life + 2 * CLOCK_SKEW


@dataclass(frozen=True, slots=True)
class RotationState:
    """How far a rotation is: since when (Unix seconds), and for whom it waits."""

    phase: Phase
    since: float
    waiting_for: tuple[str, ...]

    def is_due(self, now: float, settle: float) -> bool:
        """Say whether the next step may be taken: everybody is ready, and `settle` seconds have passed."""
        return self.phase != "steady" and not self.waiting_for and now - self.since >= settle

    def _waits(self) -> str:
        count = len(self.waiting_for)
        if not count:
            return "It goes on by itself"
        named = ", ".join(self.waiting_for[:NAMED]) + (", …" if count > NAMED else "")
        return f"It waits for {'1 member' if count == 1 else f'{count} members'}: {named}"

    def check_step(self, force: bool, loss: str) -> None:
        """Raise conflict where somebody wants a step before its time; `loss` says what members lose by force."""
        if self.phase == "steady" or force:
            return
        raise Problem(
            "conflict",
            f"A rotation runs already ({self.phase}). {self._waits()}. With --force its next step is taken at "
            f"once; members that are not ready then {loss}.",
        )
