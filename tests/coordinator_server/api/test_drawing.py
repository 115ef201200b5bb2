"""What is drawn of workers, coordinators and services: of ours as we know them, of others' as they tell."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from coordinator_server.api.drawing import draw_coordinators, draw_link, draw_services, draw_worker
from coordinator_server.api.tally import Tally
from coordinator_server.registry.plans import Shortage
from coordinator_server.store.sqlite import open_sqlite
from tests.support.pictures import OTHER, OWN, Sight, live, takes_part
from tests.support.registries import RegistryMesh


@pytest.fixture
async def sight(tmp_path: Path) -> AsyncIterator[Sight]:
    store = await open_sqlite(tmp_path / "x.db")
    mesh = await RegistryMesh(store).open()
    await mesh.enrol("ours", "far")
    yield Sight(mesh)
    await store.close()


async def test_a_worker_is_as_who_it_talks_to_knows_it(sight: Sight) -> None:
    sight.mesh.join("ours")
    sight.mesh.beat("ours", "ner", load=0.12345, in_flight=2)
    sight.tell(live("ours", load=0.9), live("far", running=("ner",), load=0.5, route="vpn"), live("x", "run-1"))
    assert draw_worker(sight.coordinator, "far") is None, "alone we know of nobody else"
    sight.together(True)
    ours, far = draw_worker(sight.coordinator, "ours"), draw_worker(sight.coordinator, "far")
    assert ours is not None
    assert far is not None
    assert (ours.coordinator, ours.load, ours.in_flight, ours.services) == (OWN, 0.123, 2, ("ner",))
    assert ours.last_seen == round(sight.mesh.clock.now, 1)
    assert (far.coordinator, far.load, far.status, far.last_seen) == (OTHER, 0.5, "active", 0.0)
    assert (draw_link(far).source, draw_link(far).target, draw_link(far).route) == (OTHER, "far", "vpn")
    assert draw_worker(sight.coordinator, "x") is None, "it has just left us"
    await sight.mesh.workers.drain("far")
    far = draw_worker(sight.coordinator, "far")
    assert far is not None
    assert far.status == "draining"
    sight.tell(live("far", stale=True))
    far = draw_worker(sight.coordinator, "far")
    assert far is not None
    assert far.status == "stale"


async def test_a_coordinator_that_does_not_tell_of_its_workers_is_as_it_said_last(sight: Sight) -> None:
    tally = Tally()

    def shown() -> list[tuple[str, int, str]]:
        return [(one.id, one.workers, one.status) for one in draw_coordinators(sight.coordinator, tally)]

    assert shown() == [(OWN, 0, "starting")]
    sight.readiness.ready = True
    sight.other(here=True, workers=7)
    assert shown() == [(OWN, 0, "active"), (OTHER, 7, "active")]
    sight.together(True)
    sight.tell(takes_part("run-2"), live("far"))
    tally.change(None, draw_worker(sight.coordinator, "far"))
    assert shown() == [(OWN, 0, "active"), (OTHER, 1, "active")]
    sight.tell(takes_part("run-2", yes=False))
    sight.other(here=False)
    sight.readiness.draining = True
    assert shown() == [(OWN, 0, "draining"), (OTHER, 1, "stale")]


async def test_a_service_that_lacks_workers_says_why(sight: Sight) -> None:
    tally = Tally()
    sight.plans.found = (Shortage("ner", 2, 0, "No worker is registered."),)
    reasons = {one.name: one.reason for one in draw_services(sight.coordinator, tally)}
    assert reasons["ner"] == "No worker is registered."
    assert "not started it yet" in reasons["notes"]
    sight.plans.found = (Shortage("ner", 2, 1, "More have to join."),)
    reasons = {one.name: one.reason for one in draw_services(sight.coordinator, tally)}
    assert reasons["ner"] == "1 machine was given it and does not run it yet. More have to join."
    for name in ("ours", "far"):
        sight.mesh.join(name)
        sight.mesh.beat(name, "ner")
        tally.change(None, draw_worker(sight.coordinator, name))
    ner = next(one for one in draw_services(sight.coordinator, tally) if one.name == "ner")
    assert (ner.healthy, ner.workers, ner.reason) == (2, ("far", "ours"), "")
