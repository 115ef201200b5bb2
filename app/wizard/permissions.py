"""What is ticked in the last step, and the rules that follow from it. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

import msgspec

from node.rules.settings import Rules, Schedule, Scope

Hours = Literal["always", "free-time", "own"]  # own: a week that somebody has set elsewhere, kept as it is


@dataclass(frozen=True, slots=True)
class Permissions:
    """The choices of the form; everything else in the rules stays as it is."""

    services_off: frozenset[str] = frozenset()
    hours: Hours = "always"
    cpu_percent: int = 80
    battery: bool = True  # rest while on battery
    metered: bool = True  # rest where the network counts or costs
    while_active: Scope = "gpu"  # what rests while somebody uses the computer


def permissions_of(rules: Rules) -> Permissions:
    hours: Hours = "always"
    if rules.schedule.enabled:
        hours = "free-time" if rules.schedule.days == Schedule().days else "own"
    return Permissions(
        services_off=frozenset(rules.services_off),
        hours=hours,
        cpu_percent=rules.caps.cpu_percent or 100,
        battery=rules.on_battery,
        metered=rules.metered,
        while_active="none" if rules.user_active_minutes is None else rules.user_active_scope,
    )


def rules_of(rules: Rules, wanted: Permissions) -> Rules:
    """Return the rules with the choices in them; who joins wants to be in, whatever was switched off before."""
    defaults = Rules()
    schedule = rules.schedule
    if wanted.hours != "own":
        days = Schedule().days if wanted.hours == "free-time" else schedule.days
        schedule = Schedule(enabled=wanted.hours == "free-time", days=days)
    cap = None if wanted.cpu_percent >= 100 else max(1, wanted.cpu_percent)
    return msgspec.structs.replace(
        rules,
        mesh_on=True,
        services_off=tuple(sorted(wanted.services_off)),
        schedule=schedule,
        caps=msgspec.structs.replace(rules.caps, cpu_percent=cap),
        on_battery=wanted.battery,
        metered=wanted.metered,
        user_active_minutes=rules.user_active_minutes or defaults.user_active_minutes,
        user_active_scope=wanted.while_active,
    )


def switched(off: Iterable[str], name: str, *, on: bool) -> frozenset[str]:
    return frozenset(off) - {name} if on else frozenset(off) | {name}
