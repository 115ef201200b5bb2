"""The live workers: who is offered, who is forgotten, and that nothing moves at a restart."""

from __future__ import annotations

import dataclasses
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec
import pytest

from coordinator_server.audit import Audit
from coordinator_server.enrolment.workers import Enrolment, Workers
from coordinator_server.registry import registry
from coordinator_server.registry.assignment import assign
from coordinator_server.registry.membership import Patience
from coordinator_server.registry.registry import Registry
from coordinator_server.store.interface import Write
from coordinator_server.store.sqlite import SqliteStore, open_sqlite
from node.wire.manifests import Catalogue, Manifest
from node.wire.messages import Endpoints, HeartbeatRequest, RegisterRequest, ServiceReport
from node.wire.problems import Problem
from tests.support.coordinators import CATALOGUE, PC
from tests.support.mesh_keys import Clock

HERE = "127.0.0.1"


@dataclass
class Mesh:
    """A registry over real enrolments, and a clock that stands."""

    store: SqliteStore
    catalogue: Catalogue = CATALOGUE
    clock: Clock = field(default_factory=Clock)

    async def open(self) -> Mesh:
        self.audit = Audit(self.store, self.clock)
        self.workers = Workers(self.store, self.audit, self.clock, 7 * 86400.0)
        await self.workers.load()
        self.registry = Registry(self.workers, self.catalogue, Patience(90.0, 300.0), self.clock, own_id="c1")
        self.workers.changed = self.registry.enrolment_changed
        return self

    async def enrol(self, *worker_ids: str) -> None:
        for worker_id in worker_ids:
            enrolment = Enrolment(
                worker_id=worker_id,
                name=worker_id,
                identity_public_key=f"key of {worker_id}",
                invite_id="i",
                trust="volunteer",
                enrolled_at=self.clock.now,
            )
            line = self.audit.line("enrolled", actor="anonymous", subject=worker_id)
            assert await self.workers.admit(enrolment, Write("spent", b""), line)

    def join(self, worker_id: str, address: str = HERE, **capabilities: Any) -> tuple[str, ...]:
        request = RegisterRequest(
            worker_id=worker_id,
            capabilities=msgspec.structs.replace(PC, **capabilities),
            endpoints=Endpoints(port=8000, direct_hosts=(HERE, "192.168.1.20")),
        )
        self.registry.register(request, address)
        return self.registry.assigned(worker_id)

    def beat(self, worker_id: str, *running: str, **more: Any) -> tuple[str, ...]:
        reports = tuple(ServiceReport(name=name, state="running") for name in running)
        self.registry.heartbeat(HeartbeatRequest(worker_id=worker_id, services=reports, **more))
        return self.registry.assigned(worker_id)

    async def offered(self, service: str = "ner") -> set[str]:
        """Return who is found, which must be who is offered to all processes."""
        found = await self.registry.find(service)
        assert self.registry.offers().get(service, []) == found
        return {record.worker_id for record in found}

    def status(self, worker_id: str) -> str:
        member = self.registry.member(worker_id)
        return self.registry.status(member) if member else "gone"


@pytest.fixture
async def mesh(tmp_path: Path) -> AsyncIterator[Mesh]:
    store = await open_sqlite(tmp_path / "x.db")
    mesh = await Mesh(store).open()
    await mesh.enrol("a", "b", "c")
    yield mesh
    await store.close()


async def test_only_workers_that_say_they_run_it_are_offered(mesh: Mesh) -> None:
    assert mesh.join("a") == ("ner",)
    assert await mesh.offered() == set()
    mesh.beat("a", "ner", load=0.4, in_flight=2)
    (record,) = await mesh.registry.find("ner")
    assert (record.worker_id, record.load, record.in_flight, record.services) == ("a", 0.4, 2, ("ner",))
    assert record.endpoints.direct_hosts == (HERE, "192.168.1.20")
    assert await mesh.offered("notes") == set()


