"""What workers cost a coordinator: its CPU and memory, and how long heartbeats, routes and assignment take.

    python bench/coordinator.py                               1,000 workers on SQLite
    python bench/coordinator.py --store both --workers 100,1000,10000 --plot docs/benchmarks/coordinator.svg
    python bench/coordinator.py --workers 0 --failovers 10    what is noticed of a coordinator that is killed

A real coordinator on the first core; workers on the others, in one program, each with a key, a credential, tokens
and a channel of its own, who do in real time what nodes do: a heartbeat on the channel every 30 s, and a ping
every 20 s; and once more with each heartbeat a request on a connection of its own, as where there is no channel.
Then some leave and others come, requests are routed to them, and somebody looks on.
"""

from __future__ import annotations

import argparse
import contextlib
import functools
import json
import os
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))  # else Python finds only what is in bench/

from bench.coordinator_support import failover, results, site
from bench.coordinator_support.site import MIB, Coordinator, Crowd
from bench.gateway_support.processes import Bench, machine
from bench.streams import SPARE, raise_file_limit
from coordinator_server.store.etcd.address import EtcdAddress
from node.program.lifetime import guarded
from tests.support.etcd import etcd_cluster

SERVICE = "ner-extraction"
PERIOD = 30.0  # seconds between two heartbeats of a worker
PER_WORKER = 1.9  # files that a worker keeps open: a channel, and for 15 s the connection of its last heartbeat
CHURN = 0.01 / 60  # of the workers that leave each second, and as many come: 1 % a minute
LEAST_CHURN = 0.5  # a second, so that there is something to see where they are few
RATE = 50.0  # requests a second


def build_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--store", choices=("sqlite", "etcd", "both"), default="sqlite")
    parser.add_argument("--workers", type=numbers, default=[1000], help="how many, one run each (1000)")
    parser.add_argument("--seconds", type=float, default=PERIOD, help="for which heartbeats are looked at (30)")
    parser.add_argument("--period", type=float, default=PERIOD, help="between two heartbeats of a worker (30)")
    parser.add_argument("--other-seconds", type=float, default=15, help="of churn, requests and looking on (15)")
    parser.add_argument("--listeners", type=numbers, default=[1, 10], help="that look on, one time each (1,10)")
    parser.add_argument("--revoked", type=int, default=0, help="machines that were put out lately (0)")
    parser.add_argument("--no-channels", action="store_true", help="heartbeats alone")
    parser.add_argument("--failovers", type=int, default=0, help="coordinators of two that are killed (0)")
    parser.add_argument("--beside", action="store_true", help="a second coordinator on the same etcd")
    parser.add_argument("--plot", type=Path, help="an SVG of the cost over the number of workers")
    parser.add_argument("--json", action="store_true", help="print one JSON document")
    return parser


def numbers(text: str) -> list[int]:
    return [int(part) for part in text.split(",") if int(part)]


def main(argv: Sequence[str] | None = None) -> int:
    arguments = build_parser().parse_args(argv)
    return guarded(lambda: run(arguments))


def run(arguments: argparse.Namespace) -> int:
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # end what was started
    raise_file_limit(int(max(arguments.workers, default=0) * PER_WORKER) + SPARE)
    say: Callable[[str], None] = (lambda _text: None) if arguments.json else (lambda text: print(text, flush=True))
    say(", ".join(f"{name} {value}" for name, value in machine().items()) + "\n")
    found: dict[str, Any] = {"machine": machine(), "runs": []}
    kinds = ("sqlite", "etcd") if arguments.store == "both" else (arguments.store,)
    if arguments.workers:
        say(results.HEADING)
    for kind in kinds:
        for count in arguments.workers:
            one = {"store": kind, "workers": count, **measure(kind, count, arguments)}
            found["runs"].append(one)
            say(results.line(one))
    say(results.details(found["runs"]))
    if arguments.failovers:
        found["failovers"] = {kind: failovers(kind, arguments.failovers) for kind in kinds}
        say(results.failovers(found["failovers"]))
    if arguments.plot is not None:
        arguments.plot.write_text(results.plot(found["runs"]))
    if arguments.json:
        print(json.dumps(found))
    return 0


