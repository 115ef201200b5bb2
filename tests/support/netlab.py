"""A little internet on one machine, made of network namespaces: public hosts, NAT routers, PCs behind them, faults.

    public    a machine plugged straight into the public network 198.51.100.0/24 (server, VPS)
    router    a home, office or Docker router: one leg on the public network, a LAN behind it
    host      a PC on the LAN of one router

What a UDP program behind a router sees, by its kind:

    cone       its port is kept, one mapping serves all peers, strangers are dropped: hole punching works (homes)
    symmetric  another random port for each peer: hole punching fails, a relay is needed (CGNAT, some offices)
    docker     as cone, but strangers are answered (port unreachable), and ports can be published

Faults are nftables rules, pulled links, and cables with delay and loss. `namespaces` says why nothing stays behind.
"""

from __future__ import annotations

import ipaddress
import shutil
import sys
from collections.abc import Iterable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from types import TracebackType
from typing import Literal, Self

from tests.support.namespaces import Guest, Namespace, NetlabError

ANY = ipaddress.IPv4Network("0.0.0.0/0")
PUBLIC = ipaddress.IPv4Network("198.51.100.0/24")  # TEST-NET-2 (RFC 5737), never routed for real
GATEWAY = str(PUBLIC.network_address + 1)
Kind = Literal["cone", "symmetric", "docker"]


@dataclass(eq=False)
class Machine:
    """A namespace with one cable; `ip` is its address on its own network."""

    name: str
    space: Namespace
    ip: str
    device: str = "eth0"
    gateway: str = GATEWAY

    @property
    def edge(self) -> Machine:
        """Whose public cable carries this machine's traffic."""
        return self


@dataclass(eq=False)
class Router(Machine):
    """A machine that translates addresses for a LAN; `publish` are forwards like "udp:8468:172.17.0.2:8468"."""

    kind: Kind = "cone"
    lan: ipaddress.IPv4Network = ANY
    publish: Sequence[str] = ()
    udp_blocked: bool = False
    hosts: list[Host] = field(default_factory=list)


@dataclass(eq=False)
class Host(Machine):
    """A PC on a router's LAN."""

    router: Router = field(kw_only=True)

    @property
    def edge(self) -> Router:
        return self.router


