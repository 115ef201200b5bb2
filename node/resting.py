"""Between work and rest: what may run and be announced, and what changes when the volunteer or a rule says so.

Part of the node's machine, and as pure as that.
"""

from __future__ import annotations

from typing import Any

import msgspec

from node.events import (
    Command,
    Drain,
    GoOffline,
    JoinDht,
    JoinMesh,
    PauseRequested,
    PublishServices,
    ResumeRequested,
    RulesChanged,
    RulesDecided,
    RunServices,
    SavePause,
    ScheduleContact,
    ScheduleResume,
    SnoozeEnded,
)
from node.gpu_work import has_gpu_work, uses_gpu
from node.rules.decide import strongest
from node.rules.verdict import RuleReason, Verdict
from node.state import NodeState
from node.wire.manifests import Manifest
from node.wire.messages import ServiceReport

Step = tuple[NodeState, tuple[Command, ...]]

SLACK = 0.2  # seconds by which a timer may come early
LONGEST_SNOOZE = 32 * 86400.0  # seconds; nobody can ask for more than a month


def running_services(state: NodeState) -> tuple[str, ...]:
    """Return the services that may be announced: they run, and nothing makes them rest."""
    if state.draining or state.rest == "all" or state.stopping:
        return ()
    resting = unwanted_services(state)
    return tuple(one.name for one in state.services if one.state == "running" and one.name not in resting)


def wanted_services(state: NodeState) -> tuple[Manifest, ...]:
    """Return what should run: assigned, in the signed catalogue, allowed by the volunteer, and not resting."""
    if state.assignment is None or state.rest == "all" or state.stopping:
        return ()
    allowed = state.capabilities.allowed_services
    known, unwanted = state.catalogue.by_name(), unwanted_services(state)
    return tuple(
        known[name]
        for name in state.assignment.services
        if name in known and name not in unwanted and (not allowed or name in allowed)
    )


def unwanted_services(state: NodeState) -> frozenset[str]:
    """Return the services of the catalogue that the volunteer does not want to run now, whoever asks for them."""
    off = frozenset(state.rules.services_off)
    resting = state.rest == "gpu" and has_gpu_work(state)
    return frozenset(
        one.name for one in state.catalogue.manifests if one.name in off or (resting and uses_gpu(one))
    )


def offered_services(state: NodeState) -> tuple[ServiceReport, ...]:
    """Return our services as the coordinator shall take them: one that ends, or will at once, gets nothing more."""
    unwanted = unwanted_services(state)
    return tuple(
        msgspec.structs.replace(one, state="draining", detail="Resting by the volunteer's rules.")
        if one.name in unwanted and one.state == "running"
        else one
        for one in state.services
    )


def verdict_of(state: NodeState) -> Verdict:
    """Return what rests by the rules and by what the volunteer asked for, which is told first."""
    ruled = (one for one in state.ruled.reasons if one.scope != "gpu" or has_gpu_work(state))
    reasons = (*_asked(state), *ruled)
    return Verdict(rest=strongest(one.scope for one in reasons), reasons=reasons, untold=state.ruled.untold)


def _asked(state: NodeState) -> tuple[RuleReason, ...]:
    found = []
    if state.paused and state.snoozed_until is not None:
        text, ends = "You asked this computer to rest for a while.", "It goes on by itself."
        found.append(RuleReason(code="snoozed", scope="all", text=text, ends=ends, until=state.snoozed_until))
    elif state.paused:
        text, ends = "You paused this computer.", "It does nothing until you resume."
        found.append(RuleReason(code="paused-by-you", scope="all", text=text, ends=ends))
    if state.gpu_paused and state.gpu_snoozed_until is not None:
        text, ends = "You asked what uses the GPU to rest for a while.", "It goes on by itself."
        found.append(RuleReason(code="snoozed", scope="gpu", text=text, ends=ends, until=state.gpu_snoozed_until))
    elif state.gpu_paused:
        text, ends = "You paused what uses the GPU.", "It does nothing until you resume."
        found.append(RuleReason(code="paused-by-you", scope="gpu", text=text, ends=ends))
    return tuple(found)


def still_ahead(until: float | None, now: float) -> bool:
    """Tell whether a pause from an earlier run goes on: one that has no end, or one whose end is to come.

    An end that is further away than anybody can ask for was set by a clock that was wrong, and is none.
    """
    return until is None or now < until <= now + LONGEST_SNOOZE


# --- what happens -------------------------------------------------------------------------------------------------


def pause_requested(state: NodeState, event: PauseRequested) -> Step:
    if event.scope == "gpu":
        after = _with(state, gpu_paused=True, gpu_snoozed_until=event.until)
    else:
        after = _with(state, paused=True, snoozed_until=event.until)
    timer = () if event.until is None else (ScheduleResume(event.until, event.scope),)
    after, commands = _moved(state, after)
    return after, (_saved(after), *timer, *commands)


def resume_requested(state: NodeState, _event: ResumeRequested) -> Step:
    if not state.paused and not state.gpu_paused:
        return state, ()
    after = _with(state, paused=False, snoozed_until=None, gpu_paused=False, gpu_snoozed_until=None)
    after, commands = _moved(state, after)
    return after, (_saved(after), *commands)


def snooze_ended(state: NodeState, event: SnoozeEnded) -> Step:
    """End the snooze that was timed, or whose end has passed; the timer counts though the clock was set back."""
    until = state.gpu_snoozed_until if event.scope == "gpu" else state.snoozed_until
    if until is None or (event.at != until and until > event.now + SLACK):  # paused or snoozed anew meanwhile
        return state, ()
    if event.scope == "gpu":
        after = _with(state, gpu_paused=False, gpu_snoozed_until=None)
    else:
        after = _with(state, paused=False, snoozed_until=None)
    after, commands = _moved(state, after)
    return after, (_saved(after), *commands)


def rules_decided(state: NodeState, event: RulesDecided) -> Step:
    return _moved(state, _with(state, ruled=event.verdict))


def rules_changed(state: NodeState, event: RulesChanged) -> Step:
    after = _with(state, rules=event.rules)
    was_on, is_on = state.rules.mesh_on, event.rules.mesh_on
    if was_on == is_on or state.membership is None or state.stopping or state.leaving:
        return _moved(state, after)
    if is_on:
        after = _with(after, registered=False, failures=0)
        told = () if after.assignment is None else (JoinDht(after.assignment.dht),)
        ruled, commands = _moved(state, after)
        return ruled, (JoinMesh(state.membership), ScheduleContact(0.0), *told, *commands)
    after, commands = _moved(state, after)
    return after, (*commands, *(() if after.draining else (GoOffline(),)))


def _moved(before: NodeState, after: NodeState) -> Step:
    """Return `after` and what follows where more or less rests than before."""
    if after.stopping or after.leaving:
        return after, ()
    if after.rest == "all":
        if before.rest == "all":
            return after, ()
        return _with(after, draining=True), (PublishServices(()), ScheduleContact(0.0), Drain())
    if before.rest != "all" and unwanted_services(before) == unwanted_services(after):
        return after, ()
    after = _with(after, draining=False)
    run, publish = RunServices(wanted_services(after)), PublishServices(running_services(after))
    return after, (run, publish, ScheduleContact(0.0))


def _saved(state: NodeState) -> SavePause:
    return SavePause(state.paused, state.snoozed_until, state.gpu_paused, state.gpu_snoozed_until)


def _with(state: NodeState, **changes: Any) -> NodeState:
    return msgspec.structs.replace(state, **changes)
