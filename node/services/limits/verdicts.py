"""Decides which service has to go when all together have more than they may. Pure."""

from __future__ import annotations

from collections.abc import Mapping

SEVERE = 1.1  # times a cap of the disk from which on a service is ended, and not only told


def heaviest(used: Mapping[str, int], cap: int | None, share: Mapping[str, int]) -> str | None:
    """Return the service that is most above its share, while all together have more than the cap."""
    if cap is None or not used or sum(used.values()) <= cap:
        return None
    return max(sorted(used), key=lambda name: used[name] - share.get(name, 0))


def too_much(what: str, used: int, share: int | None, cap: int) -> str:
    """Say why a service was ended."""
    part = f" (its share is {size(share)})" if share is not None else ""
    return (
        f"It was ended because it had {size(used)} of {what}{part}, and all services together may have {size(cap)} "
        "by your rules."
    )


def no_room(free: int, floor: int) -> str:
    """Say why nothing may be stored any more though no cap is reached."""
    return f"Only {size(free)} of this disk are free, and {size(floor)} are always left to you. Make room on it."


def disk_full(used: int, cap: int) -> str:
    """Say why nothing may be stored any more."""
    return f"Services keep {size(used)} on this disk, and may keep {size(cap)} by your rules."


def size(count: int) -> str:
    """Return bytes as people read them."""
    for unit, factor in (("GB", 2**30), ("MB", 2**20), ("kB", 2**10)):
        if count >= factor:
            return f"{count / factor:.1f} {unit}"
    return f"{count} bytes"