class NetLab:
    """Builds machines and breaks what is between them; a context manager that ends all of it."""

    def __init__(self) -> None:
        self._closing = ExitStack()
        self._internet: Namespace | None = None
        self._edges: list[Machine] = []
        self._names: set[str] = set()
        self._deaf: dict[Machine, set[Machine]] = {}  # who hears nothing from whom; from itself means from nobody
        self._cables: dict[Machine, Guest] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        self._closing.close()

    # --- building -------------------------------------------------------------------------------------------------

    def public(self, name: str, ip: str | None = None) -> Machine:
        machine = Machine(name, self._namespace(name), ip or self._free_public())
        self._plug_into_internet(machine)
        return machine

    def router(
        self,
        name: str,
        kind: Kind = "cone",
        *,
        lan: str | None = None,
        ip: str | None = None,
        publish: Sequence[str] = (),
    ) -> Router:
        net = ipaddress.IPv4Network(lan or f"192.168.{100 + len(self._edges)}.0/24")
        router = Router(
            name, self._namespace(name), ip or self._free_public(), "wan0", kind=kind, lan=net, publish=publish
        )
        self._plug_into_internet(router)
        _bridge(router.space, "lan0", net.network_address + 1, net)
        router.space.sysctl("net.ipv4.ip_forward", 1)
        _translate(router)
        return router

    def host(self, name: str, router: Router, ip: str | None = None) -> Host:
        gateway = str(router.lan.network_address + 1)
        host = Host(name, self._namespace(name), ip or _free(router), gateway=gateway, router=router)
        _plug(host, router.space, "lan0", router.lan)
        router.hosts.append(host)
        return host

    def _namespace(self, name: str) -> Namespace:
        if name in self._names or len(name) > 10:
            raise NetlabError(f"{name!r} is taken or longer than 10 characters")
        self._names.add(name)
        space = Namespace(name)
        self._closing.callback(space.close)
        return space

    def _plug_into_internet(self, machine: Machine) -> None:
        if self._internet is None:
            self._internet = self._namespace("internet")
            _bridge(self._internet, "br0", ipaddress.IPv4Address(GATEWAY), PUBLIC)
        if any(edge.ip == machine.ip for edge in self._edges):
            raise NetlabError(f"{machine.ip} is taken")
        _plug(machine, self._internet, "br0", PUBLIC)
        self._edges.append(machine)

    def _free_public(self) -> str:
        return _first_free(PUBLIC, (edge.ip for edge in self._edges), 100)

    # --- faults ---------------------------------------------------------------------------------------------------

    def partition(self, these: Iterable[Machine], those: Iterable[Machine]) -> None:
        """Let nothing through between the networks of these and of those machines."""
        those = list(those)
        for one in these:
            for other in those:
                if one.edge is other.edge:
                    raise NetlabError(f"{one.name} and {other.name} are on one network: nothing to cut")
                self._deaf.setdefault(one.edge, set()).add(other.edge)
                self._deaf.setdefault(other.edge, set()).add(one.edge)
        self._apply_faults()

    def isolate(self, machine: Machine) -> None:
        """Let nothing in or out of a machine's network, though its link stays up."""
        self._deaf.setdefault(machine.edge, set()).add(machine.edge)
        self._apply_faults()

    def heal(self) -> None:
        """Undo partitions and isolation."""
        for deaf in self._deaf.values():
            deaf.clear()
        self._apply_faults()

    def _apply_faults(self) -> None:
        for edge, others in self._deaf.items():
            edge.space.nft("netlab_faults", _fault_chains(edge, others) if others else "")

    def link(self, machine: Machine, *, up: bool) -> None:
        """Plug or unplug a machine's own cable; programs inside see the link go."""
        machine.space.ip("link", "set", machine.device, "up" if up else "down")
        if up:  # routes went with the link
            machine.space.ip("route", "replace", "default", "via", machine.gateway)

    def block_udp(self, router: Router, *, blocked: bool = True) -> None:
        """Let no UDP through a router, as some offices do."""
        router.udp_blocked = blocked
        _translate(router)

    def rebind(self, router: Router) -> None:
        """Lose all mappings of a router, as a reboot does."""
        if shutil.which("conntrack") is None:
            raise NetlabError("losing a router's mappings needs the program conntrack")
        router.space.run("conntrack", "-F")

    def move(self, host: Host, router: Router) -> None:
        """Unplug a PC from its LAN and plug it into another one, as a laptop does."""
        host.space.ip("link", "del", host.device)
        host.router.hosts.remove(host)
        host.router, host.ip, host.gateway = router, _free(router), str(router.lan.network_address + 1)
        _plug(host, router.space, "lan0", router.lan)
        router.hosts.append(host)

    def rate(self, machine: Machine, rate: str | None) -> None:
        """Limit what a machine sends ("20mbit"), or lift the limit with None."""
        queue = ("tc", "qdisc")
        machine.space.run(*queue, "del", "dev", machine.device, "root", check=False)
        if rate is not None:
            limits = ("tbf", "rate", rate, "burst", "64k", "latency", "100ms")
            machine.space.run(*queue, "add", "dev", machine.device, "root", *limits)

    def distance(self, machine: Machine, delay: float, loss: float = 0.0) -> None:
        """Put a machine's network far away: seconds of delay one way, and the share of packets that is lost."""
        assert self._internet is not None
        space, edge = self._internet, machine.edge
        near, far, far_end = _leg(edge), f"f-{edge.name}", f"g-{edge.name}"
        cable = self._cables.pop(edge, None)
        if cable is not None:
            cable.close()
            space.ip("link", "del", far)
            space.ip("link", "set", near, "master", "br0")
        if delay or loss:
            space.ip("link", "set", near, "nomaster")
            space.ip("link", "add", far, "type", "veth", "peer", "name", far_end)
            space.ip("link", "set", far_end, "master", "br0", "up")
            space.ip("link", "set", far, "up")
            self._cables[edge] = self._lay_cable(near, far, delay, loss)

    def _lay_cable(self, near: str, far: str, delay: float, loss: float) -> Guest:
        assert self._internet is not None
        argv = (sys.executable, "-m", "tests.support.long_cable", near, far, str(delay), str(loss))
        cable = self._internet.spawn(*argv, talk=True)
        cable.read_line()  # says that it is ready
        return cable


