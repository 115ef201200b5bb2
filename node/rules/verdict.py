"""What follows from the rules at one moment: what rests, why, and when that ends."""

from __future__ import annotations

from typing import Literal

import msgspec

from node.rules.settings import Scope

RuleCode = Literal[
    "paused-by-you",
    "snoozed",
    "mesh-off",
    "rules-unreadable",
    "schedule",
    "on-battery",
    "metered",
    "exclusive-program",
    "user-active",
    "too-hot",
    "gpu-in-use",
]


class RuleReason(msgspec.Struct, frozen=True, kw_only=True):
    """One rule that makes something rest: what is so (`text`) and when it will end, as sentences for a volunteer.

    `until` is Unix seconds where the end is known; `ends` is a sentence always. `scope` is what rests by it.
    """

    code: RuleCode
    scope: Scope
    text: str
    ends: str
    until: float | None = None


class RuleUntold(msgspec.Struct, frozen=True, kw_only=True):
    """One rule that is set but cannot apply, because no sensor can tell, and why, in a sentence."""

    code: RuleCode
    text: str


class Verdict(msgspec.Struct, frozen=True, kw_only=True):
    """What rests now. The reasons are there whenever something rests, the most telling first."""

    rest: Scope = "none"
    reasons: tuple[RuleReason, ...] = ()
    untold: tuple[RuleUntold, ...] = ()
