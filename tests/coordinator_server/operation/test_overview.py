"""The mesh at a glance: who assigns, what runs and how, who needs a look first, and what to do."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from coordinator_server.api.shapes import Topology, TopologyCoordinator
from coordinator_server.front import FRONT
from coordinator_server.operation.machine import Condition
from coordinator_server.operation.overview import ServiceLine, _overlay_warnings, _service_warnings, silence
from coordinator_server.vpn.station import Standing
from tests.support.front import Front, running_front
from tests.support.waiting import eventually


@pytest_asyncio.fixture
async def front(tmp_path: Path) -> AsyncIterator[Front]:
    async with running_front(tmp_path) as front:
        yield front


async def overview(front: Front, query: str = "") -> Any:
    return await front.ask("GET", f"/api/admin/overview{query}")


async def test_an_empty_mesh_says_what_to_do(front: Front) -> None:
    await eventually(lambda: front.coordinator.together.leads, "it assigns")
    found = await overview(front)
    (own,) = found["coordinators"]
    assert (own["id"], own["url"], own["assigns"]) == (front.coordinator.coordinator_id, front.url, True)
    assert own["version"] == found["version"]
    assert found["counts"] == {"pending": 0, "expected": 0, "offline": 0, "enrolled": 0}
    assert found["workers"] == []
    assert any("Nobody runs" in one["text"] and "echo" in one["text"] and one["hint"] for one in found["warnings"])


async def test_who_needs_a_look_comes_first_and_the_rest_is_counted(front: Front) -> None:
    for name in ("busy", "calm", "resting"):
        await front.join(name)
    busy, calm, resting = (worker.worker_id for worker in front.workers)
    front.coordinator.registry.update_load(busy, 0.5)
    await front.ask("POST", f"/api/admin/workers/{resting}/drain")
    found = await overview(front)
    assert [(one["worker_id"], one["status"]) for one in found["workers"]] == [
        (resting, "draining"), (busy, "active"), (calm, "active"),
    ]  # fmt: skip
    assert found["counts"] == {
        "active": 2, "draining": 1, "pending": 0, "expected": 0, "offline": 0, "enrolled": 3,
    }  # fmt: skip
    (only,) = (await overview(front, "?workers=1"))["workers"]
    assert only["worker_id"] == resting
    assert (await overview(front, "?workers=0"))["workers"] == []
    for wrong in ("501", "-1", "many"):
        await front.ask("GET", f"/api/admin/overview?workers={wrong}", status=422)


async def test_requests_show_as_rate_slowness_and_failures(front: Front) -> None:
    await front.join("alpha")
    key = await front.key()
    await front.site.app[FRONT].traffic.sample()
    for _ in range(3):
        async with front.session.post(front.url + "/service/echo", data=b"x", headers=key) as answer:
            assert answer.status == 200
    (echo,) = [one for one in (await overview(front))["services"] if one["name"] == "echo"]
    assert (echo["wanted"], echo["running"], echo["queue"], echo["error_share"]) == (1, 1, 0, 0.0)
    assert echo["requests_per_second"] > 0
    assert echo["p95_ms"] > 0


async def test_who_is_expected_back_from_a_coordinator_that_died_is_not_offline(front: Front) -> None:
    for name in ("here", "back", "gone"):
        await front.join(name)
    _, back, gone = (worker.worker_id for worker in front.workers)
    own = front.coordinator
    for worker_id in (back, gone):
        own.registry.hand_over(worker_id)
    own.together.roster.expect([back], time.monotonic())
    counts = (await overview(front))["counts"]
    assert (counts["active"], counts["expected"], counts["offline"]) == (1, 1, 1)


async def test_a_coordinator_that_says_nothing_is_told_of_with_the_seconds(
    front: Front, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = front.coordinator
    silent = 25.0
    topology = Topology(
        coordinator=own.coordinator_id,
        version="1",
        sequence=1,
        timestamp=0.0,
        coordinators=(
            TopologyCoordinator(id=own.coordinator_id, url=front.url),
            TopologyCoordinator(id="dead", url="http://dead", status="stale"),
            TopologyCoordinator(id="late", url="http://late"),
        ),
    )
    monkeypatch.setattr(own.fleet, "unheard", lambda _: silent)
    own.conditions.now = ()
    assert [one.text for one in silence(own, topology)] == [
        "The coordinator dead (http://dead) has ended without a word, or hangs: not heard of for 25 s."
    ]
    silent = 31.0
    _, late = silence(own, topology)
    assert late.text.startswith("The coordinator late (http://late) is not heard of for 31 s")
    assert "20 s" in late.hint
    own.conditions.now = (Condition("store", "It takes no writes.", ""),)
    assert len(list(silence(own, topology))) == 1, "without the store nobody can be heard of"


async def test_what_is_wrong_with_the_machine_is_told(front: Front) -> None:
    front.coordinator.conditions.now = (Condition("disk", "The disk is nearly full.", "Make room."),)
    assert {"text": "The disk is nearly full.", "hint": "Make room."} in (await overview(front))["warnings"]


def test_a_private_network_that_is_elsewhere_or_nowhere_is_told() -> None:
    up = Standing(phase="up", text="Fine.", up=True, port=4242)
    assert list(_overlay_warnings(up, 4242)) == []
    (moved,) = _overlay_warnings(dataclasses.replace(up, port=4243), 4242)
    assert "has UDP port 4242, so the private network uses 4243" in moved.text
    lacking = Standing(phase="no-permission", text="It may not.", hint="Let it.")
    assert [(one.text, one.hint) for one in _overlay_warnings(lacking, 4242)] == [("It may not.", "Let it.")]
    assert list(_overlay_warnings(Standing(phase="off", text="Off.", hint="x"), 4242)) == []


def line(name: str = "ocr", **more: Any) -> ServiceLine:
    usual = {"queue": 0, "requests_per_second": 1.0, "error_share": 0.0, "p95_ms": None}
    return ServiceLine(name=name, **{"wanted": 2, "running": 2, **usual, **more})


def test_services_that_fail_or_wait_are_warned_of() -> None:
    assert list(_service_warnings([line()])) == []
    found = _service_warnings([line(error_share=0.6667, requests=3), line(queue=3)])
    assert [one.text for one in found] == [
        "2 of 3 requests to ocr failed in the last minute.",
        "3 requests wait for ocr: too few workers run it.",
    ]


def test_services_that_nobody_runs_for_one_reason_are_one_warning() -> None:
    idle = [line(name, running=0, reason="No GPU.") for name in ("ocr", "llm")]
    notes = line("notes", running=0, reason="Nobody is vetted.")
    found = list(_service_warnings([*idle, notes], "Look.", {"notes"}))
    assert [one.text for one in found] == ["Nobody runs ocr, llm. No GPU.", "Nobody runs notes. Nobody is vetted."]
    assert found[0].hint == "Look."
    assert "worker approve ID" in found[1].hint
