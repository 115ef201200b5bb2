"""Says of each thing that a node needs whether it works, what is wrong and what to do. Pure."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from node.state import NodeState, VpnPhase

VPN_HINTS: Mapping[VpnPhase, str] = {
    "starting": "Wait a moment, and ask again.",
    "no-permission": "Do that, or start the node with --vpn off if this computer shall have none.",
    "no-udp": "If it is this network that blocks it: let UDP out, at home in the router's firewall.",
    "expired": "See what is said of clock and coordinator here; the certificate is renewed by itself.",
    "revoked": "Ask the person who invited you.",
    "conflict": "The network opens by itself once the other one is gone.",
    "failed": "Do what is said, or tell the person who invited you; it is tried again by itself.",
}
LOW_DISK = 2 * 2**30  # bytes
CLOCK_LIMIT = 60.0  # seconds
DEFAULT_INTERVAL = 30.0  # seconds


class Check(msgspec.Struct, frozen=True):
    """One finding; `hint` says what to do where `ok` is false."""

    name: str
    ok: bool
    detail: str
    hint: str = ""


def examine(state: NodeState, clock_offset: float | None) -> list[Check]:
    """Return the findings; `clock_offset` is the coordinator's clock minus ours in seconds, if it just answered."""
    coordinator = [_coordinator(state, clock_offset), _channel(state)]
    return [
        _membership(state),
        *coordinator,
        _clock(clock_offset),
        _dht(state),
        *_services(state),
        _disk(state),
        _vpn(state),
    ]


def _membership(state: NodeState) -> Check:
    if state.membership is None:
        return Check("membership", False, "This machine is in no mesh.", "Ask an operator for an invite.")
    return Check("membership", True, f"Member as {state.membership.worker_id} ({state.membership.trust}).")


def _coordinator(state: NodeState, clock_offset: float | None) -> Check:
    answers = clock_offset is not None
    if state.coordinator is None:
        return Check("coordinator", False, "No coordinator is known.", "Join a mesh first.")
    if state.coordinator_ok and answers:
        return Check("coordinator", True, f"{state.coordinator} answers.")
    if state.coordinator_ok:
        hint = "It may be restarting. Work goes on without it, and the node tries again by itself."
        return Check("coordinator", False, f"{state.coordinator} does not answer now.", hint)
    hint = "Check the internet connection; the node goes on trying by itself."
    if state.coordinator_refused:
        hint = "Ask the operator whether this machine was removed; if so, leave the mesh and join again."
        if not _clock(clock_offset).ok:
            hint = "Set this machine's clock first: then the coordinator takes it again by itself."
    return Check("coordinator", False, f"{state.coordinator}: {state.coordinator_error or 'no answer yet.'}", hint)


def _channel(state: NodeState) -> Check:
    """Say how soon changes are heard of; without a channel nothing is lacking."""
    if state.membership is None:
        return Check("channel", True, "Not open: this machine is in no mesh.")
    if state.channel.open:
        return Check("channel", True, "Open: what changes in the mesh is heard at once.")
    interval = state.assignment.heartbeat_interval if state.assignment is not None else DEFAULT_INTERVAL
    detail = f"Not open: what changes in the mesh is heard within {interval:.0f} s. {state.channel.detail}"
    return Check("channel", True, detail.rstrip())


def _clock(offset: float | None) -> Check:
    if offset is None:
        return Check("clock", True, "Not compared: no coordinator answered.")
    if abs(offset) <= CLOCK_LIMIT:
        return Check("clock", True, "It agrees with the coordinator's.")
    way = "behind" if offset > 0 else "ahead of"
    detail = f"This machine's clock is {abs(offset):.0f} s {way} the coordinator's."
    return Check("clock", False, detail, "Set the clock, or switch on setting it from the internet.")


def _dht(state: NodeState) -> Check:
    if state.membership is None:
        return Check("dht", False, "Not started.", "Join a mesh first.")
    if state.dht_contacts:
        return Check("dht", True, f"Peers that are known: {state.dht_contacts}.")
    hint = "A firewall may block UDP; it also looks like this while no other worker is online."
    return Check("dht", False, "No other peer is known.", hint)


def _services(state: NodeState) -> list[Check]:
    return [
        Check(
            f"service {report.name}",
            report.state in ("running", "starting"),
            report.detail if report.state == "running" else f"{report.state}. {report.detail}".rstrip(),
            "" if report.state in ("running", "starting") else "Restart it, or look into its log.",
        )
        for report in state.services
    ]


def _disk(state: NodeState) -> Check:
    free = state.capabilities.disk_free_bytes
    detail = f"{free / 2**30:.0f} GiB are free."
    return Check("disk", free >= LOW_DISK, detail, "" if free >= LOW_DISK else "Make room on the disk.")


def _vpn(state: NodeState) -> Check:
    """Say how the overlay is; a machine on which nobody wants one, or that may not have one, lacks nothing."""
    detail = state.vpn.text or "Off: workers are reached on the local network only."
    if state.vpn.state == "off":
        return Check("vpn", True, f"{detail} {state.vpn_renewal_error}".rstrip())
    if state.vpn_listen_error:
        return Check("vpn", False, state.vpn_listen_error, "Free that port, or start the node with another --port.")
    if state.vpn_renewal_error:
        hint = "It is tried again by itself. If it stays so, ask whoever invited you."
        return Check("vpn", False, f"{detail} Its certificate was not renewed: {state.vpn_renewal_error}", hint)
    if state.vpn.carries:
        return Check("vpn", True, f"{state.vpn.ip}: {detail}")
    return Check("vpn", False, detail, VPN_HINTS.get(state.vpn.state, "It is tried again by itself."))
