"""How near our whole gateway comes to nginx, and how far it leaves the earlier design (FastAPI with httpx) behind.

The same requests go in turn through nginx, the earlier design and our gateway as it is run (keys, rates, metrics,
selection), one process each on one core, in front of three workers (nginx, static files). Only the ratios mean
something: the machine is what it is, and all are measured in one run, round by round. Needs nginx and wrk (Debian:
nginx-light, wrk), and for the earlier design `pip install -e '.[bench]'`
(which .[dev] brings).
"""

from __future__ import annotations

import argparse
import contextlib
import importlib.util
import json
import shutil
import signal
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))  # else Python finds only what is in bench/

from bench.gateway_support import cost, nginx, results, whole
from bench.gateway_support.load import Load, Peer, rounds_of
from bench.gateway_support.processes import Bench, Program, machine
from bench.gateway_support.results import CORE, EARLIER, OURS
from node.program.lifetime import guarded

WORKERS = 3
EARLIER_NEEDS = ("fastapi", "httpx", "uvicorn")
NOTES = """\
One process each on the first core, wrk and the workers on the others. "CPU us" is the proxy's CPU time for one
request; then come the ratios to nginx, of the round in which the gateway's ratio of rates is the median; then how
much of a core proxy, wrk and workers used, and who had no more to give. nginx logs nothing and checks no key; its
connections to the workers are kept, its buffers are as large as ours."""


def main(argv: Sequence[str] | None = None) -> int:
    parser = build_parser()
    arguments = parser.parse_args(argv)
    if arguments.worker_url and not arguments.serve:
        parser.error("--worker-url goes with --serve; all else has workers of its own")
    return guarded(lambda: (serve if arguments.serve else compare)(arguments))


def compare(arguments: argparse.Namespace) -> int:
    """Start the workers, measure in front of them what was asked for, and end everything."""
    missing = [program for program in ("nginx", "wrk") if shutil.which(program) is None]
    if missing:
        raise SystemExit(f"These programs are missing: {', '.join(missing)}. On Debian: nginx-light and wrk.")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # end what was started
    with contextlib.ExitStack() as stack:
        bench = Bench(Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="bench-"))), stack)
        workers, ports = nginx.workers(bench, arguments.sizes, WORKERS)
        if arguments.cost:
            cost.measure(bench, workers, ports, arguments)
        else:
            measure(bench, workers, ports, arguments)
    return 0


def build_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--sizes",
        type=numbers,
        default=[200, 10 * 1024, 2**20],
        help="bytes of an answer's body, with commas between them (200,10240,1048576)",
    )
    parser.add_argument("--connections", type=numbers, default=[1, 32, 256], help="(1,32,256)")
    parser.add_argument("--seconds", type=int, default=3, help="of each measurement (3)")
    parser.add_argument("--rounds", type=int, default=3, help="of which the middle one counts (3)")
    parser.add_argument("--vary", action="store_true", help="send a different head with every request")
    parser.add_argument("--core", action="store_true", help="measure our bare data plane as well: no keys, no "
                        "rates, no metrics, workers in turn")  # fmt: skip
    parser.add_argument("--json", action="store_true", help="print one JSON document")
    what = parser.add_mutually_exclusive_group()
    what.add_argument("--cost", action="store_true", help="measure our gateway alone: what each feature costs")
    what.add_argument("--serve", action="store_true", help="measure nothing: run our gateway before --worker-url "
                      f"until SIGTERM, and print one ready line. {whole.RAISED}")  # fmt: skip
    parser.add_argument("--worker-url", action="append", default=[], metavar="URL", help="with --serve: a plain "
                        f"HTTP server that is a worker of {whole.SERVICE}, which gets GET, POST and so on at "
                        f"{nginx.FOLDER}...; may be given several times")  # fmt: skip
    parser.add_argument("--port", type=int, default=0, help="with --serve: where to listen (0: a free port)")
    return parser


def serve(arguments: argparse.Namespace) -> int:
    """Run our gateway in front of somebody else's workers."""
    places = whole.places_of(arguments.worker_url)
    return whole.run(whole.Plan(places=places, port=arguments.port, as_json=arguments.json))


def measure(bench: Bench, workers: Program, ports: Sequence[int], arguments: argparse.Namespace) -> None:
    """Put every load on every proxy and print what came of it."""
    about = machine()
    peers, rows, other_cores = start(bench, ports, core=arguments.core), [], bench.other_cores
    if not arguments.json:
        told = ", ".join(f"{name} {value}" for name, value in about.items())
        print(NOTES, told, results.HEADING, sep="\n\n", flush=True)
    for size in arguments.sizes:
        for connections in arguments.connections:
            load = Load(size, connections, arguments.seconds, arguments.vary)
            rounds = rounds_of(bench, workers, peers, load, arguments.rounds)
            rows.append(results.middle(size, connections, rounds))
            if not arguments.json:
                print(*results.lines(rows[-1], other_cores), sep="\n", flush=True)
    if arguments.json:
        print(json.dumps({"machine": about, **results.document(rows, other_cores)}))
    else:
        print("", *map(results.goal_line, results.goals(rows)), sep="\n")


def start(bench: Bench, workers: Sequence[int], *, core: bool) -> list[Peer]:
    """Start all proxies in front of the workers."""
    told = [part for worker in workers for part in ("--worker", str(worker))]
    peers = [Peer(nginx.proxy(bench, workers)), whole.start(bench, OURS, workers)]
    if core:
        peers.append(Peer(bench.python(CORE, "core_proxy", told, bench.measured)))
    missing = [name for name in EARLIER_NEEDS if importlib.util.find_spec(name) is None]
    if missing:
        print(
            f"The earlier design is left out, since it needs {', '.join(missing)}: pip install -e '.[bench]'",
            file=sys.stderr,
        )
    else:
        peers.append(Peer(bench.python(EARLIER, "earlier_design", told, bench.measured)))
    return peers


def numbers(text: str) -> list[int]:
    return [int(part) for part in text.split(",")]


if __name__ == "__main__":
    sys.exit(main())
