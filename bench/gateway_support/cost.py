"""What each feature of the gateway costs: the whole gateway beside itself with one thing changed, in one run."""

from __future__ import annotations

import argparse
import json
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from bench.gateway_support import whole
from bench.gateway_support.load import Figures, Load, Round, rounds_of
from bench.gateway_support.processes import Bench, Program
from bench.gateway_support.results import size_text

FULL = "full"
NOTES = """\
Our gateway alone: full has keys, rates, metrics, selection over 3 workers and every request in the access log. Each
other line is full with one thing changed; ratios are to full, the median over all rounds. "access log off" is how a
coordinator runs by itself. "no keys": --anonymous, where only the address has a rate. "metrics off" exists in this
bench only: what counts an ended request is replaced by nothing."""
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


def variations(folder: Path) -> Mapping[str, Mapping[str, Any]]:
    """Return what `whole.start` is told for each; access logs go into this folder."""
    logs = {"access_log_sample": 1.0, "access_log": str(folder / "access.log")}
    return {
        FULL: logs,
        "metrics off": {**logs, "metrics": False, "access_log": str(folder / "uncounted.log")},
        "access log 1 %": {**logs, "access_log_sample": 0.01, "access_log": str(folder / "sampled.log")},
        "access log off": {},
        "no keys": {**logs, "anonymous": True, "access_log": str(folder / "anonymous.log")},
    }


def costs(rounds: Sequence[Round]) -> list[Cost]:
    """Hold every variation against full, round by round."""
    found = []
    for name in sorted(rounds[0], key=lambda name: name != FULL):
        rates = [one[name].requests_per_second / max(0.001, one[FULL].requests_per_second) for one in rounds]
        cpus = [one[name].cpu_us / max(0.001, one[FULL].cpu_us) for one in rounds]
        usual = sorted((one[name] for one in rounds), key=lambda figures: figures.cpu_us)[len(rounds) // 2]
        found.append(Cost(name, usual, statistics.median(rates), statistics.median(cpus)))
    return found


def measure(bench: Bench, workers: Program, ports: Sequence[int], arguments: argparse.Namespace) -> None:
    """Start all variations, put every load on each in turn, and print what came of it."""
    peers = [whole.start(bench, name, ports, **changed) for name, changed in variations(bench.folder).items()]
    if not arguments.json:
        print(NOTES, HEADING, sep="\n\n", flush=True)
    told = []
    for size in arguments.sizes:
        for connections in arguments.connections:
            load = Load(size, connections, arguments.seconds, arguments.vary)
            found = costs(rounds_of(bench, workers, peers, load, arguments.rounds))
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
