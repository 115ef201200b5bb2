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
    await local.run((DOCUMENTS,))
    local.close()
    local.in_flight = lambda _services: 1
    assert not await local.drained()
    asked: list[object] = []
    local.in_flight = lambda services: asked.append(services) or 1  # type: ignore[func-returns-value]  # None, or 1
    await local.run(())
    assert supervisor.target(NAME) is None
    assert asked == [], "it is not given the time a second time"
    local.in_flight = lambda _services: 0
    assert await local.drained()


async def test_while_a_closed_machine_ends_its_requests_nothing_else_stops_its_services(
    supervisor: ServiceSupervisor,
) -> None:
    local = LocalServices(supervisor, drain_deadline=60)
    in_flight = 1
    local.in_flight = lambda services: in_flight if NAME in services else 0
    await local.run((DOCUMENTS,))
    await until(lambda: local.target(NAME))
    local.close()
    draining = asyncio.get_running_loop().create_task(local.drained())
    told = asyncio.get_running_loop().create_task(local.run(()))  # as when a coordinator answers meanwhile
    done, _ = await asyncio.wait([told], timeout=0.3)
    assert not done
    assert supervisor.target(NAME) is not None, "it still answers"
    in_flight = 0
    await asyncio.gather(draining, told)
    await until(lambda: supervisor.target(NAME) is None)


async def test_a_service_that_is_wanted_again_while_it_ends_its_requests_goes_on(
    supervisor: ServiceSupervisor,
) -> None:
    local = LocalServices(supervisor, drain_deadline=60)
    await local.run((DOCUMENTS,))
    await until(lambda: local.target(NAME))
    target = supervisor.target(NAME)
    local.in_flight = lambda services: 1 if NAME in services else 0
    leaving = asyncio.get_running_loop().create_task(local.run(()))
    await until(lambda: local.target(NAME) is None)
    await local.run((DOCUMENTS,))
    await leaving
    assert local.target(NAME) == target, "the same process, which was never stopped"


async def test_a_closed_machine_offers_nothing_until_it_runs_services_again(supervisor: ServiceSupervisor) -> None:
    local = LocalServices(supervisor, drain_deadline=1)
    await local.run((DOCUMENTS,))
    await until(lambda: local.target(NAME))
    local.close()
    assert local.target(NAME) is None
    await local.run((DOCUMENTS,))
    assert local.target(NAME) is not None, "it was never stopped"
