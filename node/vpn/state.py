"""What the overlay is at one moment, and the sentence for it that a person reads. Pure values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from ipaddress import IPv4Address
from typing import Literal

from node.state import CARRYING, VpnPhase
from node.vpn.settings import Facts, VpnSettings

Process = Literal["none", "checking", "starting", "up", "waiting"]
BAD_AFTER = 2  # measurements in a row without any answer

SENTENCES: Mapping[VpnPhase, str] = {
    "off": "The private network is off. Other machines are reached on the local network and by other routes.",
    "no-permission": "This program may not open a private network on this computer. Other routes are used.",
    "starting": "The private network is being opened.",
    "direct": "Other workers are reached directly.",
    "relayed": "Other workers are reached through a coordinator, which is slower: the routers in between allow no"
    " direct way.",
    "no-udp": "Nothing answers in the private network. This computer's network or the coordinator's blocks it"
    " (UDP), or no coordinator is up. Other routes are used. If it stays so, ask whoever invited you whether other"
    " machines are connected; if they are, ask whoever runs the network that you are in to let UDP out.",
    "expired": "This computer's certificate for the private network has run out. It is renewed as soon as a"
    " coordinator answers. Check that the computer's date and time are right.",
    "revoked": "The mesh does not accept this machine any more. Ask the person who invited you.",
    "conflict": "The private network cannot be opened beside another network on this computer. Other routes are"
    " used.",
    "failed": "The private network cannot be opened. Other routes are used, and it is tried again by itself.",
}
NOBODY_YET = "The private network is open."  # and no other worker has been met in it


@dataclass(frozen=True, slots=True)
class Tunnel:
    """The way to one peer: its address outside, or None through a relay."""

    address: str | None


@dataclass(frozen=True, slots=True)
class Trouble:
    """What keeps Nebula from running, which no waiting for the network mends."""

    phase: VpnPhase
    text: str = ""


@dataclass(frozen=True, slots=True)
class VpnState:
    """Everything that the machine knows. Only `machine.handle` makes a new one; times are Unix seconds."""

    settings: VpnSettings | None = None
    facts: Facts | None = None
    process: Process = "none"
    trouble: Trouble | None = None
    port: int = 0  # asked for, or in use
    ports_tried: int = 0
    failures: int = 0  # runs in a row that ended by themselves
    last_error: str = ""
    network: str = ""  # what the machine's own network looked like when it was checked last
    announced: IPv4Address | None = None  # the address that the node was told to bind to
    tunnels: Mapping[IPv4Address, Tunnel] = field(default_factory=dict)
    misses: int = 0  # measurements in a row without any answer
    measured: bool = False  # whether the health of this run was measured at all
    good: bool = False  # a coordinator answered the last measurement
    round_trip: float | None = None  # seconds, to a coordinator
    answering: frozenset[IPv4Address] = frozenset()  # peers that answered when no coordinator did
    silent: frozenset[IPv4Address] = frozenset()  # lighthouses that did not answer the last time, while others did
    given_up: frozenset[IPv4Address] = frozenset()  # those whose relayed tunnels we have made anew by other ways
    outside: bool | None = None  # whether a coordinator answers by other ways; None: not known
    restarted_at: float = 0.0  # the last time that we restarted Nebula because nothing answered
    moved_at: float = 0.0  # the last time that we restarted it because a lighthouse has another address

    @property
    def lighthouses(self) -> tuple[IPv4Address, ...]:
        return tuple(one.ip for one in self.settings.lighthouses) if self.settings else ()

    @property
    def offline(self) -> bool:
        """Whether there is a likelier reason for silence than blocked UDP: no network at all, or no coordinator."""
        return self.outside is False or not self.network

    @property
    def peers(self) -> Mapping[IPv4Address, Tunnel]:
        """The tunnels to others than lighthouses."""
        own = self.lighthouses
        return {ip: tunnel for ip, tunnel in self.tunnels.items() if ip not in own}


@dataclass(frozen=True, slots=True)
class VpnPeer:
    """A machine that a tunnel leads to, directly (then with its address outside) or through a relay."""

    ip: IPv4Address
    route: Literal["direct", "relayed"]
    address: str | None
    lighthouse: bool = False
    rtt_ms: float | None = None


@dataclass(frozen=True, slots=True)
class VpnView:
    """What others may know of the overlay: phase, why and what to do, own address, peers."""

    phase: VpnPhase = "off"
    text: str = SENTENCES["off"]
    ip: IPv4Address | None = None
    port: int = 0
    rtt_ms: float | None = None  # to a coordinator
    peers: tuple[VpnPeer, ...] = ()

    @property
    def carries(self) -> bool:
        """Whether others are reached through it now."""
        return self.phase in CARRYING


def phase_of(state: VpnState) -> VpnPhase:
    if state.trouble is not None:
        return state.trouble.phase
    if state.settings is None:
        return "off"
    if state.failures > 2:
        return "failed"
    if state.process == "up" and (state.settings.role == "lighthouse" or state.good or state.answering):
        return _how_peers_are_reached(state)
    silent = state.misses >= BAD_AFTER and state.process in ("up", "starting")
    return "no-udp" if silent and not state.offline else "starting"


def _how_peers_are_reached(state: VpnState) -> VpnPhase:
    """Relayed when no way is direct: one slow peer among many is that peer's matter, and is shown with it."""
    ways = state.peers.values()
    return "relayed" if ways and all(way.address is None for way in ways) else "direct"


def text_of(state: VpnState) -> str:
    """Say in plain words what is so, and what to do where something can be done."""
    phase = phase_of(state)
    sentence = SENTENCES[phase]
    if state.trouble is not None and state.trouble.text:
        return f"{sentence} {state.trouble.text}"
    if phase == "failed" and state.last_error:
        return f"{sentence} Nebula says: {state.last_error}"
    if phase == "starting" and state.process == "up" and state.offline:
        return "The private network waits for a coordinator: none can be reached in any way. Is the internet there?"
    if phase in ("direct", "relayed"):
        return (sentence if state.peers else NOBODY_YET) + _remarks(state)
    return sentence


def _remarks(state: VpnState) -> str:
    relayed = sum(way.address is None for way in state.peers.values())
    text = ""
    if relayed and relayed < len(state.peers):
        text += f" {relayed} of {len(state.peers)} through a coordinator."
    if not state.good and state.answering:
        text += " No coordinator answers there; existing connections go on."
    return text


def view_of(state: VpnState) -> VpnView:
    lighthouses = state.lighthouses
    return VpnView(
        phase=phase_of(state),
        text=text_of(state),
        ip=state.announced,
        port=state.port,
        rtt_ms=None if state.round_trip is None else state.round_trip * 1000,
        peers=tuple(
            VpnPeer(ip, "relayed" if way.address is None else "direct", way.address, ip in lighthouses)
            for ip, way in sorted(state.tunnels.items(), key=lambda item: int(item[0]))
        ),
    )