async def test_who_registers_again_goes_on_with_what_it_runs_and_may_run(mesh: Mesh) -> None:
    await mesh.enrol("w1")
    mesh.join("w1")
    mesh.beat("w1", "ner")
    runs = tuple(ServiceReport(name=name, state="running") for name in ("ner", "notes"))
    ends = Endpoints(port=8000, direct_hosts=(HERE,))
    mesh.registry.register(RegisterRequest(worker_id="w1", capabilities=PC, endpoints=ends, services=runs), HERE)
    assert await mesh.offered("ner") == {"w1"}
    assert await mesh.offered("notes") == set(), "a volunteer's machine gets no personal data by saying so"
    mesh.join("w1")
    assert await mesh.offered("ner") == set(), "it may have been started anew"


async def test_a_heartbeat_of_somebody_unknown_is_a_404(mesh: Mesh) -> None:
    with pytest.raises(Problem) as caught:
        mesh.beat("a", "ner")
    assert (caught.value.kind, caught.value.status) == ("unknown-worker", 404)


async def test_silence_makes_stale_and_then_forgotten(mesh: Mesh) -> None:
    mesh.join("a")
    mesh.join("b")
    mesh.beat("a", "ner")
    mesh.clock.now += 89
    mesh.beat("b", "ner")
    assert await mesh.offered() == {"a", "b"}
    mesh.clock.now += 1
    mesh.registry.tick()
    assert mesh.status("a") == "stale"
    assert await mesh.offered() == {"b"}
    assert mesh.registry.assigned("a") == ()
    mesh.clock.now += 210
    mesh.registry.tick()
    assert mesh.status("a") == "gone"
    assert mesh.status("b") == "stale"
    with pytest.raises(Problem, match="register first"):
        mesh.beat("a")


async def test_a_stale_worker_that_speaks_again_is_back(mesh: Mesh) -> None:
    mesh.join("a")
    mesh.clock.now += 100
    mesh.registry.tick()
    assert mesh.registry.assigned("a") == ()
    assert mesh.beat("a", "ner") == ("ner",)
    assert await mesh.offered() == {"a"}


async def test_a_failed_worker_is_out_until_its_next_heartbeat(mesh: Mesh) -> None:
    for worker_id in "ab":
        mesh.join(worker_id)
        mesh.beat(worker_id, "ner")
    mesh.registry.report_failure("a")
    assert await mesh.offered() == {"b"}
    mesh.beat("a", "ner")
    assert await mesh.offered() == {"a", "b"}
    mesh.registry.report_failure("nobody")


async def test_when_all_have_failed_all_are_offered(mesh: Mesh) -> None:
    mesh.join("a")
    mesh.beat("a", "ner")
    mesh.registry.report_failure("a")
    assert await mesh.offered() == {"a"}


async def test_the_load_of_answers_counts_at_once(mesh: Mesh) -> None:
    mesh.join("a")
    mesh.beat("a", "ner")
    mesh.registry.update_load("a", 0.7)
    mesh.registry.update_load("nobody", 0.7)
    (record,) = await mesh.registry.find("ner")
    assert record.load == 0.7


async def test_a_paused_worker_is_replaced_within_its_heartbeat(tmp_path: Path) -> None:
    store = await open_sqlite(tmp_path / "y.db")
    mesh = await Mesh(
        store, Catalogue((Manifest(name="one", title="One", replicas=1, data_class="public"),))
    ).open()
    await mesh.enrol("a", "b")
    assert mesh.join("a") == ("one",)
    assert mesh.join("b") == ()
    assert "other machines run" in mesh.registry.why_nothing("b")
    assert mesh.beat("a", "one", paused=True) == ()
    assert mesh.registry.assigned("b") == ("one",)
    assert await mesh.offered("one") == set()
    assert mesh.status("a") == "paused"
    assert "is paused" in mesh.registry.why_nothing("a")
    assert mesh.beat("a") == ()  # what the other runs now stays there
    await store.close()


