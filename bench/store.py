"""How long a read, a write and a compare-and-set take in each engine of the store, one at a time and many at once.

    python bench/store.py                    a table: SQLite, and etcd with one and with three members
    python bench/store.py --seconds 5        longer

All are on the disk of the folder where it is started. The members of etcd run here, beside whoever asks them:
across a network, its round trips come on top.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import statistics
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from pathlib import Path

from coordinator_server.store.etcd.store import open_etcd
from coordinator_server.store.interface import ABSENT, AuditLine, Store, Write
from coordinator_server.store.sqlite import open_sqlite
from tests.support.etcd import etcd_cluster

VALUE = bytes(1500)  # as an enrolment's
AT_ONCE = 32
ENGINES = ("SQLite", "etcd, members: 1", "etcd, members: 3")
Work = Callable[[Store, int], Awaitable[object]]


async def get(store: Store, number: int) -> None:
    assert await store.get(f"worker/{number % 200}") is not None


async def put(store: Store, number: int) -> None:
    await store.put(f"worker/{number % 200}", VALUE)


async def compare_and_set(store: Store, number: int) -> None:
    found = await store.get(f"one/{number}")
    assert await store.compare_and_set(f"one/{number}", found.version if found else ABSENT, VALUE)


async def enrol(store: Store, number: int) -> None:
    """Do what an enrolment does: four records that are new or as they were, and a line in the audit log."""
    line = AuditLine(time=0.0, actor="anonymous", action="enrolled", subject=f"w-{number}")
    writes = [Write(f"{kind}/{number}/{time.perf_counter_ns()}", VALUE, ABSENT) for kind in ("w", "i", "a", "v")]
    assert await store.commit(writes, [line])


WORKS: Sequence[tuple[str, Work]] = (
    ("get", get),
    ("put", put),
    ("get, then compare-and-set", compare_and_set),
    ("commit of 4 records and audit", enrol),
)


async def measure(store: Store, work: Work, seconds: float) -> tuple[float, float, float]:
    """Return the median and 99th percentile of one at a time in ms, and how many a second are done at once."""
    took: list[float] = []
    end = time.perf_counter() + seconds
    while time.perf_counter() < end:
        began = time.perf_counter()
        await work(store, len(took))
        took.append((time.perf_counter() - began) * 1000)
    done = 0

    async def again(client: int) -> None:
        nonlocal done
        number = 10_000 * (client + 1)
        while time.perf_counter() < end:
            await work(store, number)
            number, done = number + 200, done + 1

    began, end = time.perf_counter(), time.perf_counter() + seconds
    await asyncio.gather(*(again(client) for client in range(AT_ONCE)))
    rate = done / (time.perf_counter() - began)
    return statistics.median(took), sorted(took)[int(len(took) * 0.99)], rate


async def report(name: str, store: Store, seconds: float) -> None:
    await store.bring([(f"worker/{number}", VALUE) for number in range(200)], ())
    for what, work in WORKS:
        median, slowest, rate = await measure(store, work, seconds)
        print(f"| {name} | {what} | {median:.2f} | {slowest:.2f} | {rate:,.0f} |", flush=True)


@contextlib.asynccontextmanager
async def engine(name: str, folder: Path) -> AsyncIterator[Store]:
    """Open a store of a kind on this folder's disk."""
    with contextlib.ExitStack() as stack:
        if name == "SQLite":
            store: Store = await open_sqlite(folder / "bench.db")
        else:
            size = int(name.rpartition(" ")[2])
            store = await open_etcd(stack.enter_context(etcd_cluster(size, folder=folder)).address())
        try:
            yield store
        finally:
            await store.close()


async def run(seconds: float, names: Sequence[str]) -> None:
    print("| engine | what | median ms | p99 ms | a second, 32 at once |\n| --- | --- | --- | --- | --- |")
    for name in names:
        with tempfile.TemporaryDirectory(dir=".") as folder:
            async with engine(name, Path(folder)) as store:
                await report(name, store, seconds)


def main(words: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=2.0, help="for each measurement (default 2)")
    parser.add_argument("--engine", action="append", choices=ENGINES, help="only this one; may be given again")
    arguments = parser.parse_args(words)
    asyncio.run(run(arguments.seconds, arguments.engine or ENGINES))


if __name__ == "__main__":
    main()
