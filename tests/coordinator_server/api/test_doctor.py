"""The doctor: finds what works, names what does not, and says what to do."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.front import Front, running_front


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
