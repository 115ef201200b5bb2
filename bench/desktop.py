"""How light the tray app and its node are: start, memory, rest, and while very much happens.

Everything is measured beside the least that such a program needs: a bare PySide6 window with an icon, and a bare
aiohttp server. The app is the real one, on a display of its own, with a real node in a real mesh on this machine.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))  # else Python finds only what is in bench/

from bench.desktop_support import measure, mesh_frames, results
from bench.desktop_support.measure import Site
from tests.support.desktop import desktop

PARTS = ("start", "rest", "busy", "frames")
PROGRAMS = ("Xvfb", "openbox", "xdotool", "xprop", "trayer", "dbus-daemon")


def main(arguments: Sequence[str] | None = None) -> int:
    given = parse(arguments)
    missing = [name for name in PROGRAMS if shutil.which(name) is None]
    if missing or sys.platform != "linux":
        print(f"left out: it needs Linux and {', '.join(missing or PROGRAMS)}", file=sys.stderr)
        return 0
    say = _nothing if given.json else _print
    with tempfile.TemporaryDirectory(prefix="rma-bench-") as folder, desktop() as screen:
        screen.start_tray()
        with measure.site(screen, Path(folder)) as at:
            found = run(given, at, say)
    if given.json:
        print(json.dumps({"on": measure.environment(), **found}))
    return 0


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", choices=PARTS, action="append", help="one part; may be given again (all)")
    parser.add_argument("--rounds", type=int, default=5, help="starts of each program, the middle counts (5)")
    parser.add_argument("--settle", type=float, default=60.0, help="seconds before rest is measured (60)")
    parser.add_argument("--watch", type=float, default=30.0, help="seconds of each measurement of CPU time (30)")
    parser.add_argument("--rate", type=float, default=3000.0, help="changes a second when very much happens (3000)")
    parser.add_argument("--workers", type=int, nargs="+", default=[200, 1000, 5000], help="sizes of the map")
    parser.add_argument("--json", action="store_true", help="print one JSON document")
    return parser.parse_args(arguments)


def run(given: argparse.Namespace, at: Site, say: Callable[[str], None]) -> dict[str, Any]:
    """Measure the parts that are wanted, one after the other."""
    parts: dict[str, Callable[[], tuple[Sequence[Any], str]]] = {
        "start": lambda: _with(measure.starts(at, given.rounds), results.start_table),
        "rest": lambda: _with(measure.rests(at, given.settle, given.watch), results.rest_table),
        "busy": lambda: _with(measure.busy(at, given.rate, given.watch), results.busy_table),
        "frames": lambda: _with(measure.frames(at, given.workers), mesh_frames.table),
    }
    found: dict[str, Any] = {}
    for name in given.only or PARTS:
        values, table = parts[name]()
        found[name] = [asdict(one) for one in values]
        say(table + "\n")
    return found


def _with(found: Sequence[Any], table: Callable[[Sequence[Any]], str]) -> tuple[Sequence[Any], str]:
    return found, table(found)


def _print(text: str) -> None:
    print(text, flush=True)


def _nothing(_text: str) -> None:
    """Say nothing: one document comes at the end."""


if __name__ == "__main__":
    sys.exit(main())
