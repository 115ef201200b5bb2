"""What the relay costs beside asking a worker directly, and what workers cost that only wait to be asked.

One real coordinator on a core of its own, and workers that are nothing but the protocol on the others: one serves
at its port and by relay, in turn, in one run; then as many as are wanted join, hold a channel and do nothing more.
Only what is in one run can be compared. Needs wrk (Debian: wrk).
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import shutil
import signal
import statistics
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict
from pathlib import Path

import psutil
import uvloop

sys.path.insert(0, str(Path(__file__).parents[1]))  # else Python finds only what is in bench/

from bench.gateway_support.processes import Bench, machine
from bench.relay_support import measure, returned, site
from bench.relay_support.measure import MB, WAYS, Bytes, Idle, Requests
from bench.relay_support.returned import Returned
from bench.streams import SPARE, raise_file_limit
from node.program.lifetime import guarded

PROGRAMS = 2  # in which idle workers are, as one could have too much to do
HEADING = f"{'way':<8}{'conn':>5}{'requests/s':>12}{'p50 ms':>9}{'p99 ms':>9}{'CPU us':>8}{'of direct':>11}"


def main(argv: Sequence[str] | None = None) -> int:
    arguments = build_parser().parse_args(argv)
    return guarded(lambda: run(arguments))


def build_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--connections", type=numbers, default=[1, 32], help="of clients (1,32)")
    parser.add_argument("--seconds", type=int, default=5, help="of each measurement (5)")
    parser.add_argument("--rounds", type=int, default=3, help="of which the middle one counts; 0 leaves it out (3)")
    parser.add_argument("--workers", type=int, default=1, help="processes of the coordinator's gateway (1)")
    parser.add_argument("--mb", type=int, default=500, help="of one body, down and up (500)")
    parser.add_argument("--idle", type=int, default=2000, help="workers that only wait; 0 for none (2000)")
    parser.add_argument("--idle-seconds", type=float, default=30, help="for which they are looked at (30)")
    parser.add_argument(
        "--returning", type=int, default=0, help="workers that lose their coordinator at once; 0 for none (0)"
    )
    parser.add_argument("--json", action="store_true", help="print one JSON document")
    return parser


def numbers(text: str) -> list[int]:
    return [int(part) for part in text.split(",")]


def run(arguments: argparse.Namespace) -> int:
    if arguments.rounds and shutil.which("wrk") is None:
        raise SystemExit("The program wrk is missing. On Debian: wrk.")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # end what was started
    raise_file_limit(max(arguments.idle, arguments.returning) + SPARE)
    found: dict[str, object] = {"machine": machine()}
    say = _nothing if arguments.json else _print
    say(", ".join(f"{name} {value}" for name, value in machine().items()))
    if arguments.rounds:
        found |= compare(arguments, say)
    if arguments.idle:
        one = wait(arguments)
        found["idle"] = asdict(one)
        say(f"\n{one.count} idle workers, {one.still_there} of them there in the end: {one.kib_each:.1f} KiB each, "
            f"{one.cpu_percent:.1f} % of a core over {one.seconds:g} s")  # fmt: skip
    if arguments.returning:
        back = come_back(arguments)
        found["returning"] = asdict(back)
        say("\n" + told_of(back))
    if arguments.json:
        print(json.dumps(found))
    return 0


@contextlib.contextmanager
def benched() -> Iterator[Bench]:
    """Give a bench with its folder; this process stays off the core of what is measured."""
    with contextlib.ExitStack() as stack:
        bench = Bench(Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="bench-"))), stack)
        stack.callback(os.sched_setaffinity, 0, os.sched_getaffinity(0))
        os.sched_setaffinity(0, bench.others)
        yield bench


def compare(arguments: argparse.Namespace, say: Callable[[str], None]) -> dict[str, object]:
    """Ask one worker in both ways in turn."""
    with benched() as bench:
        running = site.start(bench, 2, arguments.workers)
        running.workers(bench, "workers", "serve")
        uvloop.run(measure.settle(running))
        say("\n" + HEADING)
        asked: list[Requests] = []
        for connections in arguments.connections:
            asked += both(bench, running, connections, arguments)
            for one in asked[-2:]:
                say(line(one, asked[-2]))
        carried = [carry(running, way, arguments) for way in WAYS]
        say(f"\n{'way':<8}{'MB/s down':>11}{'MB/s up':>9}")
        for each in carried:
            say(f"{each.way:<8}{each.down:>11,.0f}{each.up:>9,.0f}")
        return {"requests": [asdict(one) for one in asked], "bytes": [asdict(each) for each in carried]}


def both(bench: Bench, running: site.Running, connections: int, arguments: argparse.Namespace) -> list[Requests]:
    """Return the middle round of each way; the ways take turns."""
    rounds: dict[str, list[Requests]] = {way: [] for way in WAYS}
    for _ in range(arguments.rounds):
        for way, found in rounds.items():
            found.append(measure.requests(bench, running, way, connections, arguments.seconds))
    return [measure.middle(found) for found in rounds.values()]


def carry(running: site.Running, way: str, arguments: argparse.Namespace) -> Bytes:
    found = [uvloop.run(measure.transfer(running, way, arguments.mb * MB)) for _ in range(arguments.rounds)]
    return Bytes(way, statistics.median(one.down for one in found), statistics.median(one.up for one in found))


def line(one: Requests, direct: Requests) -> str:
    ratio = one.per_second / max(0.001, direct.per_second)
    return (
        f"{one.way:<8}{one.connections:>5}{one.per_second:>12,.0f}{one.p50_ms:>9.2f}{one.p99_ms:>9.2f}"
        f"{one.cpu_us:>8.0f}{ratio:>11.2f}" + (f"  {one.errors} ERRORS" if one.errors else "")
    )


def wait(arguments: argparse.Namespace) -> Idle:
    """Look at a coordinator whose workers only wait."""
    shares = [share for share in _shared(arguments.idle) if share]
    with benched() as bench:
        running = site.start(bench, arguments.idle)

        def join() -> None:
            for number, share in enumerate(shares):
                words = ("idle", "--count", str(share), "--name", f"idle{number}")
                running.workers(bench, f"idle{number}", *words)

        return measure.idle(running, join, arguments.idle, arguments.idle_seconds)


def come_back(arguments: argparse.Namespace) -> Returned:
    """Have all workers lose their coordinator at one moment, which is there again as soon as it can."""
    shares = [share for share in _shared(arguments.returning) if share]
    with benched() as bench:
        running = site.start(bench, arguments.returning)
        reports = [bench.folder / f"returning{number}.json" for number in range(len(shares))]
        programs: list[psutil.Process] = []
        for number, share in enumerate(shares):
            name = f"returning{number}"
            words = ("returning", "--count", str(share), "--name", name, "--report", str(reports[number]))
            programs.append(running.workers(bench, name, *words).process)
        return returned.measure(bench, running, programs, reports)


def told_of(one: Returned) -> str:
    return (
        f"{one.count} workers lost their coordinator, which was up again after {one.up_again:.1f} s\n"
        f"back after: half of them {one.half:.1f} s, 99 % {one.nearly_all:.1f} s, all {one.all:.1f} s\n"
        f"handshakes: {one.handshakes}, {one.peak} in one second at most; {one.refused} refused, "
        f"{one.overdue} not answered in time, {one.unheard} tries while nobody listened\n"
        f"registrations: {one.sent_away} sent away for one, {one.not_registered} failed\n"
        f"coordinator: {one.cpu_seconds:.1f} s of CPU, its start included, and {one.mib:.0f} MiB; "
        f"all workers: {one.clients_cpu_seconds:.1f} s"
    )


def _shared(count: int) -> list[int]:
    return [count // PROGRAMS + (number < count % PROGRAMS) for number in range(PROGRAMS)]


def _print(text: str) -> None:
    print(text, flush=True)


def _nothing(_text: str) -> None:
    """Say nothing: one document comes at the end."""


if __name__ == "__main__":
    sys.exit(main())
