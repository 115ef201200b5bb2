"""What workers shall run: changes lead to a plan soon, and nothing moves at a restart."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from coordinator_server.enrolment.workers import Enrolment, Workers
from coordinator_server.registry import planning
from coordinator_server.registry.assignment import assign
from coordinator_server.store.sqlite import open_sqlite
from node.wire.manifests import Catalogue, Manifest
from tests.support.coordinators import CATALOGUE
from tests.support.registries import RegistryMesh


@pytest.fixture
async def mesh(tmp_path: Path) -> AsyncIterator[RegistryMesh]:
    store = await open_sqlite(tmp_path / "x.db")
    mesh = await RegistryMesh(store).open()
    await mesh.enrol("a", "b", "c")
    yield mesh
    await store.close()


async def test_a_paused_worker_is_replaced_within_its_heartbeat(tmp_path: Path) -> None:
    store = await open_sqlite(tmp_path / "y.db")
    mesh = await RegistryMesh(
        store, Catalogue((Manifest(name="one", title="One", replicas=1, data_class="public"),))
    ).open()
    await mesh.enrol("a", "b")
    assert mesh.join("a") == ("one",)
    assert mesh.join("b") == ()
    assert "other machines run" in mesh.planning.why_nothing("b")
    assert mesh.beat("a", "one", paused=True) == ()
    assert mesh.planning.assigned("b") == ("one",)
    assert await mesh.offered("one") == set()
    assert mesh.status("a") == "paused"
    assert "is paused" in mesh.planning.why_nothing("a")
    assert mesh.beat("a") == ()  # what the other runs now stays there
    await store.close()


async def test_what_a_volunteer_does_not_want_now_is_replaced_within_its_heartbeat(tmp_path: Path) -> None:
    store = await open_sqlite(tmp_path / "y.db")
    one, two = (Manifest(name=name, title=name, replicas=1, data_class="public") for name in ("one", "two"))
    mesh = await RegistryMesh(store, Catalogue((one, two))).open()
    await mesh.enrol("a", "b")
    assert mesh.join("a") == ("one", "two")
    mesh.join("b")
    assert "one" not in mesh.beat("a", "two", unwanted=("one",))
    assert "one" in mesh.planning.assigned("b")
    assert await mesh.offered("two") == {"a"}, "the rest goes on"
    assert "one" not in mesh.join("a"), "it is not forgotten when a worker says anew where it is"
    await store.close()


async def test_an_approved_worker_gets_personal_data(mesh: RegistryMesh) -> None:
    assert mesh.join("a") == ("ner",)
    reasons = {shortage.service: shortage.reason for shortage in mesh.planning.shortages()}
    assert "not vetted for personal data" in reasons["notes"]
    await mesh.workers.approve("a")
    assert set(mesh.planning.assigned("a")) == {"ner", "notes"}


async def test_what_a_volunteer_allows_may_change(mesh: RegistryMesh) -> None:
    assert mesh.join("a") == ("ner",)
    assert mesh.join("a", allowed_services=("notes",)) == ()
    assert mesh.join("a", ram_free_bytes=1, allowed_services=()) == ("ner",)


async def test_after_a_restart_nothing_moves_before_everybody_had_time_to_come_back(mesh: RegistryMesh) -> None:
    before = {worker_id: mesh.join(worker_id) for worker_id in "ab"}
    kept = dict(mesh.planning.all_assigned())
    restarted = await RegistryMesh(mesh.store, clock=mesh.clock).open()
    restarted.expect({**kept, "nobody": ("ner",)})
    assert restarted.join("c") == ("ner",)  # idle otherwise, and new
    assert restarted.join("a") == before["a"]
    assert restarted.moves[0].worker_id == "c"
    mesh.clock.now += 44
    restarted.tick()
    assert restarted.join("b") == before["b"]
    assert {move.worker_id for move in restarted.moves} == {"c"}
    assert len(restarted.registry) == 3


async def test_who_does_not_come_back_is_replaced(mesh: RegistryMesh) -> None:
    restarted = await RegistryMesh(mesh.store, Catalogue((CATALOGUE.manifests[0],)), clock=mesh.clock).open()
    restarted.expect({"a": ("ner",), "b": ("ner",)})
    assert restarted.planning.shortages() == ()
    mesh.clock.now += 45
    restarted.tick()
    assert restarted.planning.all_assigned() == {}
    assert [shortage.service for shortage in restarted.planning.shortages()] == ["ner"]


async def test_plan_tells_what_would_change_and_changes_nothing(mesh: RegistryMesh) -> None:
    mesh.join("a")
    assert mesh.planning.preview().moves == ()
    assert [move.action for move in mesh.moves] == ["start"]


async def test_who_runs_out_of_memory_is_relieved_as_who_is_overloaded(tmp_path: Path) -> None:
    store = await open_sqlite(tmp_path / "y.db")
    service = Manifest(name="one", title="One", data_class="public")
    mesh = await RegistryMesh(store, Catalogue((service,))).open()
    await mesh.enrol("a", "b", "c")
    mesh.join("a")
    mesh.join("b")
    mesh.clock.now += 30.0
    for name in "ab":
        assert mesh.beat(name, "one") == ("one",)
    mesh.join("c")
    mesh.beat("c", paused=True)
    for _ in range(5):
        mesh.clock.now += 30.0
        mesh.beat("a", "one", memory_free=0.02)
        mesh.beat("b", "one")
        mesh.beat("c", paused=True)
        mesh.planning.tick()
    assert mesh.beat("c") == ("one",)
    reasons = [move.reason for move in mesh.moves if move.worker_id == "c"]
    assert reasons[-1] == "it takes over from a, which is short of memory"
    mesh.beat("c", "one")
    assert mesh.planning.assigned("a") == ()
    await store.close()


class Watch:
    """Stands in for `time`: every plan takes as much work as a test says."""

    def __init__(self) -> None:
        self.now = 100.0
        self.worked = 0.0

    def monotonic(self) -> float:
        return self.now

    def thread_time(self) -> float:
        return self.worked


async def test_a_plan_that_took_long_puts_the_next_one_off(
    mesh: RegistryMesh, monkeypatch: pytest.MonkeyPatch
) -> None:
    watch = Watch()

    def slowly(*arguments: Any, **more: Any) -> Any:
        watch.worked += 1.0 + planning.QUICK
        return assign(*arguments, **more)

    monkeypatch.setattr(planning, "time", watch)
    monkeypatch.setattr(planning, "assign", slowly)
    assert mesh.join("a") == ("ner",)
    assert mesh.planning.is_settled("a")
    watch.now += 1 / planning.PLANNING_SHARE - 0.1
    assert mesh.join("b") == ()
    assert not mesh.planning.is_settled("b")
    watch.now += 0.2
    assert mesh.planning.assigned("b") == ("ner",)
    assert mesh.planning.is_settled("a")


async def test_for_many_it_is_planned_aside_and_everybody_else_is_settled(
    mesh: RegistryMesh, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(planning, "MANY", 2)
    assert mesh.join("a") == ("ner",), "few are told at once"
    assert mesh.join("b") == (), "many are not planned for by whoever asks"
    assert mesh.beat("a", paused=True) == ("ner",)
    assert mesh.planning.shortages() != ()
    assert not mesh.planning.is_settled("b")
    assert not mesh.planning.is_settled("a"), "nobody has thought of what has changed"
    monkeypatch.setattr(planning, "PLANNING_SHARE", 1e9)
    await mesh.planning.plan_aside()
    assert (mesh.planning.assigned("a"), mesh.planning.assigned("b")) == ((), ("ner",))
    assert mesh.planning.is_settled("a")
    assert mesh.planning.is_settled("b")
    assert {(move.worker_id, move.action) for move in mesh.moves} >= {("a", "stop"), ("b", "start")}
    mesh.join("c")
    assert not mesh.planning.is_settled("c")
    assert mesh.planning.is_settled("a"), "that one has come sends nobody else back soon"


async def test_what_changes_while_it_is_planned_is_thought_of_by_the_next_plan(
    mesh: RegistryMesh, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(planning, "MANY", 1)
    monkeypatch.setattr(planning, "PLANNING_SHARE", 1e9)
    mesh.join("a")
    mesh.join("b")
    late: list[str] = []

    def meanwhile(*arguments: Any, **more: Any) -> Any:
        plan = assign(*arguments, **more)
        if not late:
            late.append("c")
            mesh.join("c")
            mesh.registry.leave("b")
        return plan

    monkeypatch.setattr(planning, "assign", meanwhile)
    await mesh.planning.plan_aside()
    assert mesh.planning.is_settled("a")
    assert not mesh.planning.is_settled("c")
    assert "b" not in mesh.planning.all_assigned(), "who has left is given nothing"
    await mesh.planning.plan_aside()
    assert mesh.planning.is_settled("c")
    assert mesh.planning.assigned("c") == ("ner",)
    assert not mesh.planning.is_due


async def test_who_comes_back_while_it_is_planned_keeps_what_it_has(
    mesh: RegistryMesh, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(planning, "MANY", 1)
    mesh.expect({"c": ("ner",)})
    mesh.join("a")

    def meanwhile(machines: Iterable[Any], *arguments: Any, **more: Any) -> Any:
        coming = iter(machines)
        first = next(coming)
        mesh.join("c")
        return assign([first, *coming], *arguments, **more)

    monkeypatch.setattr(planning, "assign", meanwhile)
    await mesh.planning.plan_aside()
    assert mesh.planning.assigned("c") == ("ner",)


async def test_what_is_being_written_down_stays_as_it_is(mesh: RegistryMesh) -> None:
    for worker_id in "abc":
        mesh.join(worker_id)
    writing = iter(mesh.planning.all_assigned().items())
    next(writing)
    mesh.registry.leave("b")
    assert len(list(writing)) == 2


async def test_a_plan_that_is_not_due_yet_can_be_read_and_stays_undone(
    mesh: RegistryMesh, monkeypatch: pytest.MonkeyPatch
) -> None:
    mesh.join("a")
    monkeypatch.setattr(planning, "time", Watch())
    mesh.planning._next_plan = 1000.0
    mesh.join("b")
    for _ in range(2):
        assert [(move.worker_id, move.action) for move in mesh.planning.preview().moves] == [("b", "start")]
    assert mesh.planning.all_assigned() == {"a": ("ner",)}
    assert {move.worker_id for move in mesh.moves} == {"a"}


async def test_who_is_overloaded_is_relieved_though_nothing_else_happens(tmp_path: Path) -> None:
    store = await open_sqlite(tmp_path / "y.db")
    one, two = (Manifest(name=n, title=n, replicas=k, data_class="public") for n, k in (("one", 2), ("two", 1)))
    mesh = await RegistryMesh(store, Catalogue((one, two))).open()
    await mesh.enrol("a", "b", "c")
    assert mesh.join("c", allowed_services=("two",)) == ("two",)
    assert mesh.join("a") == mesh.join("b") == ("one",)
    assert mesh.join("c") == ("two",)
    for _ in range(5):
        mesh.clock.now += 30.0
        for name, runs, load in (("a", "one", 0.95), ("b", "one", 0.6), ("c", "two", 0.1)):
            mesh.beat(name, runs, load=load)
        mesh.planning.tick()
    assert set(mesh.planning.all_assigned()["c"]) == {"one", "two"}
    await store.close()


async def test_who_has_left_is_forgotten_at_once_when_nobody_else_assigns(mesh: RegistryMesh) -> None:
    mesh.join("a")
    mesh.planning._next_plan = float("inf")  # no plan does it
    mesh.registry.leave("a")
    assert mesh.planning.all_assigned() == {}
    mesh.planning.together = True
    mesh.planning.follow({"b": ("ner",), "gone": ("ner",)})
    mesh.join("b")
    assert mesh.planning.hands_over("b", "ner"), "what was written down counts"
    mesh.planning.worker_changed("gone")
    assert mesh.planning.all_assigned() == {"b": ("ner",), "gone": ("ner",)}, "it may be at another coordinator"
    assert mesh.planning.follow({"b": None, "gone": None}) == ["b", "gone"]
    assert mesh.planning.all_assigned() == {"b": ("ner",)}, "who is here keeps what it has"


async def test_among_several_who_has_registered_is_settled_when_it_was_thought_of_or_after_a_while(
    mesh: RegistryMesh,
) -> None:
    mesh.planning.together = True
    mesh.join("a")
    mesh.join("b")
    mesh.planning.follow({"b": ()})
    assert [mesh.planning.is_settled(name) for name in ("a", "b", "nobody")] == [False, True, True]
    mesh.clock.now += planning.SOON + 1.0
    assert mesh.planning.is_settled("a"), "who assigns may be gone: it is to come back no sooner than others"


async def test_a_clock_that_was_set_back_puts_off_no_look_at_who_is_overloaded(mesh: RegistryMesh) -> None:
    mesh.join("a")
    mesh.planning.tick()
    mesh.clock.now -= 3600.0
    mesh.beat("a", "ner", load=1.0)
    mesh.planning.tick()
    assert mesh.planning._history.overloaded == {"a": mesh.clock.now}


async def test_a_look_at_who_is_overloaded_goes_through_no_enrolments(
    mesh: RegistryMesh, monkeypatch: pytest.MonkeyPatch
) -> None:
    mesh.join("a")
    mesh.beat("a", "ner", load=1.0)
    mesh.planning.tick()

    def all_of_them(_: Workers) -> Iterator[Enrolment]:
        raise AssertionError("that takes long where there are thousands")

    monkeypatch.setattr(Workers, "__iter__", all_of_them)
    mesh.clock.now += planning.LOOK
    mesh.planning._look(mesh.clock.now)
    assert set(mesh.planning._history.overloaded) == {"a"}


async def test_a_thread_that_fails_leaves_all_to_the_next_plan(
    mesh: RegistryMesh, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(planning, "MANY", 1)
    monkeypatch.setattr(planning, "PLANNING_SHARE", 1e9)
    mesh.join("a")
    mesh.planning.follow({"a": ("ner",)})
    with monkeypatch.context() as patched:
        patched.setattr(planning, "assign", lambda *_, **__: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            await mesh.planning.plan_aside()
    assert mesh.planning.is_due
    assert not mesh.planning.is_settled("a")
    await mesh.planning.plan_aside()
    assert mesh.planning.is_settled("a")


async def test_who_is_drained_serves_on_and_no_more_when_its_volunteer_pauses(tmp_path: Path) -> None:
    store = await open_sqlite(tmp_path / "y.db")
    one = Manifest(name="one", title="One", replicas=1, data_class="public")
    mesh = await RegistryMesh(store, Catalogue((one,))).open()
    await mesh.enrol("a", "b")
    assert mesh.join("a") == mesh.beat("a", "one") == ("one",)
    mesh.join("b")
    await mesh.workers.drain("a")
    assert (mesh.planning.assigned("a"), mesh.planning.assigned("b")) == (("one",), ("one",))
    assert mesh.planning.hands_over("a", "one")
    assert not mesh.planning.hands_over("b", "one")
    assert mesh.planning.why_nothing("b") == ""
    assert mesh.beat("a", "one", paused=True) == ()
    await store.close()


async def test_an_invite_for_other_services_gives_nothing_else(mesh: RegistryMesh) -> None:
    enrolment = mesh.workers.get("a")
    assert enrolment is not None
    mesh.workers._roll.keep(msgspec.structs.replace(enrolment, services=("ocr",)))
    assert mesh.join("a") == ()
    assert "invite for other services" in mesh.planning.shortages()[0].reason
