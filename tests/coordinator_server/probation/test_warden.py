"""Probation in real coordinators: who answers wrongly is asked last, told so, and comes back by answering well."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from coordinator_server.front import FRONT
from coordinator_server.probation import rounds
from coordinator_server.probation import warden as module
from coordinator_server.probation.standing import MEMORY, Record
from tests.support.coordinators import Room, assignment, coordinator_room
from tests.support.front import Front, StandIn, running_front
from tests.support.mesh_keys import Clock
from tests.support.probations import QUICK, Oracle, go_on, machine, names, probing_room, write_probe
from tests.support.waiting import eventually


@pytest.fixture
async def front(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Front]:
    monkeypatch.setattr(rounds, "FIRST", 0.01)
    monkeypatch.setattr(rounds, "AGAIN", 0.01)
    monkeypatch.setattr(module, "LOOK", 0.02)
    write_probe(tmp_path / "manifests")
    async with running_front(tmp_path, **QUICK) as made:
        yield made


async def asked(front: Front, key: dict[str, str]) -> str:
    async with front.session.post(front.url + "/service/probe", data=b"x", headers=key) as answer:
        return str(answer.headers.get("X-RMA-Worker", ""))


async def actions(front: Front, worker: StandIn) -> list[str]:
    return [
        line["action"] for line in (await front.ask("GET", f"/api/admin/audit?subject={worker.worker_id}"))["audit"]
    ]


async def test_who_answers_wrongly_is_asked_last_told_so_and_comes_back(front: Front) -> None:
    warden, key = front.coordinator.warden, await front.key()
    good, bad = await front.join("good", ["probe"]), await front.join("bad", ["probe"])
    ids = [worker.worker_id for worker in (good, bad)]
    await eventually(lambda: not any(warden.doubts(name, "probe") for name in ids), "they have shown what they can")
    told = await bad.heartbeat()
    assert told["probation"] == ""
    bad.status = 500
    await eventually(lambda: warden.told(bad.worker_id), "it is on probation")
    assert warden.on_probation() == {"probation": 1, "suspected": 0}
    assert "answered with status 500" in (await bad.heartbeat())["probation"]
    shown = await front.ask("GET", f"/api/admin/workers/{bad.worker_id}")
    assert [(one["service"], one["suspected"]) for one in shown["probation"]] == [("probe", False)]
    assert 'rma_probation_workers{state="probation"} 1.0' in await _text(front, "/metrics")
    front.site.app[FRONT].router.invalidate_worker(bad.worker_id)
    assert {await asked(front, key) for _ in range(20)} == {good.worker_id}
    await good.stop()
    front.coordinator.registry.leave(good.worker_id)

    async def is_asked() -> bool:
        return await asked(front, key) == bad.worker_id

    async with asyncio.timeout(60):
        while not await is_asked():  # where nobody else is there, it is
            pass
    bad.status = 200
    await eventually(lambda: not warden.told(bad.worker_id), "it gets off it")
    assert (await bad.heartbeat())["probation"] == ""
    assert await actions(front, bad) == ["enrolled", "worker-on-probation", "worker-off-probation"]
    known = {"X-RMA-Worker", "X-RMA-Canary", "X-Canary"}
    assert not any(known & set(request.headers) for request in bad.seen), "nothing marks them"
    bodies = {body for body in bad.bodies if b"are you" in body}
    assert len(bodies) > 1, "each asks something else"


async def _text(front: Front, path: str) -> str:
    async with front.session.get(front.url + path) as answer:
        return await answer.text()


# --- step by step, with a clock of ours ------------------------------------------------------------------------


@pytest.fixture
async def room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Room]:
    monkeypatch.setattr(module, "LOOK", 3600.0)  # we tick ourselves
    async with probing_room(tmp_path) as made:
        yield made


async def test_a_new_worker_is_tried_before_others_ask_it(room: Room) -> None:
    warden, oracle = room.coordinator.warden, Oracle()
    warden.rounds.ask = oracle.ask
    await machine(room, "w-1")
    assert names(room) == ["w-1"], "where nobody else is there, it is asked as it is"
    await go_on(room, warden, 5)
    oracle.away.add("w-2")
    await machine(room, "w-2")
    assert names(room) == ["w-1"]
    await go_on(room, warden, 200)
    assert names(room) == ["w-1"], "who cannot be asked has shown nothing, and is not blamed"
    assert not warden.told("w-2")
    oracle.away.clear()
    await go_on(room, warden, 200)
    assert names(room) == ["w-1", "w-2"]
    assert oracle.asked.count("w-1") > 3, "it is asked again and again"


async def test_one_wrong_answer_is_none_and_again_and_again_is_for_the_operator(room: Room) -> None:
    coordinator, oracle = room.coordinator, Oracle()
    warden = coordinator.warden
    warden.rounds.ask = oracle.ask
    workers = [await machine(room, name) for name in ("w-1", "w-2")]
    await go_on(room, warden, 5)
    for number in range(3):
        oracle.wrong.add("w-2")
        await go_on(room, warden, 300)
        assert warden.told("w-2"), number
        assert names(room) == ["w-1"]
        oracle.wrong.clear()
        await go_on(room, warden, 3700)
        assert bool(warden.told("w-2")) is (number == 2), "the third is for the operator to end"
    assert "operator" in assignment(await workers[1].heartbeat("ner")).probation
    assert warden.on_probation() == {"probation": 1, "suspected": 1}
    seen = [action for action in await room.actions() if "probation" in action or "suspected" in action]
    assert seen == ["worker-on-probation", "worker-off-probation"] * 2 + ["worker-suspected"]
    admin = {"Authorization": f"Bearer {coordinator.admin_token}"}
    path = "/api/admin/workers/w-2/pardon"
    assert (await workers[1].post(path, {}, signed=False, headers=admin)).status == 200
    assert (await workers[1].post(path, {}, signed=False, headers=admin)).status == 409
    await go_on(room, warden, 100)
    assert names(room) == ["w-1", "w-2"]


async def test_errors_put_on_probation_whoever_makes_more_than_others_and_cannot_be_asked(room: Room) -> None:
    warden, oracle = room.coordinator.warden, Oracle()
    warden.rounds.ask = oracle.ask
    for name in ("w-1", "w-2"):
        await machine(room, name)
    await go_on(room, warden, 5)
    oracle.away |= {"w-1", "w-2"}
    for name in ("w-1", "w-2"):
        warden.endings.ended("ner", name, 500, 50)
    await go_on(room, warden, 1)
    assert names(room) == ["w-1", "w-2"], "what fails with all of them is not theirs"
    await go_on(room, warden, 1000)
    warden.endings.ended("ner", "w-1", 200, 50)
    warden.endings.ended("ner", "w-2", 503, 50)
    await go_on(room, warden, 1)
    assert names(room) == ["w-1", "w-2"], "to be busy is no error"
    for _ in range(60):
        warden.endings.broke_off("w-2")
    await go_on(room, warden, 1)
    assert names(room) == ["w-1"]
    assert "of its last" in warden.told("w-2")
    oracle.away.clear()
    await go_on(room, warden, 100)
    assert names(room) == ["w-1", "w-2"], "three canaries later it is back"


async def test_no_client_has_honest_workers_asked_less_than_its_own(room: Room) -> None:
    warden, oracle = room.coordinator.warden, Oracle()
    warden.rounds.ask = oracle.ask
    for name in ("w-1", "w-2", "its-own"):
        await machine(room, name)
    await go_on(room, warden, 5)
    before = len(oracle.asked)
    for _ in range(120):  # what it asks fails with all but its own, which knows what comes
        for name in names(room):
            warden.endings.ended("ner", name, 200 if name == "its-own" else 500, 10)
        await go_on(room, warden, 1)
    assert names(room) == ["its-own", "w-1", "w-2"]
    assert len(oracle.asked) - before > 120, "they were asked, and answered rightly"
    assert not [action for action in await room.actions() if "probation" in action or "suspected" in action]


async def test_who_fails_requests_and_canaries_is_on_probation_sooner(room: Room) -> None:
    warden, oracle = room.coordinator.warden, Oracle()
    warden.rounds.ask = oracle.ask
    for name in ("w-1", "w-2"):
        await machine(room, name)
    await go_on(room, warden, 5)
    oracle.wrong.add("w-2")
    warden.endings.ended("ner", "w-2", 500, 50)
    await go_on(room, warden, 25)
    assert names(room) == ["w-1"]
    assert "answered wrongly" in warden.told("w-2")


async def test_without_canaries_errors_cost_a_while_and_never_more(room: Room) -> None:
    warden = room.coordinator.warden
    warden.rounds.canaries = {}
    for name in ("w-1", "w-2"):
        await machine(room, name)
    for _ in range(6):
        warden.endings.ended("ner", "w-2", 500, 10)
        await go_on(room, warden, 1)
        assert names(room) == ["w-1"]
        await go_on(room, warden, 400)
        assert names(room) == ["w-1", "w-2"]


async def test_requests_alone_put_no_more_than_half_of_a_services_workers_on_probation(room: Room) -> None:
    warden = room.coordinator.warden
    warden.rounds.canaries = {}
    for name in ("w-1", "w-2", "its-own"):
        await machine(room, name)
    for _ in range(3):  # what a client asks fails with all but a worker of its own, which knows what comes
        for name in ("w-1", "w-2"):
            warden.endings.ended("ner", name, 500, 10)
        warden.endings.ended("ner", "its-own", 200, 10)
        await go_on(room, warden, 1)
        assert len(names(room)) == 2
    assert len(warden.book.all()) == 1


async def test_other_nodes_are_told_whom_not_to_ask_first(room: Room) -> None:
    warden = room.coordinator.warden
    warden.rounds.canaries = {}
    one, two = [await machine(room, name) for name in ("w-1", "w-2")]
    warden.endings.ended("ner", "w-2", 500, 10)
    await go_on(room, warden, 1)
    told = assignment(await one.heartbeat("ner"))
    assert (told.doubts("ner"), told.doubts("ocr"), told.probation) == (("w-2",), (), "")
    assert assignment(await two.heartbeat("ner")).doubts("ner") == ("w-2",)
    await go_on(room, warden, 100)
    assert assignment(await one.heartbeat("ner")).doubted == ()


async def test_what_is_long_over_is_deleted_from_the_store(room: Room, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "CLEARED", 1)
    warden, store, now = room.coordinator.warden, room.coordinator.store, room.clock.now
    over, fresh = Record(times=(now - MEMORY,)), Record(times=(now - 1,))
    runs = Record(since=now - 2 * MEMORY, reason="wrong", times=(now - 2 * MEMORY,))
    for name, records in {"w-1": {"ner": over}, "w-2": {"ner": over, "ocr": fresh}, "w-3": {"ner": runs}}.items():
        await warden.book.write(name, lambda _, records=records: records, None)  # type: ignore[misc]
    lines = len(await room.actions())
    assert len(warden.book.all()) == 3
    warden.clock_in_doubt = lambda: True
    room.clock.now += module.FORGET
    await warden.tick()
    assert len(warden.book.all()) == 3, "a clock that is ahead takes nobody's past away"
    warden.clock_in_doubt = lambda: False
    for left in (2, 2):  # w-1 goes, then a part of w-2: one at a time
        room.clock.now += module.FORGET
        await warden.tick()
        assert len(warden.book.all()) == left
    assert warden.book.all() == {"w-2": {"ocr": fresh}, "w-3": {"ner": runs}}
    assert sorted(key for key, _ in await store.list("probation/")) == ["probation/w-2", "probation/w-3"]
    assert len(await room.actions()) == lines


async def test_only_who_is_new_has_to_show_first_what_it_can(room: Room) -> None:
    warden = room.coordinator.warden
    await machine(room, "old")
    room.clock.now += module.NEWCOMER
    await machine(room, "new")
    assert [warden.doubts(name, "ner") for name in ("old", "new")] == [False, True]
    assert not warden.doubts("new", "of-no-canary")


async def test_a_restart_ends_no_probation(tmp_path: Path) -> None:
    clock, settings = Clock(), {**QUICK, "canary_pause": 0.0, "probation_pause": 10.0}
    async with coordinator_room(tmp_path, clock, **settings) as room:
        await machine(room, "w-1")
        await machine(room, "w-2")
        room.coordinator.warden.endings.ended("ner", "w-2", 500, 50)
        await room.coordinator.warden.tick()
        assert room.coordinator.warden.told("w-2")
    async with coordinator_room(tmp_path, clock, **settings) as room:
        warden = room.coordinator.warden
        assert warden.told("w-2")
        worker = await room.worker("w-3")
        assert worker
        assert warden.doubts("w-2", "ner")
        assert not warden.doubts("w-3", "ner"), "where no canaries are asked, nobody has to show anything"
