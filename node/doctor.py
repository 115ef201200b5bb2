"""Says of each thing that a node needs whether it works, what is wrong and what to do. Pure."""

from __future__ import annotations

import msgspec

from node.reachability.observations import Observations
from node.reachability.routes import Finding, findings, is_calm
from node.reachability.trouble import Trouble, clock_trouble, trouble_of
from node.state import NodeState

LOW_DISK = 2 * 2**30  # bytes
CLOCK_LIMIT = 60.0  # seconds
DEFAULT_INTERVAL = 30.0  # seconds


class Check(msgspec.Struct, frozen=True):
    """One finding; `hint` says what to do where `ok` is false, or what could be better."""

    name: str
    ok: bool
    detail: str
    hint: str = ""


class Diagnosis(msgspec.Struct, frozen=True):
    """Everything that was looked at, and each route once more as a program wants to read it."""

    checks: tuple[Check, ...]
    routes: tuple[Finding, ...]


def examine(state: NodeState, seen: Observations, *, relay_wanted: bool = True) -> Diagnosis:
    """Return the findings, from the state and from what was seen just now."""
    routes = findings(state, seen, relay_wanted)
    trouble = trouble_of(seen, state.coordinator) if state.coordinator is not None else None
    checks = (
        _membership(state),
        _coordinator(state, seen),
        _channel(state),
        _clock(seen),
        _dht(state, routes, trouble),
        *_services(state),
        _disk(state),
        *_caps(state),
        *(_route(one, is_calm(one, routes), trouble) for one in routes),
    )
    return Diagnosis(checks, routes)


def _membership(state: NodeState) -> Check:
    if state.membership is None:
        return Check("membership", False, "This machine is in no mesh.", "Ask an operator for an invite.")
    return Check("membership", True, f"Member as {state.membership.worker_id} ({state.membership.trust}).")


def _coordinator(state: NodeState, seen: Observations) -> Check:
    if state.coordinator is None:
        return Check("coordinator", False, "No coordinator is known.", "Join a mesh first.")
    answers = seen.coordinator is not None and seen.coordinator.outcome == "answers"
    through = f" Calls go through the proxy {seen.proxy.shown}." if seen.proxy and not seen.proxy.flaw else ""
    if state.coordinator_ok and answers:
        return Check("coordinator", True, f"{state.coordinator} answers.{through}")
    if state.coordinator_refused and answers:
        hint = "Ask the operator whether this machine was removed; if so, leave the mesh and join again."
        if not _clock(seen).ok:
            hint = "Set this machine's clock first: then the coordinator takes it again by itself."
        return Check("coordinator", False, f"{state.coordinator}: {state.coordinator_error}", hint)
    trouble = trouble_of(seen, state.coordinator)
    if trouble is not None:
        return Check("coordinator", False, trouble.why, trouble.hint)
    if state.coordinator_ok:
        hint = "It may be restarting. Work goes on without it, and the node tries again by itself."
        return Check("coordinator", False, f"{state.coordinator} does not answer now.", hint)
    hint = "Check the internet connection; the node goes on trying by itself."
    return Check("coordinator", False, f"{state.coordinator}: {state.coordinator_error or 'no answer yet.'}", hint)


def _channel(state: NodeState) -> Check:
    """Say how soon changes are heard of; without a channel nothing is lacking."""
    if state.membership is None:
        return Check("channel", True, "Not open: this machine is in no mesh.")
    other = _second_channel(state)
    if state.channel.open:
        return Check("channel", True, f"Open: what changes in the mesh is heard at once.{other}")
    interval = state.assignment.pace if state.assignment is not None else DEFAULT_INTERVAL
    detail = f"Not open: what changes in the mesh is heard within {interval:.0f} s. {state.channel.detail}"
    return Check("channel", True, detail.rstrip() + other)


def _second_channel(state: NodeState) -> str:
    """Say how the channel to another coordinator is, where there is one for it."""
    second = state.second_channel
    if second is None:
        return ""
    if second.open:
        return f" A second one, to {second.url}, is open for requests that come through that coordinator."
    return f" A second one, to {second.url}, is not open; it is tried again by itself. {second.detail}".rstrip()


def _clock(seen: Observations) -> Check:
    offset = seen.coordinator.clock_offset if seen.coordinator is not None else None
    if offset is None:
        return Check("clock", True, "Not compared: no coordinator answered.")
    trouble = clock_trouble(offset, CLOCK_LIMIT)
    if trouble is None:
        return Check("clock", True, "It agrees with the coordinator's.")
    return Check("clock", False, trouble.why, trouble.hint)


def _route(found: Finding, ok: bool, trouble: Trouble | None) -> Check:
    """Name a route; what is said of the coordinator already is not said once more."""
    if trouble is not None and found.works is False and found.cause == trouble.cause:
        return Check(found.route, ok, f"{found.what} The reason stands at coordinator.")
    if trouble is not None and found.route == "vpn" and found.cause == "not-yet":
        return Check(found.route, ok, found.text, "It opens by itself once the coordinator answers.")
    return Check(found.route, ok, found.text, found.hint)


def _dht(state: NodeState, routes: tuple[Finding, ...], trouble: Trouble | None) -> Check:
    if state.membership is None:
        return Check("dht", False, "Not started.", "Join a mesh first.")
    if state.dht_contacts:
        known = "1 peer is" if state.dht_contacts == 1 else f"{state.dht_contacts} peers are"
        return Check("dht", True, f"{known} known.")
    if any(one.route == "relay" and one.works for one in routes):
        # So it is for ever where UDP is blocked; requests come, and workers are found, all the same.
        return Check("dht", True, "No other peer answers over UDP. The coordinator is asked for workers instead.")
    if trouble is not None and trouble.cause in ("no-network", "no-internet"):
        return Check("dht", False, "No other peer is known. The reason stands at coordinator.")
    hint = "A firewall may block UDP; it also looks like this while no other worker is online."
    return Check("dht", False, "No other peer is known.", hint)


def _services(state: NodeState) -> list[Check]:
    return [
        Check(
            f"service {report.name}",
            report.state in ("running", "starting"),
            (report.detail or "It runs.")
            if report.state == "running"
            else f"{report.state}. {report.detail}".rstrip(),
            "" if report.state in ("running", "starting") else "Restart it, or look into its log.",
        )
        for report in state.services
    ]


def _caps(state: NodeState) -> list[Check]:
    """Say how the volunteer's caps are kept; that a system cannot keep one is no fault of this node."""
    return [Check(f"cap {one.name}", True, f"{one.how} {one.why_not}".rstrip()) for one in state.caps]


def _disk(state: NodeState) -> Check:
    free = state.capabilities.disk_free_bytes
    detail = f"{free / 2**30:.0f} GiB are free."
    return Check("disk", free >= LOW_DISK, detail, "" if free >= LOW_DISK else "Make room on the disk.")
