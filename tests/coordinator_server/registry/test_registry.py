"""The live workers: who is offered, and who is forgotten."""

from __future__ import annotations

import dataclasses
import gc
from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import pytest

from coordinator_server.registry import registry
from coordinator_server.registry.membership import Member
from coordinator_server.store.sqlite import open_sqlite
from node.wire.messages import Endpoints, RegisterRequest, ServiceReport
from node.wire.problems import Problem
from tests.support.coordinators import PC
from tests.support.registries import HERE, RegistryMesh


@pytest.fixture
async def mesh(tmp_path: Path) -> AsyncIterator[RegistryMesh]:
    store = await open_sqlite(tmp_path / "x.db")
    mesh = await RegistryMesh(store).open()
    await mesh.enrol("a", "b", "c")
    yield mesh
    await store.close()


async def test_only_workers_that_say_they_run_it_are_offered(mesh: RegistryMesh) -> None:
    assert mesh.join("a") == ("ner",)
    assert await mesh.offered() == set()
    mesh.beat("a", "ner", load=0.4, in_flight=2)
    (record,) = await mesh.registry.find("ner")
    assert (record.worker_id, record.load, record.in_flight, record.services) == ("a", 0.4, 2, ("ner",))
    assert record.endpoints.direct_hosts == (HERE, "192.168.1.20")
    assert await mesh.offered("notes") == set()


async def test_who_registers_again_goes_on_with_what_it_runs_and_may_run(mesh: RegistryMesh) -> None:
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


async def test_a_heartbeat_of_somebody_unknown_is_a_404(mesh: RegistryMesh) -> None:
    with pytest.raises(Problem) as caught:
        mesh.beat("a", "ner")
    assert (caught.value.kind, caught.value.status) == ("unknown-worker", 404)


@pytest.mark.parametrize("by", [3600.0, -3600.0])
async def test_a_clock_that_is_set_is_no_silence_and_no_word(mesh: RegistryMesh, by: float) -> None:
    mesh.join("a")
    mesh.join("b")
    mesh.clock.now += 60.0 + by
    mesh.beat("b", "ner")
    mesh.jumps.append(by)
    mesh.registry.tick()
    assert {member.worker_id for member in mesh.registry.members()} == {"a", "b"}
    assert not any(map(mesh.registry.is_stale, mesh.registry.members()))
    mesh.clock.now += 40.0
    stale = {one.worker_id for one in mesh.registry.members() if mesh.registry.is_stale(one)}
    assert stale == {"a"}, "100 s of silence, as if nobody had touched the clock"


async def test_silence_makes_stale_and_then_forgotten(mesh: RegistryMesh) -> None:
    mesh.join("a")
    mesh.join("b")
    mesh.beat("a", "ner")
    mesh.clock.now += 89
    mesh.beat("b", "ner")
    assert await mesh.offered() == {"a", "b"}
    mesh.clock.now += 1
    mesh.tick()
    assert mesh.status("a") == "stale"
    assert await mesh.offered() == {"b"}
    assert mesh.planning.assigned("a") == ()
    mesh.clock.now += 210
    mesh.tick()
    assert mesh.status("a") == "gone"
    assert mesh.status("b") == "stale"
    with pytest.raises(Problem, match="register first"):
        mesh.beat("a")


async def test_a_stale_worker_that_speaks_again_is_back(mesh: RegistryMesh) -> None:
    mesh.join("a")
    mesh.clock.now += 100
    mesh.tick()
    assert mesh.planning.assigned("a") == ()
    assert mesh.beat("a", "ner") == ("ner",)
    assert await mesh.offered() == {"a"}


async def test_who_is_silent_for_too_long_twice_between_two_looks_is_told_of_twice(mesh: RegistryMesh) -> None:
    told: list[str] = []
    mesh.join("a")
    mesh.clock.now += 100
    mesh.registry.tick()
    mesh.beat("a")
    mesh.clock.now += 100
    mesh.registry.differs = told.append
    mesh.registry.tick()
    assert told == ["a"]


async def test_a_failed_worker_is_out_until_its_next_heartbeat(mesh: RegistryMesh) -> None:
    for worker_id in "ab":
        mesh.join(worker_id)
        mesh.beat(worker_id, "ner")
    mesh.registry.report_failure("a")
    assert await mesh.offered() == {"b"}
    mesh.beat("a", "ner")
    assert await mesh.offered() == {"a", "b"}
    mesh.registry.report_failure("nobody")


async def test_when_all_have_failed_all_are_offered(mesh: RegistryMesh) -> None:
    mesh.join("a")
    mesh.beat("a", "ner")
    mesh.registry.report_failure("a")
    assert await mesh.offered() == {"a"}