@contextlib.contextmanager
def benched(kind: str) -> Iterator[tuple[Bench, EtcdAddress | None]]:
    """Give a bench, and for etcd a member of it on the other cores; this process stays off the measured one."""
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="bench-", dir=".")))
        bench = Bench(folder.absolute(), stack)
        stack.callback(os.sched_setaffinity, 0, os.sched_getaffinity(0))
        os.sched_setaffinity(0, bench.others)
        etcd = stack.enter_context(etcd_cluster(1, folder=bench.folder)).address() if kind == "etcd" else None
        yield bench, etcd


def measure(kind: str, count: int, arguments: argparse.Namespace) -> dict[str, Any]:
    """Look at one coordinator with so many workers."""
    rate = max(LEAST_CHURN, count * CHURN)
    spare = int(arguments.other_seconds * rate) + 10
    with benched(kind) as (bench, etcd):
        one, identities = site.begin(
            bench, bench.folder / "coordinator", count + spare, etcd=etcd, revoked=arguments.revoked
        )
        if arguments.beside and etcd is not None:
            beside(bench, etcd)
        empty = one.program.memory()
        with site.crowd(bench, one, identities, arguments.period) as crowd:
            joined = crowd.ask("join", count=count, channels=not arguments.no_channels)
            settled = crowd.ask("settle")
            steady = watched(one, crowd, lambda: crowd.ask("measure", seconds=arguments.seconds))
            requests = watched(
                one, crowd, lambda: crowd.ask("measure", seconds=arguments.seconds, by_channel=False)
            )
            crowd.ask("measure", seconds=0.0)
            memory = one.program.memory()
            seconds = arguments.other_seconds
            return {
                "load_average": round(os.getloadavg()[0], 1),
                "seconds": arguments.seconds,
                "kib_each": (memory - empty) / count / 1024,
                "mib": memory / MIB,
                "joined": joined,
                "settled": settled,
                "steady": steady,
                "steady_http": requests,
                "requests": watched(
                    one, crowd, lambda: crowd.ask("ask", seconds=seconds, rate=RATE, service=SERVICE, key=one.key)
                ),
                "churn": watched(one, crowd, lambda: crowd.ask("churn", seconds=seconds, rate=rate)),
                "listeners": [
                    watched(one, crowd, functools.partial(crowd.ask, "listen", seconds=seconds, listeners=number))
                    for number in (0, *arguments.listeners)
                ],
            }


def failovers(kind: str, runs: int) -> list[dict[str, Any]]:
    """Kill so many coordinators, of two on one store."""
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="bench-", dir="."))).absolute()
        etcd = stack.enter_context(etcd_cluster(1, folder=folder)).address() if kind == "etcd" else ""
        return [asdict(gap) for gap in failover.gaps(folder / "mesh", runs, str(etcd))]


def beside(bench: Bench, etcd: EtcdAddress) -> Coordinator:
    """Start another coordinator of the same mesh, which has no workers of its own."""
    folder = bench.folder / "beside"
    folder.mkdir(mode=0o700)
    (folder / "mesh.key").write_bytes((bench.folder / "coordinator" / "mesh.key").read_bytes())
    (folder / "mesh.key").chmod(0o600)
    bench.measured, mine = bench.others, bench.measured
    try:
        return site.start(bench, folder, etcd=etcd)
    finally:
        bench.measured = mine


def watched(one: Coordinator, crowd: Crowd, work: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    """Return what came of something, and how much of a core the coordinator used meanwhile."""
    cpu, theirs, began = one.program.cpu_seconds(), sum(crowd.program.cpu_times()[:2]), time.monotonic()
    found = work()
    took = time.monotonic() - began
    found["cpu_percent"] = (one.program.cpu_seconds() - cpu) / took * 100
    found["crowd_percent"] = (sum(crowd.program.cpu_times()[:2]) - theirs) / took * 100
    return found


if __name__ == "__main__":
    sys.exit(main())
