"""Says of each route whether others reach this node by it, what is in the way, and what to do. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import msgspec

from node.program.loopback import is_this_machine
from node.reachability.nat import Nat, nat_of
from node.reachability.observations import Observations
from node.reachability.trouble import Cause, clock_trouble, trouble_of
from node.state import NodeState, VpnPhase
from node.wire.credentials import CLOCK_SKEW

RouteName = Literal["vpn", "direct", "relay", "tunnel"]
# What many computers are like, and nobody has to mend while others come by another route.
CALM: frozenset[Cause] = frozenset({"no-tun", "no-udp", "symmetric-nat", "port-closed", "listens-here-only"})

VPN_HINTS: Mapping[VpnPhase, str] = {
    "starting": "Wait a moment, and ask again.",
    "no-permission": "Nothing has to be done while another route works; with it, others come faster. With --vpn off"
    " nobody asks for it any more.",
    "no-udp": "Nothing has to be done while another route works. At home, look at the router's firewall.",
    "expired": "See what is said of clock and coordinator here; the certificate is renewed by itself.",
    "revoked": "Ask the person who invited you.",
    "conflict": "The network opens by itself once the other one is gone.",
    "failed": "If it stays so, tell the person who invited you what is said here.",
}
NAT_WORDS: Mapping[Nat, str] = {
    "none": "This computer has a public address of its own.",
    "one-port": "The router keeps to one port for this computer, so direct ways can be found through it.",
    "symmetric": "The router shows every machine another port of this computer (symmetric NAT), so hardly any"
    " direct way leads through it.",
    "not-known": "",
}
NOT_A_MEMBER = "Not used yet: this machine is in no mesh."


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """One route. `works` is None where it is off or not known; `cause` is a stable code, the rest for people."""

    route: RouteName
    works: bool | None
    what: str
    why: str = ""
    hint: str = ""
    cause: Cause | Literal[""] = ""

    @property
    def text(self) -> str:
        return f"{self.what} {self.why}".strip()


def findings(state: NodeState, seen: Observations, relay_wanted: bool) -> tuple[Finding, ...]:
    """Return what is so of each route, in the order in which others try them."""
    return (vpn(state, seen), direct(state, seen), relay(state, seen, relay_wanted), tunnel(state))


def is_calm(finding: Finding, found: tuple[Finding, ...]) -> bool:
    """Say whether nothing is lacking though this route does not work: because others come by another one."""
    others = any(one.works for one in found if one.route in ("vpn", "relay", "tunnel"))
    return finding.works is not False or (others and finding.cause in CALM)


def vpn(state: NodeState, seen: Observations) -> Finding:
    """Say how the overlay is; where nobody wants one, or there is none, nothing is lacking."""
    phase, text = state.vpn.state, state.vpn.text
    if phase == "off":
        what = text or "Off: workers are reached on the local network only."
        return Finding(route="vpn", works=None, what=what, why=state.vpn_renewal_error)
    if state.vpn_listen_error:
        hint = "Free that port, or start the node with another --port."
        return Finding(route="vpn", works=False, what=state.vpn_listen_error, hint=hint)
    if state.vpn_renewal_error:
        why = f"Its certificate was not renewed: {state.vpn_renewal_error}"
        hint = "It is tried again by itself. If it stays so, ask whoever invited you."
        return Finding(route="vpn", works=False, what=text, why=why, hint=hint)
    if state.vpn.carries:
        return _open_vpn(state, seen)
    hint = VPN_HINTS.get(phase, "It is tried again by itself.")
    causes: Mapping[VpnPhase, Cause] = {"no-permission": "no-tun", "no-udp": "no-udp", "starting": "not-yet"}
    why = _udp_words(seen) if phase == "no-udp" else ""
    return Finding(route="vpn", works=False, what=text, why=why, hint=hint, cause=causes.get(phase, ""))


def _open_vpn(state: NodeState, seen: Observations) -> Finding:
    what, nat = f"{state.vpn.ip}: {state.vpn.text}", nat_of(seen.mappings, seen.own_addresses)
    if state.vpn.state == "direct" or nat == "not-known":
        return Finding(route="vpn", works=True, what=what)
    hint = (
        "Nothing has to be done. It would be faster with a router that keeps ports (full cone NAT), or with IPv6."
    )
    symmetric = nat == "symmetric"
    cause: Cause | Literal[""] = "symmetric-nat" if symmetric else ""
    return Finding(
        route="vpn", works=True, what=what, why=NAT_WORDS[nat], hint=hint if symmetric else "", cause=cause
    )


def _udp_words(seen: Observations) -> str:
    if not seen.udp_asked:
        return ""
    if not seen.mappings:
        return f"Asked again just now: {_machines(seen.udp_asked)} outside answered nothing over UDP."
    answered = len(seen.mappings)
    return f"UDP as such goes out: {answered} of {_machines(seen.udp_asked)} answered at other ports."


def _machines(count: int) -> str:
    return "1 machine" if count == 1 else f"{count} machines"


def direct(state: NodeState, seen: Observations) -> Finding:
    """Say whether others can connect to our port, as the coordinator has just tried where it could."""
    ends = state.endpoints
    if state.membership is None or ends is None:
        return Finding(route="direct", works=None, what=NOT_A_MEMBER)
    nat = NAT_WORDS[nat_of(seen.mappings, seen.own_addresses)]
    if ends.direct_hosts and all(is_this_machine(host) for host in ends.direct_hosts):
        what = f"Off: port {ends.port} takes connections from this computer only."
        hint = "Nothing has to be done; with --host 0.0.0.0 the local network reaches this machine directly."
        return Finding(route="direct", works=None, what=what, hint=hint, cause="listens-here-only")
    outside = seen.outside
    if seen.proxy is not None:
        what = "Not known: seen from outside there is only the proxy of this network."
        return Finding(route="direct", works=None, what=what)
    if outside is None or outside.reached is None:
        what = "Not known: no coordinator has tried to connect to this machine."
        return Finding(route="direct", works=None, what=what, why=nat)
    place = f"[{outside.address}]:{outside.port}" if ":" in outside.address else f"{outside.address}:{outside.port}"
    if outside.reached:
        return Finding(route="direct", works=True, what=f"The coordinator can connect to {place}.", why=nat)
    what = f"Closed from outside: the coordinator cannot connect to {place}."
    why = f"A router or a firewall in between does not let it through, as is usual. {nat}".rstrip()
    hint = (
        "Nothing has to be done while another route works. Else forward that port in the router, or allow it in"
        " this computer's firewall."
    )
    return Finding(route="direct", works=False, what=what, why=why, hint=hint, cause="port-closed")


def relay(state: NodeState, seen: Observations, wanted: bool) -> Finding:
    """Say whether others reach us by way of the coordinator, over connections that we have opened ourselves."""
    if not wanted:
        return Finding(route="relay", works=None, what="Off: it is switched off in the settings (--tunnel off).")
    if state.membership is None or state.coordinator is None:
        return Finding(route="relay", works=None, what=NOT_A_MEMBER)
    by_way = f", by way of the proxy {seen.proxy.shown}" if seen.proxy is not None and not seen.proxy.flaw else ""
    second = state.second_channel
    passes_on = seen.outside is None or seen.outside.relay
    if second is not None and second.open:
        ways = f"{state.coordinator} and {second.url}" if state.channel.open and passes_on else second.url
        return Finding(route="relay", works=True, what=f"Requests can come through {ways}{by_way}.")
    if state.channel.open and not passes_on:
        what = "The coordinator is connected, but does not pass requests on to this machine."
        hint = "Ask again in a moment. If it stays so, tell its operator."
        return Finding(route="relay", works=False, what=what, hint=hint)
    if state.channel.open:
        return Finding(route="relay", works=True, what=f"Requests can come through {state.coordinator}{by_way}.")
    trouble = trouble_of(seen, state.coordinator)
    if trouble is not None:
        what = "No requests can come through the coordinator now."
        return Finding(
            route="relay", works=False, what=what, why=trouble.why, hint=trouble.hint, cause=trouble.cause
        )
    return _answers_without_channel(state, seen, by_way)


def _answers_without_channel(state: NodeState, seen: Observations, by_way: str) -> Finding:
    what = "The connection to the coordinator that stays open is not there now."
    clock = clock_trouble(seen.coordinator.clock_offset if seen.coordinator is not None else None, CLOCK_SKEW)
    if clock is not None:
        why = "The coordinator refuses this machine while its clock is wrong."
        return Finding(route="relay", works=False, what=what, why=why, hint=clock.hint, cause="clock")
    if seen.coordinator is None or not state.registered:
        return Finding(
            route="relay", works=False, what=what, why=state.channel.detail, hint="Ask again in a moment."
        )
    why = f"It answers short calls{by_way}. {state.channel.detail}".rstrip()
    if seen.proxy is None:
        hint = "It is opened again by itself. If it stays so, a firewall in between may not let WebSockets through."
    else:
        hint = (
            "If it stays so, ask whoever runs the proxy to let WebSockets through; an https:// address helps most."
        )
    return Finding(route="relay", works=False, what=what, why=why, hint=hint, cause="no-websocket")


def tunnel(state: NodeState) -> Finding:
    """Say how the public address is; where nobody asked for one, nothing is lacking."""
    told = state.tunnel
    if told.state in ("off", "starting"):
        return Finding(route="tunnel", works=None, what=told.text or "Not wanted: nobody asked for one.")
    if told.state == "up":
        return Finding(route="tunnel", works=True, what=f"{told.url}: {told.text}")
    return Finding(route="tunnel", works=False, what=told.text, hint=told.hint or "It is tried again by itself.")
