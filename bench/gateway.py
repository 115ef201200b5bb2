"""How near our data plane comes to nginx, and how far it leaves the earlier design (FastAPI with httpx) behind.

The same requests through each in turn, one process each. Needs nginx and wrk (Debian: nginx-light, wrk), and for
the earlier design `pip install -e '.[bench]'`. Only the ratios mean something: the machine is what it is, and all
are measured in one run, one right after the other, on a core of their own where there are two.
"""

from __future__ import annotations

import argparse
import contextlib
import importlib.util
import json
import shutil
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

sys.path.insert(
    0, str(Path(__file__).parents[1])
)  # `python bench/gateway.py` alone would find only what is in bench/

from bench.gateway_support import nginx
from bench.gateway_support.load import Figures, load
from bench.gateway_support.processes import Bench, Program

Row = dict[str, Any]
WORKERS = 3
OURS, NGINX, EARLIER = "core", "nginx", "earlier"
EARLIER_NEEDS = ("fastapi", "httpx", "uvicorn")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sizes", type=numbers, default=[200, 10 * 1024, 2**20], help="bytes of an answer's body")
    parser.add_argument("--connections", type=numbers, default=[1, 32, 256])
    parser.add_argument("--seconds", type=int, default=3, help="of each measurement")
    parser.add_argument("--rounds", type=int, default=3, help="of which the middle one counts")
    parser.add_argument("--vary", action="store_true", help="send a different head with every request")
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    missing = [program for program in ("nginx", "wrk") if shutil.which(program) is None]
    if missing:
        raise SystemExit(f"These programs are missing: {', '.join(missing)}. On Debian: nginx-light and wrk.")
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="bench-")))
        folder.chmod(0o755)  # nginx gives up its rights before it reads the files
        bench = Bench(folder, stack)
        proxies = start(bench, nginx.workers(bench, arguments.sizes, WORKERS))
        rows = []
        for size in arguments.sizes:
            for connections in arguments.connections:
                row = measure(bench, proxies, size, connections, arguments)
                rows.append(row)
                if not arguments.json:
                    print(line(row), flush=True)
        if arguments.json:
            print(json.dumps(rows))


def start(bench: Bench, workers: Sequence[int]) -> list[Program]:
    """Start all proxies in front of the workers."""
    told = [part for worker in workers for part in ("--worker", str(worker))]
    proxies = [nginx.proxy(bench, workers), bench.python(OURS, "core_proxy", told, bench.measured)]
    missing = [name for name in EARLIER_NEEDS if importlib.util.find_spec(name) is None]
    if missing:
        print(
            f"The earlier design is left out, since it needs {', '.join(missing)}: pip install -e '.[bench]'",
            file=sys.stderr,
        )
    else:
        proxies.append(bench.python(EARLIER, "earlier_design", told, bench.measured))
    return proxies


def measure(
    bench: Bench, proxies: list[Program], size: int, connections: int, arguments: argparse.Namespace
) -> Row:
    """Measure the proxies in turn; the round whose ratio of rates is in the middle counts."""
    rounds = [
        {
            proxy.name: load(bench, proxy, size, connections, arguments.seconds, vary=arguments.vary)
            for proxy in proxies
        }
        for _ in range(arguments.rounds)
    ]
    figures = sorted(rounds, key=lambda one: rate_ratio(one, NGINX))[len(rounds) // 2]
    row: Row = {"bytes": size, "connections": connections, "rate_ratio": rate_ratio(figures, NGINX)}
    row["p99_ratio"] = figures[OURS].p99_ms / max(0.001, figures[NGINX].p99_ms)
    row["cpu_ratio"] = figures[OURS].cpu_us / max(0.001, figures[NGINX].cpu_us)
    if EARLIER in figures:
        row["times_earlier"] = rate_ratio(figures, EARLIER)
    return row | {name: asdict(one) for name, one in figures.items()}


def rate_ratio(figures: dict[str, Figures], peer: str) -> float:
    return figures[OURS].requests_per_second / max(0.001, figures[peer].requests_per_second)


def line(row: Row) -> str:
    parts = [f"{row['bytes']:>8} B {row['connections']:>4} conn"]
    for name in (NGINX, EARLIER, OURS):
        if name in row:
            one = row[name]
            parts.append(
                f"{name} {one['requests_per_second']:>8,.0f}/s p50 {one['p50_ms']:.2f} p99 {one['p99_ms']:.2f} ms "
                f"{one['cpu_us']:.1f} us" + (f" {one['errors']} ERRORS" if one["errors"] else "")
            )
    ratios = f"nginx: rate x{row['rate_ratio']:.2f} p99 x{row['p99_ratio']:.2f} CPU x{row['cpu_ratio']:.2f}"
    earlier = f", earlier: rate x{row['times_earlier']:.0f}" if "times_earlier" in row else ""
    return " | ".join([*parts, ratios + earlier])


def numbers(text: str) -> list[int]:
    return [int(part) for part in text.split(",")]


if __name__ == "__main__":
    main()
