"""Decides from rules and readings what rests. Pure: the time is an argument, and so is what was so before.

A rule takes hold once its cause has lasted for a grace, and lets go once the cause is gone for a while, so that
nothing flutters whatever the sensors tell: services that stop and start all the time help nobody. Time is counted
in small steps between two decisions, so that neither sleep nor a clock that is set makes a cause older than it is.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import msgspec

from node.rules.schedule import LocalOf, is_open, next_start
from node.rules.sensed import Sensed, SensedField
from node.rules.settings import Rules, Scope
from node.rules.texts import UNTOLD, gigabytes, goes_on
from node.rules.verdict import RuleCode, RuleReason, RuleUntold, Verdict

LONGEST_STEP = 15.0  # seconds that may count between two decisions: three turns of the clock
COOLER = 5  # degrees below the limit that a GPU must have cooled to
USED_AGAIN = 20.0  # seconds without a touch from which on somebody counts as gone, however short the patience
ON_BATTERY: SensedField = "on_battery"
BATTERY_PERCENT: SensedField = "battery_percent"


class Held(msgspec.Struct, frozen=True, kw_only=True):
    """How one rule stands: whether it holds, for how long (s), and for how long its cause says otherwise."""

    on: bool
    told: bool  # its sensor has told something since the start
    lasted: float = 0.0
    against: float | None = None


class Memory(msgspec.Struct, frozen=True, kw_only=True):
    """What one decision must know of the ones before; after a new one the next decision has no patience."""

    decided_at: float | None = None
    held: Mapping[RuleCode, Held] = {}


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """What one rule that is set finds at one moment; `holds` is None where no sensor can tell."""

    code: RuleCode
    scope: Scope
    holds: bool | None
    text: str
    after: str = ""  # upon what it ends, as in "about a minute after ..."
    wait: float  # seconds from then on
    ends: str = ""  # instead of `after` and `wait`, where these do not say it
    until: float | None = None
    field: SensedField | None = None  # of the readings, that it goes by
    grace: float = 0.0  # seconds that its cause must last
    gone_for: float = 0.0  # seconds that its cause must be gone

    def reason(self) -> RuleReason:
        ends = self.ends or goes_on(self.scope, self.wait, self.after)
        return RuleReason(code=self.code, scope=self.scope, text=self.text, ends=ends, until=self.until)


def decide(rules: Rules, sensed: Sensed, memory: Memory, now: float, local_of: LocalOf) -> tuple[Verdict, Memory]:
    """Return what rests at `now` (Unix seconds), and what the next decision must know."""
    if not rules.mesh_on:
        return MESH_OFF, Memory()
    elapsed = 0.0 if memory.decided_at is None else min(max(0.0, now - memory.decided_at), LONGEST_STEP)
    findings = tuple(_findings(rules, sensed, memory.held, now, local_of))
    held = {one.code: _advance(memory.held.get(one.code), one, elapsed, rules) for one in findings}
    reasons = sorted((one.reason() for one in findings if held[one.code].on), key=lambda one: one.scope)
    untold = tuple(
        RuleUntold(code=one.code, text=(sensed.unknown.get(one.field) if one.field else None) or UNTOLD[one.code])
        for one in findings
        if one.holds is None
    )
    verdict = Verdict(rest=strongest(one.scope for one in reasons), reasons=tuple(reasons), untold=untold)
    return verdict, Memory(decided_at=now, held=held)


def unreadable(why: str) -> Verdict:
    """Return the verdict while nobody knows what the volunteer wants: to rest is what does no harm."""
    reason = RuleReason(
        code="rules-unreadable",
        scope="all",
        text=f"Your rules for this computer cannot be read, so it rests. {why}",
        ends="It goes on once you have saved all rules anew, or mended the file and started the node again.",
    )
    return Verdict(rest="all", reasons=(reason,))


def strongest(scopes: Iterator[Scope]) -> Scope:
    """Return what rests where several things say so."""
    found = set(scopes)
    return "all" if "all" in found else "gpu" if "gpu" in found else "none"


MESH_OFF = Verdict(
    rest="all",
    reasons=(
        RuleReason(
            code="mesh-off",
            scope="all",
            text="You switched the mesh off. This computer stays a member, but nobody reaches it.",
            ends="It goes on when you switch the mesh on again.",
        ),
    ),
)


# --- how a rule takes hold and lets go --------------------------------------------------------------------------


def _advance(before: Held | None, finding: Finding, elapsed: float, rules: Rules) -> Held:
    if before is None or not before.told:
        return Held(on=bool(finding.holds), told=finding.holds is not None)
    lasted = before.lasted + elapsed
    if bool(finding.holds) == before.on:
        return Held(on=before.on, told=True, lasted=lasted)
    against = 0.0 if before.against is None else before.against + elapsed
    needed = finding.gone_for if before.on else finding.grace
    rested = not before.on or lasted >= rules.resume_after_seconds
    if against >= needed and rested:
        return Held(on=not before.on, told=True)
    return Held(on=before.on, told=True, lasted=lasted, against=against)


# --- what each rule finds ---------------------------------------------------------------------------------------


def _findings(
    rules: Rules, sensed: Sensed, held: Mapping[RuleCode, Held], now: float, local_of: LocalOf
) -> Iterator[Finding]:
    """Yield what every rule that is set finds, the most telling first."""

    def holds_already(code: RuleCode) -> bool:
        return code in held and held[code].on

    if rules.schedule.enabled:
        yield _schedule(rules, now, local_of)
    if rules.exclusive_programs:
        yield _exclusive(rules, sensed)
    if rules.user_active_minutes is not None and rules.user_active_scope != "none":
        yield _user_active(rules, rules.user_active_minutes, sensed, holds_already("user-active"))
    if rules.on_battery:
        yield _on_battery(rules, sensed)
    if rules.metered:
        yield _metered(rules, sensed)
    if rules.gpu_max_celsius is not None:
        yield _too_hot(rules, rules.gpu_max_celsius, sensed, holds_already("too-hot"))
    if rules.gpu_memory_of_others_bytes is not None:
        yield _gpu_in_use(rules, rules.gpu_memory_of_others_bytes, sensed)


def _schedule(rules: Rules, now: float, local_of: LocalOf) -> Finding:
    """Hours begin and end to the minute: no patience but the one against a clock that is set to and fro."""
    start = next_start(rules.schedule, now, local_of)
    ends = "This computer goes on when your schedule starts next."
    return Finding(
        code="schedule",
        scope="all",
        holds=not is_open(rules.schedule, local_of(now)),
        text="It is outside the hours in which you let this computer work.",
        ends=ends if start is not None else "Your schedule has no hours at all: give it some, or switch it off.",
        until=start,
        wait=0.0,
    )


def _exclusive(rules: Rules, sensed: Sensed) -> Finding:
    """Without a grace: who has named a program wants the machine for it from its first second."""
    running = None if sensed.programs is None else {bare_name(name) for name in sensed.programs}
    found = next((name for name in rules.exclusive_programs if running and bare_name(name) in running), "")
    return Finding(
        code="exclusive-program",
        scope="all",
        holds=None if running is None else bool(found),
        text=f"{found} is running." if found else "A program that you want the computer for was just running.",
        after=f"{found} is closed" if found else "it was closed",
        wait=rules.resume_after_seconds,
        field="programs",
        gone_for=rules.resume_after_seconds,
    )


def _user_active(rules: Rules, minutes: int, sensed: Sensed, on: bool) -> Finding:
    """Count the time in which somebody must be gone as part of the minutes: they are what was promised."""
    gone = max(60.0 * minutes - rules.resume_after_seconds, USED_AGAIN)
    limit = gone if on else 60.0 * minutes
    return Finding(
        code="user-active",
        scope=rules.user_active_scope,
        holds=None if sensed.idle_seconds is None else sensed.idle_seconds < limit,
        text="You are using this computer.",
        after="you stop using it",
        wait=max(60.0 * minutes, gone + rules.resume_after_seconds),
        field="idle_seconds",
        grace=rules.grace_seconds,
        gone_for=rules.resume_after_seconds,
    )


def _on_battery(rules: Rules, sensed: Sensed) -> Finding:
    below, holds = rules.battery_below_percent, sensed.on_battery
    text, field = "This computer runs on its battery.", ON_BATTERY
    if below is not None:
        text = f"This computer runs on its battery, which holds less than {below} %."
        if holds:
            field = BATTERY_PERCENT
            holds = None if sensed.battery_percent is None else sensed.battery_percent < below
    return Finding(
        code="on-battery",
        scope="all",
        holds=holds,
        text=text,
        after="it is plugged in",
        wait=rules.resume_after_seconds,
        field=field,
        grace=rules.grace_seconds,
        gone_for=rules.resume_after_seconds,
    )


def _metered(rules: Rules, sensed: Sensed) -> Finding:
    return Finding(
        code="metered",
        scope="all",
        holds=sensed.metered,
        text="The network counts what is sent, or costs.",
        after="another network is used",
        wait=rules.resume_after_seconds,
        field="metered",
        grace=rules.grace_seconds,
        gone_for=rules.resume_after_seconds,
    )


def _too_hot(rules: Rules, limit: int, sensed: Sensed, on: bool) -> Finding:
    told = [gpu.celsius for gpu in sensed.gpus or () if gpu.celsius is not None]
    return Finding(
        code="too-hot",
        scope="gpu",
        holds=any(celsius > (limit - COOLER if on else limit) for celsius in told) if told else _no_gpu(sensed),
        text=f"The GPU is hotter than your limit of {limit} °C, or was a moment ago.",
        after=f"it has cooled down to {limit - COOLER} °C",
        wait=rules.resume_after_seconds,
        field="gpus",
        grace=rules.grace_seconds,
        gone_for=rules.resume_after_seconds,
    )


def _gpu_in_use(rules: Rules, limit: int, sensed: Sensed) -> Finding:
    told = [one.memory_used_by_others_bytes for one in sensed.gpus or ()]
    known = [used for used in told if used is not None]
    return Finding(
        code="gpu-in-use",
        scope="gpu",
        holds=any(used > limit for used in known) if known else _no_gpu(sensed),
        text=f"Other programs use more than {gigabytes(limit)} of the GPU's memory.",
        after="they have given it back",
        wait=rules.resume_after_seconds,
        field="gpus",
        grace=rules.grace_seconds,
        gone_for=rules.resume_after_seconds,
    )


def _no_gpu(sensed: Sensed) -> bool | None:
    """Return what a rule about GPUs finds where none tells anything: nothing, or that there is none."""
    return False if sensed.gpus == () else None


def bare_name(program: str) -> str:
    """Return a program's name as it is compared: in lower case and without .exe."""
    return program.strip().lower().removesuffix(".exe")


def wanted_fields(rules: Rules) -> frozenset[SensedField]:
    """Return what the sensors must be asked for these rules."""
    fields: set[SensedField] = set()
    if not rules.mesh_on:
        return frozenset()
    if rules.exclusive_programs:
        fields.add("programs")
    if rules.user_active_minutes is not None and rules.user_active_scope != "none":
        fields.add("idle_seconds")
    if rules.on_battery:
        fields |= {"on_battery", "battery_percent"}
    if rules.metered:
        fields.add("metered")
    if rules.gpu_max_celsius is not None or rules.gpu_memory_of_others_bytes is not None:
        fields.add("gpus")
    return frozenset(fields)
