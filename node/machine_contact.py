"""With the coordinators: what follows from their answers, and from their failures, departures and distances.

Part of the node's machine, and as pure as that.
"""

from __future__ import annotations

from typing import Any

import msgspec

from node.events import (
    ChannelChanged,
    ChannelRefused,
    Command,
    ContactDue,
    CoordinatorFailed,
    CoordinatorLeaves,
    CoordinatorsMeasured,
    CredentialRenewed,
    HeartbeatAnswered,
    JoinDht,
    PublishServices,
    Register,
    Registered,
    ReturnToOverlay,
    RunServices,
    SaveAssignment,
    SaveMembership,
    ScheduleContact,
    SecondChannelChanged,
    SendHeartbeat,
    StopOverlay,
    TakeBlocklist,
    TellRelays,
    WorkerUnknown,
)
from node.known_coordinators import LOOKS, knowing, measured, next_coordinator, outweighing
from node.resting import running_services, unwanted_services, wanted_services
from node.routing.weighing import drawn
from node.state import ChannelStatus, NodeState
from node.wire.messages import Assignment

Step = tuple[NodeState, tuple[Command, ...]]

SOON = 0.2  # seconds: long enough to gather several changes into one message
FIRST_RETRY = 1.0  # seconds; doubles with every failure up to the heartbeat interval
DEFAULT_INTERVAL = 30.0


def registered(state: NodeState, event: Registered) -> Step:
    state = _with(state, registered=True, catalogue=event.catalogue)
    state, commands = _assigned(state, event.assignment)
    # Services that ran already, as after a restart of the coordinator, must not wait a heartbeat to be seen.
    # And it hears by a heartbeat only that we rest, or what the volunteer does not want here now.
    tells = state.rest == "all" or running_services(state) or unwanted_services(state)
    early = (ScheduleContact(SOON),) if tells else ()
    return state, (*commands, *early)


def heartbeat_answered(state: NodeState, event: HeartbeatAnswered) -> Step:
    known = state.assignment.catalogue_version if state.assignment else ""
    if event.assignment.catalogue_version != known:  # the catalogue itself comes with a registration
        return _with(state, registered=False), (ScheduleContact(0.0),)
    return _assigned(state, event.assignment)


def _assigned(state: NodeState, assignment: Assignment) -> Step:
    before, expelled = state.assignment, state.expelled
    failing = _without(state.failing, state.coordinator)  # at its address somebody has just answered
    put_out = TakeBlocklist(assignment.blocklist, assignment.blocklist_current)
    assignment = msgspec.structs.replace(assignment, blocklist=None, blocklist_current=None)
    if state.rest == "all" and before is not None and not assignment.services:
        # A resting machine is given nothing. It takes up again what it had, with a coordinator or without.
        assignment = msgspec.structs.replace(assignment, services=before.services, detail=before.detail)
    elif before is not None:  # so it is with what rests by itself
        kept = unwanted_services(state) - set(assignment.services)
        services = (*assignment.services, *(name for name in before.services if name in kept))
        assignment = msgspec.structs.replace(assignment, services=services)
    state = _with(
        state,
        assignment=assignment,
        failing=failing,
        membership=knowing(state.membership, assignment, failing),
        coordinator_ok=True,
        coordinator_error="",
        coordinator_refused=False,
        expelled=False,
        failures=0,
    )
    commands: list[Command] = [put_out, RunServices(wanted_services(state))]
    if assignment != before:
        commands += [JoinDht(assignment.dht), SaveAssignment(assignment)]
    commands += [ReturnToOverlay()] if expelled else []
    commands.append(ScheduleContact(assignment.heartbeat_interval))
    return state, tuple(commands)


def _without(failing: tuple[str, ...], url: str | None) -> tuple[str, ...]:
    return tuple(one for one in failing if one != url)


def worker_unknown(state: NodeState, _event: WorkerUnknown) -> Step:
    return _with(state, registered=False), (ScheduleContact(0.0),)


