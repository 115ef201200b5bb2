"""Coordinators that are killed while they count together: no acknowledged number is lost, none is counted twice."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from coordinator_server.store.etcd.address import parse_address
from coordinator_server.store.etcd.store import open_etcd
from coordinator_server.store.interface import AuditLine, Store
from coordinator_server.store.sqlite import open_sqlite
from tests.support.etcd import etcd_cluster

COUNTER = """
import asyncio, os, sys
from pathlib import Path
from coordinator_server.store.interface import AuditLine, StoreError, Write
from tests.coordinator_server.store.test_killed_writers import opened

async def main() -> None:
    store, number = await opened(sys.argv[1]), 0
    while True:
        name = f"{os.getpid()}-{number}"
        found = await store.get("counter")
        value = int(found.value) + 1 if found else 1
        write = Write("counter", b"%d" % value, found.version if found else 0)
        try:
            done = await store.commit([write], [AuditLine(time=0.0, actor=name, action=str(value))])
        except StoreError:
            continue
        if done:
            print(name, flush=True)
            number += 1

asyncio.run(main())
"""


async def opened(where: str) -> Store:
    return await open_etcd(parse_address(where)) if where.startswith("etcd:") else await open_sqlite(Path(where))


@pytest.fixture(params=["sqlite", pytest.param("etcd", marks=pytest.mark.needs("etcd"))])
def where(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    if request.param == "sqlite":
        yield str(tmp_path / "x.db")
    else:
        with etcd_cluster() as cluster:
            yield str(cluster.address())


@pytest.mark.processes
def test_kill_9_loses_nothing_and_doubles_nothing(where: str) -> None:
    acknowledged: list[str] = []
    for _ in range(2):
        counters = [start(where) for _ in range(3)]
        try:
            for times, counter in enumerate(counters, 5):
                assert counter.stdout is not None
                acknowledged += [counter.stdout.readline().strip() for _ in range(times)]
                counter.kill()
                acknowledged += counter.stdout.read().split()
        finally:
            for counter in counters:
                counter.kill()
                counter.communicate()
    value, audit = asyncio.run(read(where))
    assert [line.action for line in audit] == [str(number) for number in range(1, value + 1)]
    names = [line.actor for line in audit]
    assert len(set(names)) == len(names), "none was counted twice"
    assert set(acknowledged) <= set(names), "none was lost"
    assert len(names) <= len(acknowledged) + 6, "and only what was under way at a kill may be there besides"


def start(where: str) -> subprocess.Popen[str]:
    return subprocess.Popen([sys.executable, "-c", COUNTER, where], stdout=subprocess.PIPE, text=True)


async def read(where: str) -> tuple[int, Sequence[AuditLine]]:
    store = await opened(where)
    found = await store.get("counter")
    audit = list(reversed(await store.audit(100_000)))
    await store.close()
    assert found is not None
    return int(found.value), audit
