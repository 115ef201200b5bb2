"""The doctor: finds what works, names what does not, and says what to do."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from coordinator_server.api.shapes import Topology, TopologyCoordinator
from coordinator_server.front import FRONT
from node.wire.messages import Endpoints, WorkerRecord
from tests.support.fake_computer import ALLOWED, FakeComputer
from tests.support.front import Front, running_front
from tests.support.waiting import eventually


@pytest.fixture
async def front(tmp_path: Path) -> AsyncIterator[Front]:
    async with running_front(tmp_path) as made:
        yield made


async def examine(front: Front) -> dict[str, dict[str, Any]]:
    document = await front.ask("GET", "/api/admin/doctor")
    assert document["ok"] == all(check["ok"] for check in document["checks"])
    return {check["name"]: check for check in document["checks"]}


async def test_an_empty_mesh_needs_an_invite(front: Front) -> None:
    checks = await examine(front)
    assert checks["coordinator"]["ok"]
    assert checks["store"]["ok"]
    assert not checks["registry"]["ok"]
    assert "invite create" in checks["registry"]["hint"]
    assert not checks["service echo"]["ok"]
    assert "Nobody runs it" in checks["service echo"]["detail"]
    assert "worker approve" in checks["service notes-coa"]["hint"]
    assert "worker approve" not in checks["service echo"]["hint"]


async def test_every_service_is_asked_once_through_its_node(front: Front) -> None:
    worker = await front.join("alpha")
    checks = await examine(front)
    assert checks["registry"]["ok"]
    assert checks["service echo"]["ok"]
    assert worker.worker_id in checks["service echo"]["detail"]
    assert [request.path for request in worker.seen] == ["/service/echo/health"]


async def test_a_service_that_answers_badly_or_not_at_all_is_named(front: Front) -> None:
    worker = await front.join("alpha")
    worker.status = 500
    check = (await examine(front))["service echo"]
    assert (check["ok"], "500" in check["detail"]) == (False, True)
    await worker.stop()
    check = (await examine(front))["service echo"]
    assert not check["ok"]
    assert worker.worker_id in check["detail"]
    assert "firewall" in check["hint"]


async def test_one_worker_that_answers_is_enough(front: Front) -> None:
    dead = await front.join("dead", load=0.0)
    await front.join("alive", load=0.9)
    await dead.stop()
    assert (await examine(front))["service echo"]["ok"]


async def test_enrolled_machines_that_are_all_away_are_a_question_for_their_volunteers(front: Front) -> None:
    worker = await front.join("alpha")
    front.coordinator.registry.leave(worker.worker_id)
    check = (await examine(front))["registry"]
    assert (check["ok"], "volunteers" in check["hint"]) == (False, True)
    assert "1 machine is enrolled" in check["detail"]


async def test_machines_that_are_registered_with_other_coordinators_are_not_missed(
    front: Front, monkeypatch: pytest.MonkeyPatch
) -> None:
    worker = await front.join("alpha")
    front.coordinator.registry.leave(worker.worker_id)
    stream = front.site.app[FRONT].stream
    alone = await stream.now()

    def among(*others: TopologyCoordinator) -> Topology:
        return msgspec.structs.replace(alone, coordinators=(*alone.coordinators, *others))

    other = TopologyCoordinator(id="c-2", url="http://c-2", workers=3)
    for status, well in (("active", True), ("stale", False)):
        shown = among(msgspec.structs.replace(other, status=status))

        async def now(shown: Topology = shown) -> Topology:
            return shown

        monkeypatch.setattr(stream, "now", now)
        assert (await examine(front))["registry"]["ok"] == well


async def test_a_coordinator_of_the_same_store_that_died_is_a_fault(
    front: Front, monkeypatch: pytest.MonkeyPatch
) -> None:
    stream = front.site.app[FRONT].stream
    alone = await stream.now()
    assert "coordinators" not in await examine(front)
    living = TopologyCoordinator(id="c-2", url="http://c-2")
    dead = msgspec.structs.replace(living, status="stale")
    for other, well in ((living, True), (dead, False)):
        shown = msgspec.structs.replace(alone, coordinators=(*alone.coordinators, other))

        async def now(shown: Topology = shown) -> Topology:
            return shown

        monkeypatch.setattr(stream, "now", now)
        check = (await examine(front))["coordinators"]
        assert check["ok"] == well
    assert "c-2 (http://c-2) has ended without a word" in check["detail"]
    assert "Start it again" in check["hint"]


async def test_a_machine_that_waits_to_be_let_in_is_no_matter_of_firewalls(tmp_path: Path) -> None:
    async with running_front(tmp_path, require_approval=True) as front:
        worker = await front.join("alpha")
        checks = await examine(front)
        assert checks["dht"]["ok"], "who waits is told of no contacts, so nothing keeps it out of the DHT"
        registry = checks["registry"]
        assert (registry["ok"], registry["detail"][:34]) == (False, "1 machine waits to be let in, and ")
        assert "worker approve ID" in registry["hint"]
        await front.ask("POST", f"/api/admin/workers/{worker.worker_id}/approve")
        checks = await examine(front)
        assert checks["registry"]["ok"]
        assert "firewalls" in checks["dht"]["hint"]


async def test_the_overlay_is_a_fault_only_where_it_is_wanted_and_missing(tmp_path: Path) -> None:
    async with running_front(tmp_path, vpn="off") as front:
        check = (await examine(front))["overlay"]
        assert (check["ok"], "--vpn off" in check["detail"]) == (True, True)
    async with running_front(tmp_path) as front:
        check = (await examine(front))["overlay"]
        assert (check["ok"], "--public-url" in check["detail"]) == (True, True)
    async with running_front(tmp_path, vpn_endpoints=("198.51.100.7",)) as front:
        station = front.coordinator.station
        assert station is not None
        await eventually(lambda: station.view.phase == "no-permission", "the rights are missing")
        check = (await examine(front))["overlay"]
        assert (check["ok"], "Install the helper." in check["detail"]) == (False, True)
        assert "--vpn off" in check["hint"]


async def test_the_overlay_is_described_where_it_is_up(tmp_path: Path) -> None:
    def computers(folder: Path) -> FakeComputer:
        return FakeComputer(folder, ALLOWED)

    settings: dict[str, Any] = {"vpn_endpoints": ("198.51.100.7",), "dht_host": "0.0.0.0", "host": "0.0.0.0"}
    async with running_front(tmp_path, computers=computers, **settings) as front:
        station = front.coordinator.station
        assert station is not None
        await eventually(lambda: station.standing().endpoints, "it is told")
        detail = (await examine(front))["overlay"]["detail"]
        for part in ("10.42.0.1", "UDP port 4242", "198.51.100.7:4242", "0 other members"):
            assert part in detail
        status = (await front.ask("GET", "/api/admin/status"))["overlay"]
        assert (status["state"], status["address"], status["port"]) == ("direct", "10.42.0.1", 4242)
        assert (status["endpoints"], status["lighthouses"]) == (["198.51.100.7:4242"], 1)
        async with front.session.get(front.url + "/metrics") as answer:
            assert "rma_overlay_up 1.0" in await answer.text()


async def test_who_serves_elsewhere_will_do(front: Front, monkeypatch: pytest.MonkeyPatch) -> None:
    async def find(_service: str) -> list[WorkerRecord]:
        return [WorkerRecord(worker_id="far-away", endpoints=Endpoints(port=1))]

    monkeypatch.setattr(front.site.app[FRONT].far, "find", find)
    check = (await examine(front))["service echo"]
    assert check["ok"]
    assert "far-away, by way of other coordinators" in check["detail"]