async def test_the_load_of_answers_counts_at_once(mesh: RegistryMesh) -> None:
    mesh.join("a")
    mesh.beat("a", "ner")
    mesh.registry.update_load("a", 0.7)
    mesh.registry.update_load("nobody", 0.7)
    (record,) = await mesh.registry.find("ner")
    assert record.load == 0.7


async def test_drained_revoked_and_removed_workers_lose_what_they_had(mesh: RegistryMesh) -> None:
    for worker_id in "abc":
        mesh.join(worker_id)
        mesh.beat(worker_id, "ner")
    await mesh.workers.drain("a")
    assert (mesh.status("a"), mesh.planning.assigned("a")) == ("draining", ())
    assert "drained by the operator" in mesh.planning.why_nothing("a")
    await mesh.workers.revoke("b")
    assert mesh.status("b") == "gone"
    assert await mesh.offered() == {"c"}
    await mesh.workers.remove("c", actor="worker:c")
    assert await mesh.offered() == set()
    await mesh.workers.drain("a", False)
    assert mesh.beat("a", "ner") == ("ner",)


async def test_peers_get_addresses_of_the_workers_own_network_too(mesh: RegistryMesh) -> None:
    mesh.join("a", "203.0.113.9")
    mesh.join("b")
    mesh.beat("a", "ner")
    mesh.beat("b", "ner")
    (peer,) = mesh.registry.peers("ner", "b")
    assert peer.worker_id == "a"
    assert peer.endpoints.direct_hosts == ("203.0.113.9", "192.168.1.20")
    (record,) = [record for record in await mesh.registry.find("ner") if record.worker_id == "a"]
    assert record.endpoints.direct_hosts == ("203.0.113.9",)


async def test_a_node_that_starts_again_offers_nothing_until_it_says_so(mesh: RegistryMesh) -> None:
    mesh.join("a")
    mesh.beat("a", "ner")
    mesh.join("a")
    assert await mesh.offered() == set()
    assert mesh.planning.assigned("a") == ("ner",)


async def test_a_node_that_said_goodbye_or_was_silent_gets_work_again_when_it_is_back(mesh: RegistryMesh) -> None:
    mesh.join("a")
    assert mesh.beat("a", "ner", paused=True) == (), "the last heartbeat of a node that ends"
    assert mesh.join("a") == ("ner",)
    mesh.clock.now += 91
    mesh.tick()
    assert mesh.planning.assigned("a") == ()
    assert mesh.join("a") == ("ner",)


async def test_views_hear_of_changes_by_a_number(mesh: RegistryMesh) -> None:
    before = mesh.registry.version
    mesh.join("a")
    after = mesh.registry.version
    assert after > before
    mesh.beat("a", "ner")
    assert mesh.registry.version > after


async def test_addresses_in_the_overlay_are_offered_while_we_are_there(mesh: RegistryMesh) -> None:
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


async def test_a_worker_is_offered_by_relay_while_it_can_be_reached_so(mesh: RegistryMesh) -> None:
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


async def test_it_is_told_at_once_what_somebody_offers_from_now_on(mesh: RegistryMesh) -> None:
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


