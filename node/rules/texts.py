"""Sentences of the rules for a volunteer: what is so, and when that will end."""

from __future__ import annotations

from collections.abc import Mapping

from node.rules.settings import Scope
from node.rules.verdict import RuleCode

WHO: Mapping[Scope, str] = {"all": "This computer", "gpu": "What uses the GPU", "none": "Nothing"}

UNTOLD: Mapping[RuleCode, str] = {
    "on-battery": "This computer does not tell whether it runs on its battery.",
    "metered": "This computer does not tell whether its network counts or costs.",
    "exclusive-program": "This computer does not tell which programs run.",
    "user-active": "This computer does not tell when somebody used it last.",
    "too-hot": "No GPU here tells its temperature.",
    "gpu-in-use": "No GPU here tells how much of its memory other programs use.",
}


def goes_on(scope: Scope, seconds: float, after: str) -> str:
    """Return when it ends: so many seconds after something."""
    return f"{WHO[scope]} goes on {delay(seconds)} {after}."


def delay(seconds: float) -> str:
    """Return a pause in words that stand before what it follows upon."""
    if seconds < 5:
        return "as soon as"
    if seconds < 45:
        return f"{seconds:.0f} seconds after"
    if seconds < 90:
        return "about a minute after"
    return f"about {seconds / 60:.0f} minutes after"


def gigabytes(size: int) -> str:
    """Return a size as people know it from the box of a graphics card."""
    return f"{size / 2**30:.1f} GB"