async def test_what_a_volunteer_does_not_want_now_is_replaced_within_its_heartbeat(tmp_path: Path) -> None:
    store = await open_sqlite(tmp_path / "y.db")
    one, two = (Manifest(name=name, title=name, replicas=1, data_class="public") for name in ("one", "two"))
    mesh = await Mesh(store, Catalogue((one, two))).open()
    await mesh.enrol("a", "b")
    assert mesh.join("a") == ("one", "two")
    mesh.join("b")
    assert "one" not in mesh.beat("a", "two", unwanted=("one",))
    assert "one" in mesh.registry.assigned("b")
    assert await mesh.offered("two") == {"a"}, "the rest goes on"
    assert "one" not in mesh.join("a"), "it is not forgotten when a worker says anew where it is"
    await store.close()


async def test_drained_revoked_and_removed_workers_lose_what_they_had(mesh: Mesh) -> None:
    for worker_id in "abc":
        mesh.join(worker_id)
        mesh.beat(worker_id, "ner")
    await mesh.workers.drain("a")
    assert (mesh.status("a"), mesh.registry.assigned("a")) == ("draining", ())
    assert "drained by the operator" in mesh.registry.why_nothing("a")
    await mesh.workers.revoke("b")
    assert mesh.status("b") == "gone"
    assert await mesh.offered() == {"c"}
    await mesh.workers.remove("c", actor="worker:c")
    assert await mesh.offered() == set()
    await mesh.workers.drain("a", False)
    assert mesh.beat("a", "ner") == ("ner",)


async def test_an_approved_worker_gets_personal_data(mesh: Mesh) -> None:
    assert mesh.join("a") == ("ner",)
    reasons = {shortage.service: shortage.reason for shortage in mesh.registry.shortages()}
    assert "not vetted for personal data" in reasons["notes"]
    await mesh.workers.approve("a")
    assert set(mesh.registry.assigned("a")) == {"ner", "notes"}


async def test_what_a_volunteer_allows_may_change(mesh: Mesh) -> None:
    assert mesh.join("a") == ("ner",)
    assert mesh.join("a", allowed_services=("notes",)) == ()
    assert mesh.join("a", ram_free_bytes=1, allowed_services=()) == ("ner",)


async def test_after_a_restart_nothing_moves_before_everybody_had_time_to_come_back(mesh: Mesh) -> None:
    before = {worker_id: mesh.join(worker_id) for worker_id in "ab"}
    kept = dict(mesh.registry.all_assigned())
    restarted = await Mesh(mesh.store, clock=mesh.clock).open()
    restarted.registry.expect({**kept, "nobody": ("ner",)}, mesh.clock.now + 45)
    assert restarted.join("c") == ("ner",)  # idle otherwise, and new
    assert restarted.join("a") == before["a"]
    assert restarted.registry.recent_moves()[0][1].worker_id == "c"
    mesh.clock.now += 44
    restarted.registry.tick()
    assert restarted.join("b") == before["b"]
    assert {move.worker_id for _, move in restarted.registry.recent_moves()} == {"c"}
    assert len(restarted.registry) == 3


async def test_who_does_not_come_back_is_replaced(mesh: Mesh) -> None:
    restarted = await Mesh(mesh.store, Catalogue((CATALOGUE.manifests[0],)), clock=mesh.clock).open()
    restarted.registry.expect({"a": ("ner",), "b": ("ner",)}, mesh.clock.now + 45)
    assert restarted.registry.shortages() == ()
    mesh.clock.now += 45
    restarted.registry.tick()
    assert restarted.registry.all_assigned() == {}
    assert [shortage.service for shortage in restarted.registry.shortages()] == ["ner"]


async def test_plan_tells_what_would_change_and_changes_nothing(mesh: Mesh) -> None:
    mesh.join("a")
    assert mesh.registry.plan().moves == ()
    assert [move.action for _, move in mesh.registry.recent_moves()] == ["start"]


