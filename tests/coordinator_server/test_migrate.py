"""A mesh's knowledge moves between engines whole, in order, and goes on where it was cut off."""

from __future__ import annotations

import asyncio
import random
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from coordinator_server import migrate
from coordinator_server.admin_client import PROGRAM
from coordinator_server.config import CoordinatorConfig
from coordinator_server.migrate import MARK, check_not_half_moved, digest, opened, read_audit
from coordinator_server.store.etcd import messages
from coordinator_server.store.etcd.store import FORMAT, EtcdStore
from coordinator_server.store.interface import AuditLine, Store, Write
from coordinator_server.store.sqlite import FILE_NAME
from node.program.data_dir import hold_data_dir
from node.program.errors import EXIT_IN_USE, UserFacingError
from tests.support.coordinators import coordinator_room
from tests.support.etcd import Cluster, etcd_cluster

pytestmark = pytest.mark.needs("etcd")


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    with etcd_cluster() as cluster:
        yield cluster


def config(folder: Path, store: object = "sqlite", **settings: Any) -> CoordinatorConfig:
    folder.mkdir(exist_ok=True)
    return CoordinatorConfig(data_dir=str(folder), store=str(store), **settings)


async def fill(config: CoordinatorConfig, entries: int = 250, lines: int = 330) -> None:
    async with opened(config) as store:
        for start in range(0, entries, 50):
            await store.commit([Write(f"worker/w-{n:04}", b"%d" % n * 20) for n in range(start, start + 50)])
        for start in range(0, lines, 30):
            await store.commit(
                [], [AuditLine(time=float(n), actor="a", action=str(n)) for n in range(start, start + 30)]
            )
        await store.put("here", b"", leased=True)


async def content(store: Store) -> bytes:
    return digest(await store.kept(), await read_audit(store))


async def held(config: CoordinatorConfig) -> bytes:
    async with opened(config) as store:
        return await content(store)


def never(goal: str) -> bool:
    raise AssertionError(f"{goal} is empty")


def silent(_what: str, _done: int, _of: int) -> None:
    """Say nothing."""


async def test_there_and_back_again_nothing_is_lost(cluster: Cluster, tmp_path: Path) -> None:
    first, second = config(tmp_path / "a"), config(tmp_path / "b")
    middle = config(tmp_path / "a", cluster.address())
    await fill(first)
    before, told = await held(first), []
    moved = await migrate.migrate(
        first, middle, agreed=never, tell=lambda what, done, of: told.append((what, done, of))
    )
    assert (moved.entries, moved.audit_lines, moved.kept) == (250, 330, None)
    assert told[-1] == ("audit lines", 330, 330)
    assert await held(middle) == before
    await migrate.migrate(config(tmp_path / "b", middle.store), second, agreed=never, tell=silent)
    assert await held(second) == before
    async with opened(second) as store:
        await store.commit([], [AuditLine(time=0.0, actor="a", action="next")])
        assert (await store.audit(1))[0].number == 331


async def test_what_is_there_is_replaced_only_when_that_is_agreed_to(cluster: Cluster, tmp_path: Path) -> None:
    source, target = config(tmp_path / "a"), config(tmp_path / "a", cluster.address())
    await fill(source, 50, 30)
    async with opened(target) as store:
        await store.commit(
            [Write("other", b"")], [AuditLine(time=0.0, actor="a", action=str(n)) for n in range(60)]
        )
    with pytest.raises(UserFacingError, match="not empty, so nothing was moved"):
        await migrate.migrate(source, target, agreed=lambda _: False, tell=silent)
    await migrate.migrate(source, target, agreed=lambda _: True, tell=silent)
    assert await held(target) == await held(source)
    async with opened(target) as store:
        assert isinstance(store, EtcdStore)
        found = await store._range(messages.one(store._format_key))
        assert [one.value for one in found.kvs] == [b"%d" % FORMAT], "also where all else was replaced"
    back = config(tmp_path / "c")
    async with opened(back) as store:
        await store.commit([Write("old", b"")], [AuditLine(time=0.0, actor="old", action="old")])
    there = config(tmp_path / "c", target.store)
    moved = await migrate.migrate(there, back, agreed=lambda _: True, tell=silent)
    assert await held(back) == await held(source)
    assert moved.kept is not None
    aside = config(tmp_path / "d")
    (moved.kept / FILE_NAME).replace(aside.directory / FILE_NAME)
    async with opened(aside) as store:
        assert await store.get("old") is not None