def channel_changed(state: NodeState, event: ChannelChanged) -> Step:
    changed = event.channel.open != state.channel.open  # and so whether the coordinator reaches us by relay
    state = _with(state, channel=event.channel)
    if not changed or state.membership is None or state.stopping or state.leaving:
        return state, ()
    return state, (PublishServices(running_services(state)),)


def second_channel_changed(state: NodeState, event: SecondChannelChanged) -> Step:
    was_open = state.second_channel is not None and state.second_channel.open
    is_open = event.channel is not None and event.channel.open
    state = _with(state, second_channel=event.channel)
    if was_open == is_open or state.membership is None or state.stopping or state.leaving:
        return state, ()
    publish = PublishServices(running_services(state))
    return state, (publish, TellRelays()) if is_open else (publish,)


def channel_refused(state: NodeState, _event: ChannelRefused) -> Step:
    return state, () if state.membership is None else (ScheduleContact(0.0),)


def coordinator_failed(state: NodeState, event: CoordinatorFailed) -> Step:
    failures = state.failures + 1
    before = state
    if state.coordinator is not None:
        known = {info.url for info in state.membership.coordinators} if state.membership is not None else set()
        failing = (*_without(state.failing, state.coordinator), state.coordinator)
        state = _with(state, failing=tuple(url for url in failing if url in known))
    state = _with(
        state,
        coordinator=next_coordinator(state, event.draw),
        outweighed=0,
        coordinator_ok=False,
        coordinator_error=event.text,
        coordinator_refused=event.refused,
        expelled=state.expelled or event.expelled,
        registered=False,
        failures=failures,
    )
    commands: list[Command] = [StopOverlay()] if event.expelled else []
    if state.coordinator != before.coordinator and before.channel.open:  # it leads to the one that we turn from
        state = _with(state, channel=ChannelStatus())
        commands.append(PublishServices(running_services(state)))
    longest = state.assignment.pace if state.assignment else DEFAULT_INTERVAL
    commands.append(ScheduleContact(min(longest, FIRST_RETRY * 2 ** min(failures - 1, 16))))
    return state, tuple(commands)


def coordinators_measured(state: NodeState, event: CoordinatorsMeasured) -> Step:
    """Turn to a coordinator that is much better than the one in use, when that has been so for a while."""
    state = measured(state, event.found, event.silent)
    better = outweighing(state)
    looks = state.outweighed + 1 if better else 0
    if looks < LOOKS or not state.registered or state.leaving or state.stopping:
        return _with(state, outweighed=min(looks, LOOKS)), ()
    url = list(better)[drawn(list(better.values()), event.draw)]
    was_open = state.channel.open
    state = _with(state, coordinator=url, registered=False, outweighed=0, channel=ChannelStatus())
    publish = (PublishServices(running_services(state)),) if was_open else ()
    return state, (*publish, ScheduleContact(0.0))


def coordinator_leaves(state: NodeState, event: CoordinatorLeaves) -> Step:
    return state, () if state.membership is None else (ScheduleContact(event.after),)


def contact_due(state: NodeState, _event: ContactDue) -> Step:
    if state.membership is None or state.coordinator is None or state.leaving or state.offline:
        return state, ()
    url = state.coordinator
    if url not in {info.url for info in state.membership.coordinators}:  # nobody would be asked there
        url = next_coordinator(state) or url
        state = _with(state, coordinator=url, registered=False)
    publish = PublishServices(running_services(state))
    if not state.registered:
        return state, (publish, Register(url))
    return state, (publish, SendHeartbeat(url))


def credential_renewed(state: NodeState, event: CredentialRenewed) -> Step:
    if state.membership is None:
        return state, ()
    membership = msgspec.structs.replace(
        state.membership,
        credential=event.credential,
        mesh_chain=event.mesh_chain or state.membership.mesh_chain,
    )
    return _with(state, membership=membership), (SaveMembership(membership),)


def _with(state: NodeState, **changes: Any) -> NodeState:
    return msgspec.structs.replace(state, **changes)