async def test_peers_get_addresses_of_the_workers_own_network_too(mesh: Mesh) -> None:
    mesh.join("a", "203.0.113.9")
    mesh.join("b")
    mesh.beat("a", "ner")
    mesh.beat("b", "ner")
    (peer,) = mesh.registry.peers("ner", "b")
    assert peer.worker_id == "a"
    assert peer.endpoints.direct_hosts == ("203.0.113.9", "192.168.1.20")
    (record,) = [record for record in await mesh.registry.find("ner") if record.worker_id == "a"]
    assert record.endpoints.direct_hosts == ("203.0.113.9",)


async def test_a_node_that_starts_again_offers_nothing_until_it_says_so(mesh: Mesh) -> None:
    mesh.join("a")
    mesh.beat("a", "ner")
    mesh.join("a")
    assert await mesh.offered() == set()
    assert mesh.registry.assigned("a") == ("ner",)


async def test_a_node_that_said_goodbye_or_was_silent_gets_work_again_when_it_is_back(mesh: Mesh) -> None:
    mesh.join("a")
    assert mesh.beat("a", "ner", paused=True) == (), "the last heartbeat of a node that ends"
    assert mesh.join("a") == ("ner",)
    mesh.clock.now += 91
    mesh.registry.tick()
    assert mesh.registry.assigned("a") == ()
    assert mesh.join("a") == ("ner",)


async def test_views_hear_of_changes_by_a_number(mesh: Mesh) -> None:
    before = mesh.registry.version
    mesh.join("a")
    after = mesh.registry.version
    assert after > before
    mesh.beat("a", "ner")
    assert mesh.registry.version > after


async def test_a_worker_is_believed_only_of_services_that_it_may_run(mesh: Mesh) -> None:
    await mesh.enrol("curious")
    mesh.join("curious")
    mesh.beat("curious", "ner", "notes", "unheard-of")
    assert (await mesh.offered("ner"), await mesh.offered("notes")) == ({"curious"}, set())
    assert not list(mesh.registry.peers("notes", "somebody"))
    await mesh.workers.approve("curious")
    mesh.beat("curious", "ner", "notes")
    assert await mesh.offered("notes") == {"curious"}


class Watch:
    """Stands in for `time`: every plan takes as much work as a test says."""

    def __init__(self) -> None:
        self.now = 100.0
        self.worked = 0.0

    def monotonic(self) -> float:
        return self.now

    def thread_time(self) -> float:
        return self.worked


async def test_a_plan_that_took_long_puts_the_next_one_off(mesh: Mesh, monkeypatch: pytest.MonkeyPatch) -> None:
    watch = Watch()

    def slowly(*arguments: Any) -> Any:
        watch.worked += 1.0 + registry.QUICK
        return assign(*arguments)

    monkeypatch.setattr(registry, "time", watch)
    monkeypatch.setattr(registry, "assign", slowly)
    assert mesh.join("a") == ("ner",)
    assert mesh.registry.settled
    watch.now += 1 / registry.PLANNING_SHARE - 0.1
    assert mesh.join("b") == ()
    assert not mesh.registry.settled
    watch.now += 0.2
    assert mesh.registry.assigned("b") == ("ner",)
    assert mesh.registry.settled