# --- cables and rules ---------------------------------------------------------------------------------------------


def _leg(machine: Machine) -> str:
    """Return the name of the other end of a machine's cable."""
    return f"p-{machine.name}"


def _bridge(space: Namespace, name: str, ip: ipaddress.IPv4Address, net: ipaddress.IPv4Network) -> None:
    space.ip("link", "add", name, "type", "bridge", "stp_state", "0")
    space.ip("addr", "add", f"{ip}/{net.prefixlen}", "dev", name)
    space.ip("link", "set", name, "up")
    space.sysctl("net.bridge.bridge-nf-call-iptables", 0, check=False)  # frames between two ports meet no rules


def _plug(machine: Machine, there: Namespace, bridge: str, net: ipaddress.IPv4Network) -> None:
    """Lay a cable from a machine to a bridge in another namespace."""
    space, leg = machine.space, _leg(machine)
    far_end = ("peer", "name", leg, "netns", str(there.pid))
    space.ip("link", "add", machine.device, "type", "veth", *far_end)
    there.ip("link", "set", leg, "master", bridge, "up")
    space.ip("addr", "add", f"{machine.ip}/{net.prefixlen}", "dev", machine.device)
    space.ip("link", "set", machine.device, "up")
    space.ip("route", "replace", "default", "via", machine.gateway)


def _free(router: Router) -> str:
    return _first_free(router.lan, (host.ip for host in router.hosts), 2)


def _first_free(net: ipaddress.IPv4Network, taken: Iterable[str], first: int) -> str:
    used = set(taken)
    for offset in range(first, net.num_addresses - 1):
        ip = str(net.network_address + offset)
        if ip not in used:
            return ip
    raise NetlabError(f"{net} is full")


def _fault_chains(edge: Machine, others: Iterable[Machine]) -> str:
    """Return rules that drop what comes from others; with the machine itself among them, everything both ways."""
    others = list(others)
    cut_off = edge in others
    sources = [""] if cut_off else [f"ip saddr {other.ip}" for other in others]
    arriving = "\n".join(f'iifname "{edge.device}" {source} drop' for source in sources)
    leaving = f'oifname "{edge.device}" drop' if cut_off else ""
    return f"""
        chain arriving {{ type filter hook prerouting priority -310;
            {arriving}
        }}
        chain leaving {{ type filter hook postrouting priority 310;
            {leaving}
        }}"""


def _translate(router: Router) -> None:
    """Write a router's rules anew."""
    how = "masquerade random,fully-random" if router.kind == "symmetric" else "masquerade"
    # A router that drops strangers silently also keeps them out of its table of connections; one that answers them
    # notes them, and such a note can force another port on the next mapping.
    strangers = "" if router.kind == "docker" else f'iifname "{router.device}" ct state new drop'
    forwards = [rule.split(":") for rule in router.publish]  # protocol, public port, address, port
    inward = "\n".join(
        f"ip daddr {router.ip} {proto} dport {port} dnat to {to}:{to_port}" for proto, port, to, to_port in forwards
    )
    back = "\n".join(
        f"ip saddr {to} ip daddr {to} {proto} dport {to_port} masquerade" for proto, _, to, to_port in forwards
    )
    admitted = "\n".join(f"ip daddr {to} {proto} dport {to_port} accept" for proto, _, to, to_port in forwards)
    router.space.nft(
        "netlab_nat",
        f"""
        chain arriving {{ type nat hook prerouting priority -100;
            {inward}
        }}
        chain own {{ type nat hook output priority -100;
            {inward}
        }}
        chain leaving {{ type nat hook postrouting priority 100;
            {back}
            ip saddr {router.lan} oifname "{router.device}" {how}
        }}
        chain input {{ type filter hook input priority 0;
            {strangers}
        }}
        chain forward {{ type filter hook forward priority 0; policy drop;
            {"meta l4proto udp drop" if router.udp_blocked else ""}
            ct state established,related accept
            iifname "lan0" accept
            {admitted}
        }}""",
    )
