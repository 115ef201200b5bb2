"""Local services end their requests before they stop: a real supervisor, a real service process."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from node.local_services import LocalServices
from node.services.supervisor import ServiceSupervisor
from node.wire.manifests import load_catalogue
from tests.support.shipped import MANIFESTS

DOCUMENTS = load_catalogue([MANIFESTS]).by_name()["document-processing"]
NAME = DOCUMENTS.name


async def until(condition: Callable[[], object], seconds: float = 90) -> None:
    async with asyncio.timeout(seconds):
        while not condition():  # noqa: ASYNC110 - it waits on state
            await asyncio.sleep(0.02)


@pytest.fixture
async def supervisor(tmp_path: Path) -> AsyncIterator[ServiceSupervisor]:
    supervisor = ServiceSupervisor(
        data_dir=tmp_path,
        node_url=lambda: "",
        local_token=lambda _service: "token",
        on_change=lambda _reports: None,
    )
    yield supervisor
    await supervisor.stop()


async def test_a_service_that_must_go_first_ends_its_requests(supervisor: ServiceSupervisor) -> None:
    local = LocalServices(supervisor, drain_deadline=30)
    in_flight = 1
    local.in_flight = lambda services: in_flight if NAME in services else 0
    await local.run((DOCUMENTS,))
    await until(lambda: local.target(NAME))
    leaving = asyncio.get_running_loop().create_task(local.run(()))
    await until(lambda: local.target(NAME) is None)
    assert supervisor.target(NAME) is not None, "it still answers what it was given"
    assert not leaving.done()
    in_flight = 0
    await leaving
    await until(lambda: supervisor.target(NAME) is None)


async def test_the_deadline_ends_what_never_ends(supervisor: ServiceSupervisor) -> None:
    local = LocalServices(supervisor, drain_deadline=0.1)
    local.in_flight = lambda _services: 1
    assert not await local.drained()
    local.in_flight = lambda _services: 0
    assert await local.drained()


async def test_a_closed_machine_offers_nothing_until_it_runs_services_again(supervisor: ServiceSupervisor) -> None:
    local = LocalServices(supervisor, drain_deadline=1)
    await local.run((DOCUMENTS,))
    await until(lambda: local.target(NAME))
    local.close()
    assert local.target(NAME) is None
    await local.run((DOCUMENTS,))
    assert local.target(NAME) is not None, "it was never stopped"
