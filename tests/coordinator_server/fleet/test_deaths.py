"""Coordinators that are halted and killed, as processes, on both stores: their workers go on with what they run."""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import signal
import time
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from coordinator_server.config import CoordinatorConfig
from coordinator_server.fleet.roster import ASSIGNED, ASSIGNER, Roster
from coordinator_server.keys import MESH_KEY_FILE
from coordinator_server.serving import read_catalogue
from coordinator_server.store.etcd import store as etcd_store
from coordinator_server.store.interface import Seen, Write
from tests.support.coordinators import CATALOGUE, HOURLY, Room, Worker, assignment, coordinator_room
from tests.support.etcd import Cluster, etcd_cluster, pause, resume
from tests.support.overlay_mesh import share_store
from tests.support.real_mesh import Program, RealMesh, real_mesh
from tests.support.waiting import eventually

pytestmark = pytest.mark.timeout(300)
CALM: dict[str, Any] = {"vpn": "off", **HOURLY}
FLAGS = [word for name, value in CALM.items() for word in ("--" + name.replace("_", "-"), str(value))]
NAMES = ("w-1", "w-2")


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    with etcd_cluster(3, "--heartbeat-interval", "100", "--election-timeout", "1000") as cluster:
        yield cluster


@dataclass
class Two:
    """A coordinator that is a process and assigns, one in this program, and workers that talk to either."""

    process: Program
    room: Room
    workers: dict[str, Worker]

    @property
    def roster(self) -> Roster:
        return self.room.coordinator.together.roster

    def there(self, name: str) -> Worker:
        """Return a worker as it speaks with the process."""
        here = self.workers[name]
        audience = str(self.process.ready["coordinator_id"])
        there = Worker(self.process.url, here.session, time.time, audience, here.key)
        there.worker_id, there.credential = here.worker_id, here.credential
        return there

    def owners(self) -> dict[str, str]:
        return {name: live.row.owner for name, live in self.roster.live.items()}

    async def shown(self) -> dict[str, str]:
        """Return which coordinator each worker has, as the process shows it; none while it shows one twice."""
        async with self.room.session.get(self.process.url + "/api/topology") as answer:
            workers = (await answer.json())["workers"]
        found = {worker["id"]: worker["coordinator"] for worker in workers}
        return found if len(found) == len(workers) else {}

    async def assigns(self) -> bool:
        """Tell whether the process thinks that it assigns."""
        async with self.room.session.get(self.process.url + "/metrics") as answer:
            return "rma_assigner 1.0" in await answer.text()


@contextlib.asynccontextmanager
async def two(mesh: RealMesh, store: str) -> AsyncIterator[Two]:
    where = ("--store", store) if store else ()
    process = await asyncio.to_thread(mesh.start_coordinator, *FLAGS, *where)
    folder = mesh.folder / "b"
    if store:
        folder.mkdir(mode=0o700)
        shutil.copy2(process.data_dir / MESH_KEY_FILE, folder / MESH_KEY_FILE)
    else:
        share_store(process.data_dir, folder)
    settings = {**CALM, **({"store": store} if store else {})}
    catalogue = read_catalogue(CoordinatorConfig())
    async with coordinator_room(folder, time.time, catalogue, **settings) as room:  # type: ignore[arg-type]
        workers = {name: await room.worker(name) for name in NAMES}
        made = Two(process, room, workers)
        await eventually(lambda: len(made.roster.runs) == 2 and made.roster.assigner, "they know one another")
        yield made


async def tell(folder: Path, store: str) -> None:
    folder.mkdir()
    with real_mesh(folder) as mesh:
        await tell_of(mesh, store)


async def tell_of(mesh: RealMesh, store: str) -> None:
    async with two(mesh, store) as made:
        own, roster, assigned = made.room.coordinator.coordinator_id, made.roster, dict(made.roster.assigned)
        for name in NAMES:
            assert (await made.there(name).register()).status == 200
        await eventually(lambda: all(roster.assigned.get(name) for name in NAMES), "they have something to run")
        assigned = dict(roster.assigned)
        assert not made.room.coordinator.together.leads, "the first one does"

        made.process.process.send_signal(signal.SIGSTOP)
        begun = time.monotonic()
        await eventually(lambda: made.room.coordinator.together.leads, "another one assigns")
        print(f"measured: {store or 'sqlite'}: another one assigns: {time.monotonic() - begun:.1f} s")
        await eventually(lambda: set(roster.expected) == set(NAMES), "they are expected")
        for name in NAMES:
            answer = await made.workers[name].register()
            assert tuple(answer.json["assignment"]["services"]) == assigned[name]
        made.process.process.send_signal(signal.SIGCONT)
        await shows(made, dict.fromkeys(NAMES, own))
        assert not await made.assigns(), "it has seen that another one does"
        assert made.room.coordinator.together.leads
        assert made.owners() == dict.fromkeys(NAMES, own)
        assert roster.assigned == assigned, "nothing has moved"

        there = str(made.process.ready["coordinator_id"])
        for name in NAMES:
            assert tuple((await made.there(name).register()).json["assignment"]["services"]) == assigned[name]
        await eventually(lambda: made.owners() == dict.fromkeys(NAMES, there), "they have moved")
        assert made.room.coordinator.registry.members() == ()
        made.process.kill()
        await eventually(lambda: set(roster.expected) == set(NAMES), "they are expected")
        assert tuple((await made.workers["w-1"].register()).json["assignment"]["services"]) == assigned["w-1"]
        await eventually(lambda: made.owners() == {"w-1": own}, "it is here")
        assert roster.assigned == assigned, "nothing has moved"
        roster.expected["w-2"] = 0.0  # the time is over
        await eventually(lambda: "w-2" not in roster.assigned, "who does not come back is not waited for")