async def test_what_was_cut_off_goes_on_and_nobody_starts_on_half_of_it(cluster: Cluster, tmp_path: Path) -> None:
    source, target = config(tmp_path / "a"), config(tmp_path / "a", cluster.address())
    await fill(source)

    def cut_off(what: str, done: int, _of: int) -> None:
        if (what, done) == ("audit lines", 200):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        await migrate.migrate(source, target, agreed=never, tell=cut_off)
    async with opened(target) as store:
        with pytest.raises(UserFacingError, match="half filled"):
            await check_not_half_moved(store)
    with pytest.raises(UserFacingError, match="half filled"):
        await migrate.migrate(
            config(tmp_path / "b", target.store), config(tmp_path / "b"), agreed=never, tell=silent
        )
    async with opened(source) as store:
        await store.delete("worker/w-0000")  # meanwhile the mesh went on
        await store.commit([Write("worker/w-new", b"")], [AuditLine(time=9.0, actor="a", action="new")])
    await migrate.migrate(source, target, agreed=never, tell=silent)
    assert await held(target) == await held(source)
    async with opened(target) as store:
        await check_not_half_moved(store)
        assert await store.get(MARK) is None


async def test_a_source_with_nothing_in_it_replaces_nothing(cluster: Cluster, tmp_path: Path) -> None:
    full, empty = config(tmp_path / "a"), config(tmp_path / "a", cluster.address())
    await fill(full, 50, 30)
    before = await held(full)
    with pytest.raises(UserFacingError, match="There is nothing in etcd://") as caught:
        await migrate.migrate(empty, full, agreed=lambda _: True, tell=silent)
    assert "--from" in caught.value.hint
    async with opened(empty) as store:
        await store.put(MARK, b"sqlite elsewhere")
    with pytest.raises(UserFacingError, match="half filled"):
        await migrate.migrate(empty, full, agreed=lambda _: True, tell=silent)
    assert await held(full) == before
    assert not list((tmp_path / "a").glob("before-migrate-*"))


async def test_coordinators_must_be_stopped(cluster: Cluster, tmp_path: Path) -> None:
    address = str(cluster.address())
    async with coordinator_room(tmp_path / "a", vpn="off", store=address) as room:
        await room.worker("w-1")
        source = config(tmp_path / "b", address)
        with pytest.raises(UserFacingError, match=r"Coordinators use etcd.* now") as caught:
            await migrate.migrate(source, config(tmp_path / "b"), agreed=never, tell=silent)
        assert room.coordinator.coordinator_id in caught.value.message
        with pytest.raises(UserFacingError):
            await migrate.migrate(config(tmp_path / "a"), source, agreed=never, tell=silent)
    await migrate.migrate(source, config(tmp_path / "b"), agreed=never, tell=silent)
    (tmp_path / "b" / "mesh.key").write_bytes((tmp_path / "a" / "mesh.key").read_bytes())
    async with coordinator_room(tmp_path / "b", vpn="off") as room:
        assert room.coordinator.workers.get("w-1") is not None
        assert "enrolled" in await room.actions()


async def test_a_directory_in_use_is_said_with_what_fits_here(tmp_path: Path) -> None:
    await fill(config(tmp_path / "a"), entries=50, lines=30)
    with hold_data_dir(tmp_path / "a", PROGRAM), pytest.raises(UserFacingError, match="in use") as caught:
        await migrate.migrate(
            config(tmp_path / "a"), config(tmp_path / "b", "etcd://127.0.0.1:1"), agreed=never, tell=silent
        )
    assert caught.value.exit_code == EXIT_IN_USE
    assert "Stop all coordinators" in caught.value.hint


async def test_the_same_store_twice_and_no_store_at_all_are_refused(tmp_path: Path) -> None:
    for source, target in ((config(tmp_path / "a"), config(tmp_path / "a")),
                           (config(tmp_path / "a"), config(tmp_path / "b"))):  # fmt: skip
        with pytest.raises(UserFacingError, match=r"same one|no database"):
            await migrate.migrate(source, target, agreed=never, tell=silent)


@pytest.mark.processes
def test_kill_9_at_any_point_does_no_harm(cluster: Cluster, tmp_path: Path) -> None:
    source, address = config(tmp_path / "a"), cluster.address()
    asyncio.run(fill(source, 1500, 1500))
    command = [
        *(sys.executable, "-m", "coordinator_server", "migrate", "--json", "--data-dir", str(tmp_path / "a")),
        *("--from", "sqlite", "--to", str(address)),
    ]
    rng = random.Random(7)
    for lines in (1, rng.randint(2, 14), rng.randint(15, 29)):
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        assert process.stderr is not None
        for _ in range(lines):
            assert process.stderr.readline()
        process.kill()
        process.communicate()
    done = subprocess.run(command, capture_output=True, check=False, timeout=120)
    assert done.returncode == 0, done.stderr
    assert msgspec.json.decode(done.stdout) == {"entries": 1500, "audit_lines": 1500, "kept": None}
    assert asyncio.run(held(config(tmp_path / "a", address))) == asyncio.run(held(source))
    again = subprocess.run(command, capture_output=True, check=False, timeout=120)
    assert (again.returncode, b"not empty" in again.stderr) == (2, True)
    forced = subprocess.run([*command, "--force", "--yes"], capture_output=True, check=False, timeout=120)
    assert forced.returncode == 0, forced.stderr
