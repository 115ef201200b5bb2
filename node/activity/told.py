"""Machine's event -> what a person reads of it in the activity log, mostly nothing. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from node import events as e
from node.activity.entries import Note
from node.state import NodeState, TunnelPhase, VpnPhase
from node.wire import credentials
from node.wire.messages import ServiceReport

VPN_TROUBLE: frozenset[VpnPhase] = frozenset(
    {"no-permission", "no-udp", "expired", "revoked", "conflict", "failed"}
)
TUNNEL_TROUBLE: frozenset[TunnelPhase] = frozenset({"rate-limited", "refused", "failed"})
ILL = frozenset({"failed", "unhealthy"})


def notes_of(before: NodeState, event: e.Event, after: NodeState) -> tuple[Note, ...]:
    """Return what is to be noted of an event, with the states before and after it."""
    teller = TELLERS.get(type(event))
    own = tuple(teller(before, event, after)) if teller is not None else ()
    return (*own, *_changes(before, after))


# --- events that say it themselves -----------------------------------------------------------------------------


def _started(_before: NodeState, event: e.Started, _after: NodeState) -> Iterator[Note]:
    yield Note("node-started", event.version)


def _stop_requested(before: NodeState, _event: e.StopRequested, _after: NodeState) -> Iterator[Note]:
    if not before.stopping:
        yield Note("node-stopping")


def _enrolled(_before: NodeState, event: e.Enrolled, _after: NodeState) -> Iterator[Note]:
    coordinators = event.membership.coordinators
    yield Note("joined", coordinators[0].url if coordinators else "", event.membership.worker_id)


def _enrolment_failed(_before: NodeState, event: e.EnrolmentFailed, _after: NodeState) -> Iterator[Note]:
    yield Note("join-failed", detail=event.text)


def _leave_requested(before: NodeState, _event: e.LeaveRequested, after: NodeState) -> Iterator[Note]:
    if after.leaving and not before.leaving:
        yield Note("leaving")


def _rules_changed(before: NodeState, event: e.RulesChanged, _after: NodeState) -> Iterator[Note]:
    if event.rules != before.rules:
        yield Note("rules-changed")


def _credential_renewed(before: NodeState, event: e.CredentialRenewed, _after: NodeState) -> Iterator[Note]:
    """Tell of one that was due, not of those that come beside an answer to something else, as every few minutes."""
    if before.membership is None:
        return
    newer_key = event.mesh_chain is not None and event.mesh_chain != before.membership.mesh_chain
    if newer_key or _was_due(before.membership.credential, event.credential):
        yield Note("key-renewed")


def _was_due(before: str, after: str) -> bool:
    """Say whether a third of a credential's life had passed, for we ask after half of it by a clock of our own."""
    try:
        old, new = credentials.peek(before), credentials.peek(after)
    except credentials.CredentialError:
        return True
    return new.issued_at - old.issued_at >= (old.expires_at - old.issued_at) / 3


def _place_granted(before: NodeState, _event: e.PlaceGranted, _after: NodeState) -> Iterator[Note]:
    if before.membership is not None and not before.leaving:
        yield Note("place-renewed")


def _place_refused(before: NodeState, event: e.PlaceRefused, _after: NodeState) -> Iterator[Note]:
    """Tell of what was refused: a mesh without an overlay refuses nobody."""
    if event.text and event.text != before.vpn_renewal_error and not event.no_overlay:
        yield Note("place-refused", detail=event.text)


def _services_changed(before: NodeState, event: e.ServicesChanged, _after: NodeState) -> Iterator[Note]:
    was = {report.name: report for report in before.services}
    for report in event.services:
        note = _service(was.pop(report.name, None), report)
        if note is not None:
            yield note
    for report in was.values():
        if report.state not in ("stopped", "failed"):
            yield Note("service-stopped", report.name)


def _service(was: ServiceReport | None, report: ServiceReport) -> Note | None:
    before, now = was.state if was is not None else "stopped", report.state
    if before == now:
        return None
    if now == "running":
        return Note("service-recovered" if before == "unhealthy" else "service-started", report.name)
    if now == "failed":
        return Note("service-failed", report.name, report.detail)
    if now == "unhealthy":
        return Note("service-unwell", report.name, report.detail)
    if now == "starting" and before in ILL:
        return Note("service-restarting", report.name)
    return Note("service-stopped", report.name) if now == "stopped" and before not in ILL else None


# --- what follows from whatever event --------------------------------------------------------------------------


def _changes(before: NodeState, after: NodeState) -> Iterator[Note]:
    if before.membership is not None and after.membership is None:
        yield Note("left")
        return
    yield from _rest(before, after)
    if after.membership is not None and before.membership is not None:
        yield from _coordinator(before, after)
    yield from _vpn(before, after)
    yield from _tunnel(before, after)


def _rest(before: NodeState, after: NodeState) -> Iterator[Note]:
    """Tell what rests now, and again when it goes on resting for another reason."""
    was, now = before.verdict, after.verdict
    code_was = was.reasons[0].code if was.reasons else None
    reason = now.reasons[0] if now.reasons else None
    if (was.rest, code_was) == (now.rest, reason.code if reason else None):
        return
    if now.rest == "none":
        if was.rest != "none":
            yield Note("resumed")
        return
    detail = f"{reason.text} {reason.ends}".strip() if reason is not None else ""
    yield Note("paused" if now.rest == "all" else "gpu-paused", reason.code if reason is not None else "", detail)


def _coordinator(before: NodeState, after: NodeState) -> Iterator[Note]:
    url = after.coordinator or ""
    if after.expelled and not before.expelled:
        yield Note("expelled", before.coordinator or url, after.coordinator_error)
    elif after.coordinator_refused and not before.coordinator_refused:
        yield Note("coordinator-refused", before.coordinator or url, after.coordinator_error)
    elif after.coordinator_error and not before.coordinator_error:
        yield Note("coordinator-lost", before.coordinator or url, after.coordinator_error)
    elif after.coordinator_ok and not before.coordinator_ok:
        yield Note("coordinator-found", url)


def _vpn(before: NodeState, after: NodeState) -> Iterator[Note]:
    was, now = before.vpn, after.vpn
    if was is now:
        return
    if now.carries and not was.carries:
        yield Note("vpn-up", now.ip or "")
    elif now.state != was.state and now.state in VPN_TROUBLE:
        yield Note("vpn-trouble", now.state, now.text)
    elif was.carries and not now.carries:
        yield Note("vpn-down", detail=now.text)


def _tunnel(before: NodeState, after: NodeState) -> Iterator[Note]:
    was, now = before.tunnel, after.tunnel
    if was is now:
        return
    if now.url is not None and now.url != was.url:
        yield Note("tunnel-up", now.url)
    elif now.state != was.state and now.state in TUNNEL_TROUBLE:
        yield Note("tunnel-trouble", was.url or "", f"{now.text} {now.hint}".strip())
    elif now.url is None and was.url is not None:
        yield Note("tunnel-down", was.url, now.text)


TELLERS: dict[type, Callable[[NodeState, Any, NodeState], Iterator[Note]]] = {
    e.Started: _started,
    e.StopRequested: _stop_requested,
    e.Enrolled: _enrolled,
    e.EnrolmentFailed: _enrolment_failed,
    e.LeaveRequested: _leave_requested,
    e.RulesChanged: _rules_changed,
    e.CredentialRenewed: _credential_renewed,
    e.PlaceGranted: _place_granted,
    e.PlaceRefused: _place_refused,
    e.ServicesChanged: _services_changed,
}
