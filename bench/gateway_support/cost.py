"""What each feature of the gateway costs: the whole gateway beside itself with one thing changed, in one run."""

from __future__ import annotations

import argparse
import json
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from bench.gateway_support import whole
from bench.gateway_support.load import Figures, Load, put
from bench.gateway_support.processes import Bench, Program
from bench.gateway_support.results import size_text

FULL = "full"
VARIATIONS: Mapping[str, Mapping[str, Any]] = {
    FULL: {},
    "metrics off": {"metrics": False},
    "no keys": {"anonymous": True},
}
NOTES = """\
Our gateway alone: full has keys, rates, metrics and selection over 3 workers. Each other line is full with one
thing changed; ratios are to full, the median over all rounds. "no keys": --anonymous, only the address has a rate.
"metrics off" exists in this bench only: what counts an ended request is replaced by nothing."""
HEADING = (
    f"{'body':>9} {'conn':>5}  {'':<20} {'requests/s':>11} {'p99 ms':>9} {'CPU us':>8}   {'rate':>6} {'CPU':>6}"
)


@dataclass(frozen=True, slots=True)
class Cost:
    """One variation: its figures in the round in the middle, and the medians of its ratios to full."""

    name: str
    figures: Figures
    rate_ratio: float
    cpu_ratio: float


def costs(rounds: Sequence[Mapping[str, Figures]]) -> list[Cost]:
    """Hold every variation against full, round by round."""
    found = []
    for name in rounds[0]:
        rates = [one[name].requests_per_second / max(0.001, one[FULL].requests_per_second) for one in rounds]
        cpus = [one[name].cpu_us / max(0.001, one[FULL].cpu_us) for one in rounds]
        usual = sorted((one[name] for one in rounds), key=lambda figures: figures.cpu_us)[len(rounds) // 2]
        found.append(Cost(name, usual, statistics.median(rates), statistics.median(cpus)))
    return found


def measure(bench: Bench, workers: Program, ports: Sequence[int], arguments: argparse.Namespace) -> None:
    """Start all variations, put every load on each in turn, and print what came of it."""
    peers = [whole.start(bench, name, ports, **changed) for name, changed in VARIATIONS.items()]
    if not arguments.json:
        print(NOTES, HEADING, sep="\n\n", flush=True)
    told = []
    for size in arguments.sizes:
        for connections in arguments.connections:
            load = Load(size, connections, arguments.seconds, arguments.vary)
            rounds = [
                {peer.name: put(bench, workers, peer, load) for peer in peers} for _ in range(arguments.rounds)
            ]
            found = costs(rounds)
            told.append({"bytes": size, "connections": connections, "costs": [asdict(cost) for cost in found]})
            if not arguments.json:
                print(*(_line(size, connections, cost) for cost in found), sep="\n", flush=True)
    if arguments.json:
        print(json.dumps({"rows": told}))


def _line(size: int, connections: int, cost: Cost) -> str:
    one = cost.figures
    return (
        f"{size_text(size):>9} {connections:>5}  {cost.name:<20} {one.requests_per_second:>11,.0f} "
        f"{one.p99_ms:>9.2f} {one.cpu_us:>8.1f}   {cost.rate_ratio:>6.2f} {cost.cpu_ratio:>6.2f}"
        + (f"  {one.errors} ERRORS" if one.errors else "")
    )
