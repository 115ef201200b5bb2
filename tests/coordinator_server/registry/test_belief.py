"""What is believed of a worker's own words."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import pytest

from coordinator_server.enrolment.workers import Enrolment
from coordinator_server.registry.belief import may_run
from coordinator_server.store.sqlite import open_sqlite
from node.wire.messages import HeartbeatRequest, ServiceReport
from tests.support.coordinators import CATALOGUE
from tests.support.registries import RegistryMesh

SOMEBODY = Enrolment(
    worker_id="w", name="w", identity_public_key="key", invite_id="i", trust="volunteer", enrolled_at=0.0
)


@pytest.mark.parametrize(
    ("changes", "believed"),
    [
        ({}, {"ner"}),
        ({"trust": "vetted"}, {"ner", "notes"}),
        ({"trust": "vetted", "services": ("notes",)}, {"notes"}),
        ({"services": ("notes",)}, set()),
        ({"trust": "vetted", "pending": True}, set()),
    ],
)
def test_what_a_worker_may_run(changes: dict[str, object], believed: set[str]) -> None:
    enrolment, manifests = msgspec.structs.replace(SOMEBODY, **changes), CATALOGUE.by_name()
    assert {name for name in ("ner", "notes", "unheard-of") if may_run(enrolment, manifests.get(name))} == believed
    assert not may_run(None, manifests["ner"])


@pytest.fixture
async def mesh(tmp_path: Path) -> AsyncIterator[RegistryMesh]:
    store = await open_sqlite(tmp_path / "x.db")
    yield await RegistryMesh(store).open()
    await store.close()


async def test_a_worker_is_believed_only_of_services_that_it_may_run(mesh: RegistryMesh) -> None:
    await mesh.enrol("curious")
    mesh.join("curious")
    mesh.beat("curious", "ner", "notes", "unheard-of")
    assert (await mesh.offered("ner"), await mesh.offered("notes")) == ({"curious"}, set())
    assert not list(mesh.registry.peers("notes", "somebody"))
    await mesh.workers.approve("curious")
    mesh.beat("curious", "ner", "notes")
    assert await mesh.offered("notes") == {"curious"}


async def test_of_other_relays_a_worker_is_believed_and_of_ours_we_know_better(mesh: RegistryMesh) -> None:
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
