"""The command line of `bench/dht.py`."""

from __future__ import annotations

import argparse
import asyncio
import random
import sys
from collections.abc import Coroutine, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec

from bench.dht_support import mesh, plan, results, simulate, stock
from bench.dht_support.results import Result
from node.dht.settings import DhtSettings
from node.program.lifetime import make_loop, print_json

SPARE_FILES = 256  # descriptors beside the sockets of the nodes


def main(arguments: Sequence[str] | None = None) -> None:
    """Run what the command line asks for and print its figures."""
    asked = _parser().parse_args(arguments)
    if asked.simulate:
        _simulate(asked)
    else:
        _measure(asked)


def _measure(asked: argparse.Namespace) -> None:
    _allow_sockets(asked.nodes)
    drawn = plan.make(asked.nodes, asked.kill, asked.lookups or 200, random.Random(asked.seed))
    columns = {"RMA Mesh": _run(mesh.run(drawn, random.Random(asked.seed), DhtSettings()))}
    if asked.baseline:
        fewer = replace(drawn, queries=drawn.queries[: asked.baseline_lookups])
        columns["kademlia"] = _run(stock.run(fewer, random.Random(asked.seed)))
    if asked.json:
        print_json(_document(columns))
    else:
        print(f"real UDP sockets on loopback, one process, {type(make_loop()).__module__} loop, seed {asked.seed}")
        print(results.table(columns))


def _simulate(asked: argparse.Namespace) -> None:
    study = simulate.Study(
        asked.simulate, asked.churn, asked.sybils, asked.minutes, asked.lookups or 500, asked.seed
    )
    figures = simulate.run(study)
    if asked.plots is not None:
        simulate.write_plots(asked.plots, figures)
    if asked.json:
        print_json({"simulated": figures})
    else:
        print(
            f"simulated network and time, the code of node/dht, {asked.minutes:g} minutes each, seed {asked.seed}"
        )
        print(simulate.table(figures))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="bench/dht.py", description="Measure the DHT: joining, losing nodes without a word, and looking up."
    )
    parser.add_argument("--nodes", type=_count, default=100, metavar="N", help="nodes to start (default 100)")
    parser.add_argument("--kill", type=_share, default=0.3, metavar="F", help="share killed (default 0.3)")
    parser.add_argument("--lookups", type=_count, metavar="L", help="lookups to make (default 200, simulated 500)")
    parser.add_argument("--baseline", action="store_true", help="also run the plain package kademlia on this plan")
    parser.add_argument("--baseline-lookups", type=_count, default=50, metavar="L", help="its lookups (default 50)")
    parser.add_argument(
        "--simulate",
        type=_count,
        metavar="N",
        help="instead, simulate meshes of 100, 1,000, ... N nodes: calm, with churn, with liars, with both",
    )
    parser.add_argument(
        "--churn", type=_share, default=0.1, metavar="F", help="share replaced a minute (default 0.1)"
    )
    parser.add_argument("--sybils", type=_share, default=0.2, metavar="F", help="share that lies (default 0.2)")
    parser.add_argument("--minutes", type=float, default=2.0, metavar="M", help="simulated minutes (default 2)")
    parser.add_argument("--plots", type=Path, metavar="DIR", help="write charts of what was simulated as SVG files")
    parser.add_argument("--seed", type=int, default=1, help="from which everything drawn follows (default 1)")
    parser.add_argument("--json", action="store_true", help="print one JSON document")
    return parser


def _count(text: str) -> int:
    number = int(text)
    if number < 2:
        raise argparse.ArgumentTypeError("must be at least 2")
    return number


def _share(text: str) -> float:
    number = float(text)
    if not 0 <= number < 1:
        raise argparse.ArgumentTypeError("must be from 0 to less than 1")
    return number


def _run(work: Coroutine[Any, Any, Result]) -> Result:
    with asyncio.Runner(loop_factory=make_loop) as runner:
        return runner.run(work)


def _document(columns: dict[str, Result]) -> dict[str, Any]:
    """Return our figures at the top, and those of the plain package, where there are some, beside them."""
    ours, *others = (msgspec.to_builtins(result) for result in columns.values())
    return {**ours, **({"baseline": others[0]} if others else {})}


def _allow_sockets(nodes: int) -> None:
    if sys.platform == "win32":
        return
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = nodes + SPARE_FILES
    if soft != resource.RLIM_INFINITY and soft < wanted:
        if hard != resource.RLIM_INFINITY and hard < wanted:
            raise SystemExit(f"{nodes} nodes need {wanted} open files; this system allows {hard} (ulimit -Hn).")
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
