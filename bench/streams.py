"""What long and large things cost in our gateway: idle connections, event streams, gigabytes, WebSockets.

And what harm clients do that never end a head (slowloris; before the bare data plane, which can be told to wait
less long for heads). One process of our whole gateway with keys, rates, metrics and selection, a new one for each
measurement, before one worker; clients on the other cores. Memory is what the process has grown by (resident set;
what the kernel keeps for sockets is not in it). Event streams and WebSockets are read from the worker directly as
well: the difference is ours.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import dataclasses
import json
import os
import resource
import sys
import tempfile
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path

import uvloop

sys.path.insert(0, str(Path(__file__).parents[1]))  # else Python finds only what is in bench/

from bench.gateway_support import streams, whole
from bench.gateway_support.processes import Bench, Program
from bench.gateway_support.streams import LIMIT, Figures

HEAD_TIME = 5.0  # seconds; by default clients have more
SPARE = 500  # files that a process has open beside its connections
Measurement = Callable[[Program], Awaitable[Figures]]
Way = Callable[[Bench, Program, int], Program]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", help="names of what to measure, with commas between them")
    parser.add_argument("--idle", type=int, default=10_000, help="idle connections (10000)")
    parser.add_argument(
        "--streams", type=int, default=5_000, help="open at once, with an event a second each (5000)"
    )
    parser.add_argument("--seconds", type=float, default=10, help="for which events are counted (10)")
    parser.add_argument("--mib", type=int, default=2048, help="up, and down (2048)")
    parser.add_argument("--messages", type=int, default=10_000, help="over the WebSocket (10000)")
    parser.add_argument("--slow", type=int, default=2_000, help="clients that never end a head (2000)")
    parser.add_argument(
        "--bare", default="slowloris", help="what to measure with the bare data plane, which only moves bytes"
    )
    parser.add_argument("--json", action="store_true", help="print one JSON document")
    arguments = parser.parse_args()
    raise_file_limit(max(arguments.idle, 2 * arguments.streams, arguments.slow) + SPARE)
    measured = measurements(arguments)
    names = arguments.only.split(",") if arguments.only else list(measured)
    if unknown := set(names) - set(measured):
        parser.error(f"nothing is called {', '.join(sorted(unknown))}; there are {', '.join(measured)}")
    figures = {}
    for name in names:
        way = worker_alone if name.endswith("-direct") else bare if name in arguments.bare else gateway
        figures[name] = measure(measured[name], way, arguments.streams)
        if not arguments.json:
            print(
                f"{name:<17}" + "  ".join(f"{key} {value:,.4g}" for key, value in figures[name].items()), flush=True
            )
    if arguments.json:
        print(json.dumps(figures))


def measurements(arguments: argparse.Namespace) -> Mapping[str, Measurement]:
    size = arguments.mib * streams.MIB
    return {
        "idle": lambda through: streams.idle(through, arguments.idle),
        "events": lambda through: streams.events(through, arguments.streams, arguments.seconds),
        "events-direct": lambda through: streams.events(through, arguments.streams, arguments.seconds),
        "download": lambda through: streams.download(through, size),
        "upload": lambda through: streams.upload(through, size),
        "websocket": lambda through: streams.echo(through, arguments.messages),
        "websocket-direct": lambda through: streams.echo(through, arguments.messages),
        "slowloris": lambda through: streams.slowloris(through, arguments.slow, HEAD_TIME),
    }


def measure(what: Measurement, way: Way, connections: int) -> Figures:
    """Start a worker and what is to be measured in front of it."""
    with contextlib.ExitStack() as stack:
        bench = Bench(Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="bench-"))), stack)
        through = way(bench, bench.python("worker", "stream_worker", [], bench.others), connections)
        allowed = os.sched_getaffinity(0)
        stack.callback(os.sched_setaffinity, 0, allowed)
        os.sched_setaffinity(0, bench.others)
        return uvloop.run(within_the_limit(what(through)))


def worker_alone(_bench: Bench, worker: Program, _connections: int) -> Program:
    return worker


def gateway(bench: Bench, worker: Program, _connections: int) -> Program:
    peer = whole.start(bench, "gateway", [worker.port])
    return dataclasses.replace(peer.program, key=peer.key)


def bare(bench: Bench, worker: Program, connections: int) -> Program:
    told = ["--worker", str(worker.port), "--head-time", str(HEAD_TIME), "--upstreams", str(connections + 100)]
    return bench.python("core", "core_proxy", told, bench.measured)


async def within_the_limit(figures: Awaitable[Figures]) -> Figures:
    async with asyncio.timeout(LIMIT):
        return await figures


def raise_file_limit(wanted: int) -> None:
    """Let this process and those that it starts open so many files; say so where the system does not."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < wanted:
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, max(wanted, hard)))
        except (ValueError, OSError):
            raise SystemExit(
                f"This needs {wanted} open files, and the system allows {hard}: raise it (ulimit -n {wanted}), or "
                "ask for fewer with --idle, --streams and --slow."
            ) from None


if __name__ == "__main__":
    main()