async def test_addresses_in_the_overlay_are_offered_while_we_are_there(mesh: Mesh) -> None:
    mesh.join("a")
    mesh.beat("a", "ner")
    member = mesh.registry.member("a")
    assert member is not None
    ends = msgspec.structs.replace(member.endpoints, vpn_ip="10.42.0.16")
    mesh.registry._members["a"] = dataclasses.replace(member, endpoints=ends)
    assert [record.endpoints.vpn_ip for record in mesh.registry.offers()["ner"]] == [None]
    assert mesh.registry.overlay_ports() == {"10.42.0.16": ends.port}
    version = mesh.registry.version
    mesh.registry.overlay_changed(True)
    assert mesh.registry.version > version
    assert [record.endpoints.vpn_ip for record in mesh.registry.offers()["ner"]] == ["10.42.0.16"]
    assert [record.endpoints.vpn_ip for record in mesh.registry.peers("ner", "b")] == ["10.42.0.16"]
    mesh.registry.overlay_changed(False)
    assert [record.endpoints.vpn_ip for record in mesh.registry.offers()["ner"]] == [None]
    assert [record.endpoints.vpn_ip for record in mesh.registry.peers("ner", "b")] == ["10.42.0.16"], "nodes may be"


async def test_a_worker_is_offered_by_relay_while_it_can_be_reached_so(mesh: Mesh) -> None:
    await mesh.enrol("w1")
    mesh.registry.relayed("w1", ("c1",))  # the channel may be open before it has registered
    mesh.join("w1")
    mesh.beat("w1", "ner")
    (found,) = await mesh.registry.find("ner")
    assert found.relays == ("c1",)
    version = mesh.registry.version
    mesh.registry.relayed("w1", ("c1",))
    assert mesh.registry.version == version, "nothing has changed"
    mesh.registry.report_failure("w1")
    mesh.registry.relayed("w1", ("c1",))
    member = mesh.registry.member("w1")
    assert member is not None
    assert not member.failed, "who comes back on a new channel is there"
    mesh.registry.relayed("w1", ())
    (found,) = await mesh.registry.find("ner")
    assert found.relays == ()
    assert mesh.registry.version > version
    mesh.join("w1")
    assert mesh.registry.members()[0].relays == ()


async def test_it_is_told_at_once_what_somebody_offers_from_now_on(mesh: Mesh) -> None:
    told: list[str] = []
    mesh.registry.appeared = told.extend

    def new() -> list[str]:
        found = list(told)
        told.clear()
        return found

    mesh.join("a")
    assert new() == []
    mesh.beat("a", "ner")
    assert new() == ["ner"]
    mesh.beat("a", "ner", load=0.5)
    assert new() == [], "that is known"
    mesh.beat("a", "ner", paused=True)
    assert new() == []
    mesh.beat("a", "ner")
    assert new() == ["ner"], "it has rested"
    mesh.clock.now += 100
    mesh.beat("a", "ner")
    assert new() == ["ner"], "it was silent"
    await mesh.workers.drain("a")
    new()
    await mesh.workers.drain("a", False)
    assert new() == ["ner"]
    mesh.registry.relayed("a", ("c1",))
    assert new() == ["ner"], "there may have been no other way"
    mesh.registry.overlay_changed(True)
    assert new() == ["ner"]
    runs = (ServiceReport(name="ner", state="running"),)
    ends = Endpoints(port=8000, direct_hosts=(HERE,))
    mesh.registry.register(RegisterRequest(worker_id="a", capabilities=PC, endpoints=ends, services=runs), HERE)
    assert new() == ["ner"]
    mesh.registry.leave("a")
    assert new() == []


async def test_of_other_relays_a_worker_is_believed_and_of_ours_we_know_better(mesh: Mesh) -> None:
    await mesh.enrol("w1")
    mesh.join("w1")

    def says(*relays: str) -> tuple[str, ...]:
        reports = (ServiceReport(name="ner", state="running"),)
        mesh.registry.heartbeat(HeartbeatRequest(worker_id="w1", services=reports, relays=relays))
        (found,) = mesh.registry.running("ner")
        return found.record().relays

    assert says("c1", "c2") == ("c2",), "it has no channel to us"
    mesh.registry.relayed("w1", ("c1",))
    assert says("c2", "c1") == ("c1", "c2")
    assert says("c2", "c3") == ("c1", "c2"), "two at most"
    mesh.registry.relayed("w1", ())
    assert says() == ()
