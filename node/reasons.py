"""Says in which phase a node is and why, in stable codes and in sentences for its volunteer. Pure."""

from __future__ import annotations

from collections.abc import Mapping

from node.state import NodeState, Phase, Reason, ReasonCode, VpnPhase

VPN_REASONS: Mapping[VpnPhase, ReasonCode] = {
    "no-permission": "vpn-no-permission",
    "no-udp": "vpn-no-udp",
    "expired": "vpn-expired",
    "revoked": "vpn-revoked",
    "conflict": "vpn-conflict",
    "failed": "vpn-failed",
}


def reasons_for(state: NodeState) -> tuple[Reason, ...]:
    """Return every reason that a person should see, the most telling first."""
    return (*_rest_reasons(state), *_membership_reasons(state), *_health_reasons(state), *_warnings(state))


def phase_of(state: NodeState) -> Phase:
    if state.stopping:
        return "draining" if state.draining else "stopped"
    if state.membership is None:
        return "joining" if state.enrolling else "unenrolled"
    if state.draining:
        return "draining"
    if state.rest == "all":
        return "paused"
    if state.assignment is None or not _heard(state):
        return "joining"
    return "degraded" if _health_reasons(state) else "online"


def _rest_reasons(state: NodeState) -> tuple[Reason, ...]:
    reasons = []
    if state.stopping:
        reasons.append(Reason("stopping", "The program is closing."))
    elif state.draining:
        reasons.append(Reason("draining", f"Finishing {_requests(state.in_flight)} before resting."))
    told = state.verdict.reasons
    return (*reasons, *(Reason(one.code, f"{one.text} {one.ends}", one.until) for one in told))


def _membership_reasons(state: NodeState) -> tuple[Reason, ...]:
    if state.enrolling and state.enrolment_delay:
        text = f"{state.enrolment_delay} It is asked again by itself: nothing is to be done here meanwhile."
        return (Reason("enrolment-delayed", text, state.enrolment_again_at),)
    if state.enrolling:
        return (Reason("enrolling", "Asking the coordinator to let this computer in."),)
    if state.enrolment_error:
        return (Reason("enrolment-failed", state.enrolment_error),)
    if state.membership is None:
        return (Reason("not-enrolled", "This computer has not joined a mesh yet. Paste an invite to join."),)
    if not _heard(state):
        return (Reason("registering", "Introducing this computer to the coordinator."),)
    if state.assignment is not None and state.assignment.waiting and not state.coordinator_refused:
        text = "The operator of this mesh has to let this computer in. Nothing is to be done here meanwhile."
        return (Reason("waiting-for-approval", text),)
    if state.assignment is not None and not state.assignment.services and state.rest != "all":
        detail = state.assignment.detail or "The coordinator has no work for this computer now."
        return (Reason("nothing-assigned", detail),)
    return ()


def _heard(state: NodeState) -> bool:
    """Return whether a coordinator has answered, or is known not to."""
    return state.coordinator_ok or bool(state.coordinator_error)


def _health_reasons(state: NodeState) -> tuple[Reason, ...]:
    reasons = [
        Reason("service-failed", f"{report.name} does not run well: {report.detail}")
        for report in state.services
        if report.state in ("failed", "unhealthy")
    ]
    if state.membership is not None and state.coordinator_error:
        code: ReasonCode = "coordinator-unreachable"
        text = "No coordinator answers, so work goes on without one."
        if state.coordinator_refused:
            code = "coordinator-refused"
            text = "The coordinator refuses this computer."
        after = " To join again, leave the mesh here first: then a new invite counts." if state.expelled else ""
        reasons.insert(0, Reason(code, f"{text} {state.coordinator_error}{after}"))
    return tuple(reasons)


def _warnings(state: NodeState) -> tuple[Reason, ...]:
    reasons = []
    if state.assignment is not None and state.assignment.probation:
        reasons.append(Reason("on-probation", state.assignment.probation))
    url = state.coordinator or ""
    if url.startswith("http://") and not url.startswith(("http://127.", "http://localhost", "http://[::1]")):
        text = "The coordinator is reached without encryption: others on the way can read what is sent."
        reasons.append(Reason("insecure-coordinator", text))
    if state.key_in_file:
        text = "The system has no keyring, so this computer's key is kept in a file that only you can read."
        reasons.append(Reason("key-in-file", text))
    return (*reasons, *_vpn_reasons(state))


def _vpn_reasons(state: NodeState) -> tuple[Reason, ...]:
    """Return what keeps others from reaching us by the overlay: services are reached by other routes meanwhile."""
    if state.membership is None:
        return ()
    reasons = []
    code = VPN_REASONS.get(state.vpn.state)
    if code is not None:
        reasons.append(Reason(code, state.vpn.text))
    if state.vpn_listen_error:
        reasons.append(Reason("vpn-no-listener", state.vpn_listen_error))
    if state.vpn_renewal_error and state.vpn.state not in ("off", "revoked"):
        text = "This computer's place in the private network could not be renewed; it is tried again by itself."
        reasons.append(Reason("vpn-not-renewed", f"{text} {state.vpn_renewal_error}"))
    return tuple(reasons)


def _requests(number: int) -> str:
    return "one request" if number == 1 else f"{number} requests"
