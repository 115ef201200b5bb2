"""From an invite to the first answer, and what requests and bodies take from one worker to another.

A coordinator and nodes, all of them the real programs, in networks of their own behind routers of their own: on one
network without a VPN, over the overlay directly, and over the overlay through the coordinator. Beside each stands
what plain TCP does between the same two machines, outside of the overlay and in it. Needs root on Linux.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))  # else Python finds only what is in bench/

from bench.gateway_support.processes import machine
from bench.mesh_support.carrying import SERVICES, Way, measure, pairs_of
from bench.mesh_support.joining import Join, joins
from bench.mesh_support.results import Ways, carrying_lines, document, joining_lines, middle
from tests.support.namespaces import why_impossible
from tests.support.overlay_mesh import PROGRAMS

MIB = 2**20


def lacking() -> str | None:
    """Return why there is nothing to measure with here."""
    missing = [name for name in PROGRAMS if shutil.which(name) is None]
    return why_impossible() or (f"needs {', '.join(missing)}" if missing else None)


def all_joins(options: argparse.Namespace, folder: Path) -> dict[str, list[Join]]:
    modes = {"with the VPN": True, "without": False}
    return {
        name: joins(folder / f"join-{number}", options.runs, vpn=vpn)
        for number, (name, vpn) in enumerate(modes.items())
    }


def all_ways(options: argparse.Namespace, folder: Path) -> Ways:
    """Measure every way of every pair so often, one after another, so that a busy moment hits them alike."""
    with pairs_of(folder / "carry", options.only, options.delay) as pairs:
        found: dict[tuple[str, str], list[Way]] = {}
        for _ in range(options.runs):
            for pair in pairs:
                for way in pair.ways():
                    one = measure(pair, way, round(options.size * MIB), options.seconds)
                    found.setdefault((pair.name, way), []).append(one)
    return {key: middle(rounds) for key, rounds in found.items()}


def run(options: argparse.Namespace, folder: Path) -> None:
    found = {} if options.no_joins else all_joins(options, folder)
    ways = all_ways(options, folder) if options.only else {}
    if options.json:
        print(json.dumps({"machine": machine()} | document(found, ways)))
        return
    print(" ".join(f"{name}={value}" for name, value in machine().items()), f"runs={options.runs}", "\n")
    lines = [*(joining_lines(found) if found else ()), "", *(carrying_lines(ways) if ways else ())]
    print("\n".join(lines).strip("\n"))


def parse(argv: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=1.0, help="of each measurement, at least (1)")
    parser.add_argument("--runs", type=int, default=3, help="of which the median is told (3)")
    parser.add_argument("--size", type=float, default=32.0, help="of a large body, in MiB (32)")
    parser.add_argument(
        "--delay", type=float, default=0.0, help="seconds that each packet takes to and from who asks (0)"
    )
    parser.add_argument("--only", help=f"some of: {', '.join(SERVICES)}; an empty one measures joining only")
    parser.add_argument("--no-joins", action="store_true", help="leave joining out")
    parser.add_argument("--json", action="store_true", help="print one JSON document")
    options = parser.parse_args(argv)
    options.only = list(SERVICES) if options.only is None else [name for name in options.only.split(",") if name]
    unknown = set(options.only) - set(SERVICES)
    if unknown:
        parser.error(f"nothing is called {', '.join(sorted(unknown))}; there are {', '.join(SERVICES)}")
    return options


def main(argv: list[str] | None = None) -> int:
    options = parse(argv)
    reason = lacking()
    if reason is not None:
        print(f"Nothing is measured here: bench/mesh.py {reason}.", file=sys.stderr)
        return 0
    with tempfile.TemporaryDirectory(prefix="rma-mesh-bench-") as folder:
        run(options, Path(folder))
    return 0


if __name__ == "__main__":
    sys.exit(main())
