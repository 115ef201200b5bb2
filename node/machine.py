"""The node's mind: `handle(state, event)` returns the next state and what to do. Pure: no clock, no I/O."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec

from node.events import (
    CapabilitiesDetected,
    CapsPlanned,
    ChannelChanged,
    ChannelRefused,
    CloseInOverlay,
    Command,
    ContactDue,
    CoordinatorFailed,
    CoordinatorLeaves,
    CoordinatorsMeasured,
    CredentialRenewed,
    Drain,
    DrainEnded,
    EndpointsChanged,
    Enrolled,
    EnrolmentDelayed,
    EnrolmentFailed,
    EnrolmentRequested,
    Event,
    GoOffline,
    HeartbeatAnswered,
    JoinDht,
    JoinMesh,
    LeaveRequested,
    LoadMeasured,
    MeshJoined,
    MeshQuit,
    OpenInOverlay,
    OverlayCameUp,
    OverlayPathsChanged,
    OverlayWentDown,
    PauseRequested,
    PlaceGranted,
    PlaceRefused,
    PublishServices,
    QuitMesh,
    RefreshRoutes,
    Registered,
    RejoinDht,
    ResumeRequested,
    RulesChanged,
    RulesDecided,
    RunServices,
    SaveMembership,
    ScheduleContact,
    ScheduleResume,
    SecondChannelChanged,
    ServicesChanged,
    Shutdown,
    SnoozeEnded,
    Started,
    StopRequested,
    TunnelChanged,
    UsePlace,
    VpnChanged,
    WorkerUnknown,
)
from node.known_coordinators import first_coordinator, knowing
from node.machine_contact import (
    SOON,
    channel_changed,
    channel_refused,
    contact_due,
    coordinator_failed,
    coordinator_leaves,
    coordinators_measured,
    credential_renewed,
    heartbeat_answered,
    registered,
    second_channel_changed,
    worker_unknown,
)
from node.reasons import phase_of, reasons_for
from node.resting import (
    pause_requested,
    resume_requested,
    rules_changed,
    rules_decided,
    running_services,
    snooze_ended,
    still_ahead,
    verdict_of,
    wanted_services,
)
from node.state import Membership, NodeState
from node.wire.messages import Assignment, Endpoints

Step = tuple[NodeState, tuple[Command, ...]]


def handle(state: NodeState, event: Event) -> Step:
    """Return the state after the event, with phase and reasons set anew, and the commands to execute in order."""
    handler: Callable[[NodeState, Any], Step] = HANDLERS[type(event)]
    after, commands = handler(state, event)
    after = _with(after, verdict=verdict_of(after))
    return _with(after, phase=phase_of(after), reasons=reasons_for(after)), commands


# --- one function per event -----------------------------------------------------------------------------------


def _started(state: NodeState, event: Started) -> Step:
    paused = event.paused and still_ahead(event.snoozed_until, event.now)
    gpu_paused = event.gpu_paused and still_ahead(event.gpu_snoozed_until, event.now)
    state = _with(
        state,
        name=event.name,
        version=event.version,
        url=event.url,
        capabilities=event.capabilities,
        key_in_file=event.key_in_file,
        paused=paused,
        snoozed_until=event.snoozed_until if paused else None,
        gpu_paused=gpu_paused,
        gpu_snoozed_until=event.gpu_snoozed_until if gpu_paused else None,
        rules=event.rules,
        ruled=event.ruled,
        catalogue=event.catalogue,
        assignment=event.assignment,
    )
    ends = (ScheduleResume(state.snoozed_until or 0.0), ScheduleResume(state.gpu_snoozed_until or 0.0, "gpu"))
    resume = tuple(one for one in ends if one.at)
    if event.membership is None:
        return state, resume
    membership = event.membership
    if event.assignment is not None:  # who was enrolled long ago may know others than those of that day
        membership = knowing(membership, event.assignment, ()) or membership
    state, commands = _join(state, membership, event.assignment, event.draw)
    told = () if event.assignment is None else (JoinDht(event.assignment.dht),)
    return state, (*resume, *commands, *told, RunServices(wanted_services(state)))


def _mesh_joined(state: NodeState, event: MeshJoined) -> Step:
    return _with(state, endpoints=_with_tunnel(state, event.endpoints)), ()


def _enrolment_requested(state: NodeState, _event: EnrolmentRequested) -> Step:
    return _with(state, enrolling=True, enrolment_error="", enrolment_delay="", enrolment_again_at=None), ()


def _enrolment_delayed(state: NodeState, event: EnrolmentDelayed) -> Step:
    return _with(state, enrolment_delay=event.text, enrolment_again_at=event.again_at), ()


def _enrolled(state: NodeState, event: Enrolled) -> Step:
    state = _with(state, enrolling=False, enrolment_error="", enrolment_delay="", enrolment_again_at=None, left="")
    state, commands = _join(state, event.membership, None, event.draw)
    place = (UsePlace(event.vpn),) if event.vpn is not None else ()
    return state, (SaveMembership(event.membership), *commands, *place, JoinDht(event.dht))


def _enrolment_failed(state: NodeState, event: EnrolmentFailed) -> Step:
    state = _with(state, enrolling=False, enrolment_delay="", enrolment_again_at=None)
    return _with(state, enrolment_error=event.text), ()


def _join(state: NodeState, membership: Membership, told: Assignment | None, draw: float) -> Step:
    first, name = first_coordinator(membership, told, draw), membership.name or state.name
    state = _with(state, membership=membership, name=name, coordinator=first, registered=False, failures=0)
    return state, (JoinMesh(membership), ScheduleContact(0.0)) if state.rules.mesh_on else ()


def _place_granted(state: NodeState, event: PlaceGranted) -> Step:
    if state.membership is None or state.leaving:
        return state, ()
    return _with(state, vpn_renewal_error=""), (UsePlace(event.grant),)


def _place_refused(state: NodeState, event: PlaceRefused) -> Step:
    return _with(state, vpn_renewal_error=event.text), ()


def _vpn_changed(state: NodeState, event: VpnChanged) -> Step:
    before, now = state.vpn, event.vpn
    commands: list[Command] = [RefreshRoutes()] if before.carries != now.carries else []
    if state.membership is not None and before.state != now.state:
        # The address is still there, but leads nowhere: DHT and others get by without it meanwhile.
        if now.state == "no-udp":
            commands.append(CloseInOverlay())
        elif before.state == "no-udp" and now.carries and now.ip is not None:
            commands.append(OpenInOverlay(now.ip))
    return _with(state, vpn=now), tuple(commands)


def _overlay_came_up(state: NodeState, event: OverlayCameUp) -> Step:
    useless = state.membership is None or state.vpn.state == "no-udp"
    return state, () if useless else (OpenInOverlay(event.ip),)


def _overlay_went_down(state: NodeState, _event: OverlayWentDown) -> Step:
    return state, (CloseInOverlay(),)


def _overlay_paths_changed(state: NodeState, _event: OverlayPathsChanged) -> Step:
    if state.membership is None or state.stopping:
        return state, ()
    # The coordinator may see us at another address now.
    return _with(state, registered=False), (RejoinDht(), ScheduleContact(SOON))


def _endpoints_changed(state: NodeState, event: EndpointsChanged) -> Step:
    if state.membership is None:
        return state, ()
    endpoints = _with_tunnel(state, event.endpoints)
    moved = endpoints != state.endpoints
    state = _with(state, endpoints=endpoints, vpn_listen_error=event.listen_error)
    publish = PublishServices(running_services(state))
    if not moved or state.stopping:
        return state, (publish,)
    return _with(state, registered=False), (publish, ScheduleContact(0.0))


def _tunnel_changed(state: NodeState, event: TunnelChanged) -> Step:
    before = state.tunnel
    state = _with(state, tunnel=event.tunnel)
    if event.tunnel.url == before.url or state.membership is None or state.endpoints is None:
        return state, ()
    return _endpoints_changed(state, EndpointsChanged(state.endpoints, state.vpn_listen_error))


def _with_tunnel(state: NodeState, endpoints: Endpoints) -> Endpoints:
    """Give others the public address that leads to us, while it does."""
    return msgspec.structs.replace(endpoints, tunnel_url=state.tunnel.url)


def _services_changed(state: NodeState, event: ServicesChanged) -> Step:
    before = running_services(state)
    state = _with(state, services=event.services)
    now = running_services(state)
    if now == before or state.membership is None or state.stopping:
        return state, ()
    return state, (PublishServices(now), *((ScheduleContact(SOON),) if state.registered else ()))


def _load_measured(state: NodeState, event: LoadMeasured) -> Step:
    return _with(
        state,
        load=event.load,
        memory_free=event.memory_free,
        in_flight=event.in_flight,
        dht_contacts=event.dht_contacts,
    ), ()


def _capabilities_detected(state: NodeState, event: CapabilitiesDetected) -> Step:
    return _with(state, capabilities=event.capabilities), ()


def _caps_planned(state: NodeState, event: CapsPlanned) -> Step:
    return _with(state, caps=event.caps), ()


def _drain_ended(state: NodeState, _event: DrainEnded) -> Step:
    if not state.draining:  # resumed meanwhile
        return state, ()
    state = _with(state, draining=False)
    if state.stopping:
        return state, (Shutdown(),)
    if state.leaving:
        return _left(state)
    return state, (RunServices(()), *((GoOffline(),) if state.offline and state.membership is not None else ()))


def _leave_requested(state: NodeState, _event: LeaveRequested) -> Step:
    if state.membership is None or state.leaving:
        return state, ()
    # Who switched the mesh off comes back for a moment, for the coordinator has to hear of it.
    back = (JoinMesh(state.membership),) if state.offline else ()
    state = _with(state, leaving=True, draining=True)
    return state, (*back, PublishServices(()), Drain())


def _mesh_quit(state: NodeState, event: MeshQuit) -> Step:
    return _with(state, left="told" if event.told else "untold"), ()


def _left(state: NodeState) -> Step:
    state = _with(
        state,
        leaving=False,
        membership=None,
        endpoints=None,
        vpn_renewal_error="",
        vpn_listen_error="",
        expelled=False,
        dht_contacts=0,
        assignment=None,
        registered=False,
        coordinator=None,
        coordinator_ok=False,
        coordinator_error="",
        coordinator_refused=False,
        failures=0,
        failing=(),
        measured=(),
    )
    return state, (RunServices(()), QuitMesh())


def _stop_requested(state: NodeState, _event: StopRequested) -> Step:
    if state.stopping:
        return state, ()
    state = _with(state, stopping=True, draining=True)
    return state, (PublishServices(()), ScheduleContact(0.0), Drain())


HANDLERS: dict[type, Callable[[NodeState, Any], Step]] = {
    Started: _started,
    MeshJoined: _mesh_joined,
    EnrolmentRequested: _enrolment_requested,
    Enrolled: _enrolled,
    EnrolmentFailed: _enrolment_failed,
    EnrolmentDelayed: _enrolment_delayed,
    Registered: registered,
    HeartbeatAnswered: heartbeat_answered,
    WorkerUnknown: worker_unknown,
    ChannelChanged: channel_changed,
    SecondChannelChanged: second_channel_changed,
    ChannelRefused: channel_refused,
    CoordinatorFailed: coordinator_failed,
    CoordinatorsMeasured: coordinators_measured,
    CoordinatorLeaves: coordinator_leaves,
    ContactDue: contact_due,
    CredentialRenewed: credential_renewed,
    PlaceGranted: _place_granted,
    PlaceRefused: _place_refused,
    VpnChanged: _vpn_changed,
    TunnelChanged: _tunnel_changed,
    OverlayCameUp: _overlay_came_up,
    OverlayWentDown: _overlay_went_down,
    OverlayPathsChanged: _overlay_paths_changed,
    EndpointsChanged: _endpoints_changed,
    ServicesChanged: _services_changed,
    LoadMeasured: _load_measured,
    CapabilitiesDetected: _capabilities_detected,
    MeshQuit: _mesh_quit,
    CapsPlanned: _caps_planned,
    PauseRequested: pause_requested,
    ResumeRequested: resume_requested,
    SnoozeEnded: snooze_ended,
    RulesChanged: rules_changed,
    RulesDecided: rules_decided,
    DrainEnded: _drain_ended,
    LeaveRequested: _leave_requested,
    StopRequested: _stop_requested,
}


def _with(state: NodeState, **changes: Any) -> NodeState:
    return msgspec.structs.replace(state, **changes)