async def shows(made: Two, expected: dict[str, str]) -> None:
    async with asyncio.timeout(60):
        while await made.shown() != expected:  # noqa: ASYNC110 - of another process
            await asyncio.sleep(0.1)


@pytest.mark.needs("etcd")
async def test_workers_go_on_while_a_coordinator_is_halted_and_killed(cluster: Cluster, tmp_path: Path) -> None:
    """Tell it on both stores at once: most of it is waiting until the lease of one that has gone is over."""
    async with asyncio.TaskGroup() as group:
        for name, store in (("sqlite", ""), ("etcd", str(cluster.address()))):
            group.create_task(tell(tmp_path / name, store))


@pytest.mark.needs("etcd")
async def test_without_a_majority_workers_keep_what_they_run_and_with_it_the_next_one_is_thought_of(
    cluster: Cluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(etcd_store, "WRITE_WITHIN", 2.0)
    address = str(cluster.address())
    async with contextlib.AsyncExitStack() as stack:
        first = await stack.enter_async_context(coordinator_room(tmp_path / "a", store=address, **CALM))
        (tmp_path / "b").mkdir()
        shutil.copy2(tmp_path / "a" / MESH_KEY_FILE, tmp_path / "b" / MESH_KEY_FILE)
        second = await stack.enter_async_context(coordinator_room(tmp_path / "b", store=address, **CALM))
        rosters = [room.coordinator.together.roster for room in (first, second)]
        worker, late = await first.worker("w-1"), await second.worker("w-2")
        assert (await worker.register()).status == 200
        await eventually(lambda: all(roster.assigned.get("w-1") for roster in rosters), "it has something to run")
        for member in cluster.members[1:]:
            pause(member)
        try:
            store = second.coordinator.store
            assert isinstance(store, etcd_store.EtcdStore)
            assert (await late.register()).status == 200
            await eventually(lambda: store.in_doubt, "it could not be written down")
            await worker.heartbeat("ner", paused=True)
            assert assignment(await worker.heartbeat("ner")).services == ("ner",), "nobody can say otherwise now"
            assert assignment(await late.heartbeat()).services == ()
        finally:
            for member in cluster.members[1:]:
                resume(member)
        await asyncio.to_thread(cluster.leader)
        await eventually(lambda: all(roster.assigned.get("w-2") for roster in rosters), "it is thought of", 90)
        assert assignment(await late.heartbeat()).services == ("ner",)


async def test_who_only_thinks_that_it_assigns_writes_nothing(tmp_path: Path) -> None:
    async with coordinator_room(tmp_path / "a", catalogue=CATALOGUE, **CALM) as first:
        share_store(tmp_path / "a", tmp_path / "b")
        async with coordinator_room(tmp_path / "b", catalogue=CATALOGUE, **CALM) as second:
            both = [room.coordinator.together for room in (first, second)]
            await eventually(lambda: all(len(one.roster.runs) == 2 for one in both), "they know one another")
            await eventually(lambda: sum(one.leads for one in both) == 1, "one assigns")
            together, other = sorted(both, key=lambda one: not one.leads)
            store = (first if other is both[0] else second).coordinator.store

            async def see_nothing(seen: Seen) -> None:
                """Stand for a watch that is behind."""

            together._take = see_nothing  # type: ignore[method-assign]
            await store.commit([Write(ASSIGNER, other.roster.own_run.encode(), leased=True)])
            await eventually(lambda: other.leads, "another one assigns")
            await eventually(lambda: together.leads, "it does not know")
            assert not await together.commit([Write(ASSIGNED + "w-1", b'["ner"]')])
            assert await store.get(ASSIGNED + "w-1") is None
            assert await other.commit([Write(ASSIGNED + "w-1", b'["ner"]')])
            assert other.roster.assigned == {"w-1": ("ner",)}