async def test_a_heartbeat_and_a_lookup_touch_nobody_else(
    mesh: RegistryMesh, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = [f"w-{number}" for number in range(60)]
    await mesh.enrol(*names)
    for number, name in enumerate(names):
        mesh.join(name)
        mesh.beat(name, *(["ner"] if number < 3 else []))
    looked_at: list[str] = []
    runs = Member.running.fget  # type: ignore[attr-defined]  # it is a property

    def noted(member: Member) -> tuple[str, ...]:
        looked_at.append(member.worker_id)
        found: tuple[str, ...] = runs(member)
        return found

    monkeypatch.setattr(Member, "running", property(noted))
    planned = len(mesh.moves)
    for _ in range(5):
        mesh.beat("w-0", "ner", load=0.5)
    assert set(looked_at) == {"w-0"}
    looked_at.clear()
    assert {member.worker_id for member in mesh.registry.running("ner")} == {"w-0", "w-1", "w-2"}
    assert set(looked_at) <= {"w-0", "w-1", "w-2"}
    assert len(mesh.moves) == planned


async def test_who_runs_a_service_is_known_whatever_changes(mesh: RegistryMesh) -> None:
    await mesh.enrol("x", "y")
    for name in "xy":
        mesh.join(name)
    mesh.beat("x", "ner")
    mesh.beat("y", "ner")
    assert await mesh.offered() == {"x", "y"}
    mesh.beat("x", "ner", paused=True)
    assert await mesh.offered() == {"y"}
    mesh.beat("x", "ner")
    mesh.join("y")
    assert await mesh.offered() == {"x"}, "who registers says anew what it runs"
    mesh.registry.hand_over("x")
    assert await mesh.offered() == set()
    assert not list(mesh.registry._runners)


async def test_of_very_many_a_router_is_told_the_least_loaded(
    mesh: RegistryMesh, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(registry, "MOST_FOUND", 2)
    names = ("p", "q", "r")
    await mesh.enrol(*names)
    for name, load in zip(names, (0.9, 0.1, 0.5), strict=True):
        mesh.join(name)
        mesh.beat(name, "ner", load=load)

    async def found() -> list[str]:
        return [record.worker_id for record in await mesh.registry.find("ner")]

    assert await found() == ["q", "r"]
    assert len(mesh.registry.offers()["ner"]) == 3, "gateway processes look rarely, and are told of all"
    assert [record.worker_id for record in mesh.registry.peers("ner", "q")] == ["r"], "nor is another node"
    mesh.registry.update_load("p", 0.0)
    assert await found() == ["p", "q"]
    mesh.registry.report_failure("p")
    mesh.registry.doubts = lambda worker_id, _service: worker_id == "q"
    assert await found() == ["r"], "of whom nobody has a doubt"
    mesh.registry.report_failure("r")
    assert await found() == ["q"], "then who is on probation"
    mesh.registry.report_failure("q")
    assert await found() == ["p", "r"], "then who failed"
    mesh.clock.now += 90.0
    assert await found() == [], "and nobody who is silent"


async def test_of_very_many_with_as_much_load_all_have_their_turn(
    mesh: RegistryMesh, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(registry, "MOST_FOUND", 2)
    names = ("p", "q", "r", "s", "t")
    await mesh.enrol(*names)
    for name in names:
        mesh.join(name)
        mesh.beat(name, "ner", load=0.2)
    turns = [{record.worker_id for record in await mesh.registry.find("ner")} for _ in range(5)]
    assert turns == [{"p", "q"}, {"r", "s"}, {"t", "p"}, {"q", "r"}, {"s", "t"}]


@pytest.mark.parametrize("by", [3600.0, -3600.0])
async def test_a_clock_that_was_set_takes_nothing_from_anybody_before_the_next_look_at_it(
    mesh: RegistryMesh, by: float
) -> None:
    await mesh.enrol("w-1", "w-2")
    for name in ("w-1", "w-2"):
        assert mesh.join(name) == ("ner",)
        mesh.beat(name, "ner")
    mesh.clock.now += by
    mesh.jumps.append(by)
    assert mesh.beat("w-1", "ner") == ("ner",)
    assert mesh.planning.assigned("w-2") == ("ner",)
    assert await mesh.offered() == {"w-1", "w-2"}
    mesh.tick()
    assert mesh.planning.assigned("w-2") == ("ner",)
    mesh.clock.now += 3600.0
    mesh.jumps.append(3600.0)
    assert await mesh.offered() == {"w-1", "w-2"}, "also where a request comes first"


async def test_views_hear_of_everybody_of_whom_they_may_show_something_else(mesh: RegistryMesh) -> None:
    heard = set[str]()
    mesh.registry.differs = heard.add

    def differ() -> set[str]:
        names = set(heard)
        heard.clear()
        return names

    mesh.join("a")
    mesh.join("b")
    assert differ() == {"a", "b"}
    mesh.beat("a", "ner")
    assert differ() == {"a"}
    mesh.registry.update_load("b", 0.5)
    assert differ() == {"b"}
    mesh.registry.update_load("b", 0.5)
    assert differ() == set()
    mesh.registry.relayed("a", ("c1",))
    assert differ() == {"a"}
    await mesh.workers.drain("c")
    assert differ() == {"c"}, "who talks to another coordinator, too"
    mesh.clock.now += 89.0
    mesh.beat("a", "ner")
    differ()
    mesh.clock.now += 1.0
    mesh.tick()
    assert (differ(), mesh.status("b")) == ({"b"}, "stale")
    mesh.tick()
    assert differ() == set(), "that was told"
    mesh.clock.now -= 30.0
    mesh.tick()
    assert (differ(), mesh.status("b")) == ({"b"}, "active")
    mesh.jumps.append(-30.0)
    mesh.tick()
    assert differ() == {"a", "b"}
    mesh.registry.leave("a")
    mesh.registry.hand_over("b")
    assert differ() == {"a", "b"}


async def test_a_look_at_who_is_silent_has_python_look_for_no_garbage(mesh: RegistryMesh) -> None:
    mesh.join("a")
    member = mesh.registry.member("a")
    assert member is not None
    many = {f"w-{number}": dataclasses.replace(member, worker_id=f"w-{number}") for number in range(10_000)}
    mesh.registry._members |= many
    gc.collect()
    before = gc.get_stats()[0]["collections"]
    mesh.registry.tick()
    assert gc.get_stats()[0]["collections"] == before
