"""Measures bodies and small requests between pairs of nodes, in the same lab, one way after another."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from bench.mesh_support.lab import BenchLab, Cpu, Pair, bench_lab

SERVICES = {"no VPN": "ner-extraction", "direct": "document-processing", "relayed": "rag-embeddings"}
CONNECTIONS = (1, 16)  # of small requests


@dataclass(frozen=True, slots=True)
class Body:
    """What large bodies took in one direction."""

    mb_per_second: float
    cpu_per_gb: Cpu  # seconds of each party


@dataclass(frozen=True, slots=True)
class Small:
    """What small requests took over some connections."""

    per_second: float
    p50_ms: float
    p99_ms: float


@dataclass(frozen=True, slots=True)
class Way:
    """One round of one way between one pair."""

    down: Body
    up: Body
    small: dict[int, Small] = field(default_factory=dict)  # by connections


@contextmanager
def pairs_of(folder: Path, names: Sequence[str], delay: float = 0.0) -> Iterator[list[Pair]]:
    """Build the lab with these pairs, ready to be measured; who asks is so many seconds away."""
    folder.mkdir()
    with bench_lab(folder, [SERVICES[name] for name in names]) as lab:
        link = lab.coordinator.invite(2 * len(names))
        pairs = [_pair(lab, name, link) for name in names]
        for pair in pairs:
            if delay:  # before there are connections: some would not believe that they have become longer
                lab.lab.distance(pair.client.machine, delay)
            pair.open_plain_ways()
            pair.settle()
        yield pairs


def _pair(lab: BenchLab, name: str, link: str) -> Pair:
    service, short = SERVICES[name], name.replace(" ", "")[:6]
    members = []
    for side, offers in (("s", service), ("c", "")):
        if name == "no VPN":
            machine = lab.lab.public(f"{short}-{side}")
            flags = ["--vpn", "off", "--host", machine.ip]
            members.append(lab.node(machine, link, offers, *flags))
        else:
            home = lab.home(f"{short}-{side}", "symmetric" if name == "relayed" else "cone")
            members.append(lab.node(home, link, offers))
    server, client = members
    return Pair(name, client, server, service, lab.coordinator if name == "relayed" else None)


def measure(pair: Pair, way: str, size: int, seconds: float) -> Way:
    """Carry bodies both ways for so long, and then small requests."""
    small = {}
    bodies = {do: _body(pair, way, do, size, seconds) for do in ("down", "up")}
    for connections in CONNECTIONS:
        told = pair.ask(way, "small", connections=connections, seconds=seconds)
        small[connections] = Small(told["count"] / told["seconds"], told["p50_ms"], told["p99_ms"])
    return Way(bodies["down"], bodies["up"], small)


def _body(pair: Pair, way: str, do: str, size: int, seconds: float) -> Body:
    told = pair.ask(way, do, size=size, seconds=seconds)
    gigabytes = told["bytes_in_all"] / 1e9
    cpu = {party: used / gigabytes for party, used in told["cpu"].items() if used}
    return Body(told["bytes"] / 1e6 / told["seconds"], cpu)
