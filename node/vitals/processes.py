"""How much processor time a service used between two looks at its processes. Pure."""

from __future__ import annotations

from collections.abc import Iterable

from node.program.process_trees import Process


def growth(before: Iterable[Process], after: Iterable[Process]) -> float:
    """Return the processor time that was used between two looks at one service.

    What a child used is counted while it lives, and what it used after that when its parent has waited for it. Of
    one that nobody waited for, the time since the look before is lost.
    """
    known = {one.key: one for one in before}
    living = {one.key: one for one in after}
    own = sum(one.cpu - (known[key].cpu if key in known else 0.0) for key, one in living.items())
    reaped = sum(one.reaped - (known[key].reaped if key in known else 0.0) for key, one in living.items())
    counted = sum(one.cpu + one.reaped for key, one in known.items() if key not in living)
    return max(0.0, own) + max(0.0, reaped - counted)
