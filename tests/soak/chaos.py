"""Breaks coordinators, their store, disks, clocks and lines for a while, in every way and mixture; prints a table.

    python -m tests.soak.chaos [--minutes 12] [--seed 1] [--machines 3000] [--json] [--folder DIR]

It needs root, for networks of its own, and etcd. First 3,000 machines enrol at once and each thing is broken alone,
on etcd and on SQLite, then things are drawn at random until the time is over. The exit code is 1 when something was
lost or given twice, or when calls through a coordinator that lived failed for more than 3 s.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterable, Iterator
from pathlib import Path

from tests.support.chaos.faults import OF_MEMBERS, possible
from tests.support.chaos.running import MOST, Told, run_chaos
from tests.support.namespaces import why_impossible

STORES = ("etcd", "sqlite")
LONG = {  # seconds
    "halt-coordinator": 15,
    "halt-leader": 15,
    "cut-off": 15,
    "no-majority": 10,
    "no-store": 10,
    **dict.fromkeys(OF_MEMBERS, 10),
}
MIXTURE = 150.0  # seconds of one run; each has programs and a store of its own
KILLS = 6


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=12.0)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--machines", type=int, default=3000)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--folder", type=Path, help="a new folder where logs and histories stay")
    options = parser.parse_args()
    why = why_impossible()
    if why is not None:
        print(why, file=sys.stderr)
        return 2
    told = []
    with tempfile.TemporaryDirectory(prefix="soak-") as made:
        folder = options.folder or Path(made)
        folder.mkdir(parents=True, exist_ok=True)
        for number, words in enumerate(runs(options.minutes * 60, options.seed, options.machines)):
            print("==", *words, file=sys.stderr, flush=True)
            told.append(run_chaos(folder / "log", *words, "--folder", str(folder / str(number))))
    print(json.dumps([one.document for one in told]) if options.json else "\n".join(table(told)))
    too_long = any(gap > MOST for one in told for row in one.suffered for gap in row["gaps"].values())
    return int(too_long or any(one.violations for one in told))


def runs(seconds: float, seed: int, machines: int) -> Iterator[list[str]]:
    """Yield the arguments of one run after the other, until the time is over."""
    end = time.monotonic() + seconds
    for store in STORES:
        faults = ",".join(f"{name}={LONG.get(name, 5)}" for name in possible(store))
        yield [*_common(store, seed), "--storm", str(machines), "--kills", str(KILLS), "--faults", faults]
    while time.monotonic() < end:
        for store in STORES:
            seed += 1
            yield [*_common(store, seed), "--mixture", str(min(MIXTURE, max(30.0, end - time.monotonic())))]


def _common(store: str, seed: int) -> list[str]:
    coordinators = "3" if store == "etcd" else "2"
    return ["--store", store, "--seed", str(seed), "--coordinators", coordinators, "--nodes", "3"]


def table(told: Iterable[Told]) -> Iterator[str]:
    """Yield what to show: each fault with its gaps, storms, and whatever should not have been."""
    told = list(told)
    gaps: dict[tuple[str, str], list[float]] = defaultdict(list)
    slowest: dict[tuple[str, str], float] = defaultdict(float)
    recovered: dict[tuple[str, str], float] = defaultdict(float)
    for one in told:
        for row in one.suffered:
            key = (str(one.document["store"]), str(row["what"]))
            gaps[key].append(max(row["gaps"].values(), default=0.0))
            slowest[key] = max(slowest[key], row["slowest"])
            recovered[key] = max(recovered[key], row["recovered"])
    yield "| store | what was broken | times | longest gap s | median gap s | slowest answer s | mended within s |"
    yield "| --- | --- | --- | --- | --- | --- | --- |"
    for key, found in sorted(gaps.items(), key=lambda item: ("+" in item[0][1], item[0])):
        median = sorted(found)[len(found) // 2]
        shown = (len(found), f"{max(found):.1f}", f"{median:.1f}", f"{slowest[key]:.1f}", f"{recovered[key]:.1f}")
        yield "| " + " | ".join([*key, *map(str, shown)]) + " |"
    for one in told:
        for name in ("storm", "storm_with_kills"):
            if name in one.figures:
                yield f"{one.document['store']}, {name}: {one.figures[name]}"
    done = sum(sum(ends.values()) for one in told for ends in one.document["counts"].values())
    yield f"{done} operations, {sum(len(one.violations) for one in told)} violations"
    yield from (violation for one in told for violation in one.violations)


if __name__ == "__main__":
    sys.exit(main())
