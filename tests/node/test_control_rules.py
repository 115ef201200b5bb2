"""The rules over the control API: read, replaced, changed, refused with the field's path; and pauses."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import msgspec
import pytest

from node.config import NodeConfig
from node.control_file import ControlFile
from node.control_rules import merged
from node.rules.kept import RulesFile
from node.rules.settings import Rules
from node.runtime import NodeRuntime
from node.state import NodeState, View
from node.wire.problems import Problem
from tests.support.rules import PlayedSensors
from tests.support.waiting import eventually

CONFIG = NodeConfig(port=0, dht_port=0, keyring=False, vpn="off")


class Room:
    """A running node, what its sensors tell, and a program that steers it."""

    def __init__(self, node: NodeRuntime, sensors: PlayedSensors, control: aiohttp.ClientSession) -> None:
        self.node = node
        self.sensors = sensors
        self.control = control

    async def ask(self, method: str, path: str, document: Any = None) -> tuple[int, Any]:
        data = None if document is None else msgspec.json.encode(document)
        async with self.control.request(method, path, data=data) as answer:
            return answer.status, msgspec.json.decode(await answer.read())

    async def state(self) -> NodeState:
        async with self.control.get("/view") as answer:
            return msgspec.json.decode(await answer.read(), type=View).state


@pytest.fixture
async def room(tmp_path: Path) -> AsyncIterator[Room]:
    sensors = PlayedSensors()
    node = NodeRuntime(CONFIG, tmp_path, make_sensors=lambda _woke_up: sensors)
    await node.start()
    file = msgspec.json.decode((tmp_path / "control.json").read_bytes(), type=ControlFile)
    async with aiohttp.ClientSession(file.url, headers={"Authorization": f"Bearer {file.token}"}) as control:
        yield Room(node, sensors, control)
    await node.stop()
    assert sensors.closed


async def test_rules_are_read_changed_in_part_and_replaced_whole(room: Room, tmp_path: Path) -> None:
    assert await room.ask("GET", "/rules") == (200, msgspec.json.decode(msgspec.json.encode(Rules())))
    status, found = await room.ask("PATCH", "/rules", {"metered": False, "caps": {"cpu_percent": 50}})
    assert (status, found["metered"], found["caps"]["cpu_percent"]) == (200, False, 50)
    assert found["caps"]["ram_bytes"] is None
    status, found = await room.ask("PATCH", "/rules", {"exclusive_programs": ["game"], "gpu_max_celsius": None})
    assert (status, found["metered"], found["gpu_max_celsius"]) == (200, False, None)
    wanted = msgspec.convert(found, type=Rules)
    assert RulesFile(tmp_path).load() == wanted
    assert (await room.state()).rules == wanted
    status, found = await room.ask("PUT", "/rules", {"on_battery": False})
    assert (status, msgspec.convert(found, type=Rules)) == (200, Rules(on_battery=False))


async def test_of_many_changes_at_once_none_is_lost(room: Room) -> None:
    changes = [{"metered": False}, {"on_battery": False}, {"grace_seconds": 1}, {"caps": {"cpu_percent": 7}}]
    changes += [{"caps": {"ram_bytes": 8}}, {"schedule": {"enabled": True}}]
    await asyncio.gather(*(room.ask("PATCH", "/rules", one) for one in changes))
    found = room.node.state.rules
    assert (found.metered, found.on_battery, found.grace_seconds) == (False, False, 1)
    assert (found.caps.cpu_percent, found.caps.ram_bytes, found.schedule.enabled) == (7, 8, True)


@pytest.mark.parametrize(
    ("method", "path", "document", "field"),
    [
        ("PUT", "/rules", {"gpu_max_celsius": 20}, "gpu_max_celsius"),
        ("PUT", "/rules", {"schedule": {"days": [[[0, 1441]], [], [], [], [], [], []]}}, "schedule.days[0][0][1]"),
        ("PUT", "/rules", None, "body"),
        ("PUT", "/rules", [], "body"),
        ("PATCH", "/rules", {"caps": {"cpu_percent": 0}}, "caps.cpu_percent"),
        ("PATCH", "/rules", {"caps": {"cpu": 5}}, "caps.cpu"),
        ("PATCH", "/rules", {"caps": None}, "caps"),
        ("PATCH", "/rules", {"gpu_max_celcius": 80}, "gpu_max_celcius"),
        ("POST", "/pause", {"scope": "none"}, "scope"),
        ("POST", "/snooze", {}, "body"),
        ("POST", "/snooze", {"seconds": 5, "until": "tomorrow"}, "body"),
        ("POST", "/snooze", {"until": "never"}, "until"),
    ],
)
async def test_what_makes_no_sense_is_refused_with_its_field(
    room: Room, method: str, path: str, document: Any, field: str
) -> None:
    status, problem = await room.ask(method, path, document)
    assert (status, problem["field"]) == (422, field)
    assert room.node.state.rules == Rules()
    assert room.node.state.rest == "none"


async def test_what_cannot_be_saved_does_not_hold(room: Room, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_file: RulesFile, _rules: Rules) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(RulesFile, "save", full)
    status, problem = await room.ask("PATCH", "/rules", {"metered": False})
    assert (status, problem["type"].rpartition("/")[2]) == (503, "store-unavailable")
    assert "No space left" in problem["detail"]
    assert room.node.state.rules.metered


async def test_a_pause_may_be_of_what_uses_the_gpu_only(room: Room) -> None:
    assert (await room.ask("POST", "/pause", {"scope": "gpu"}))[0] == 202
    state = await room.state()
    assert (state.rest, state.verdict.rest, state.phase) == ("gpu", "gpu", "unenrolled")
    assert "GPU" in state.verdict.reasons[0].text
    assert (await room.ask("POST", "/snooze", {"until": "tomorrow"}))[0] == 202
    state = await room.state()
    assert [reason.scope for reason in state.verdict.reasons] == ["all", "gpu"]
    assert state.snoozed_until is not None
    assert 3600 < state.snoozed_until - time.time() < 28 * 3600
    assert (await room.ask("POST", "/resume"))[0] == 202
    assert (await room.state()).rest == "none"


async def test_a_snooze_of_the_gpu_ends_by_itself(room: Room) -> None:
    room.node.desk.pause(0.3, "gpu")
    assert room.node.state.rest == "gpu"
    await eventually(lambda: room.node.state.rest == "none", "the end of the snooze")


async def test_a_rule_that_holds_is_told_with_its_reason_and_end(room: Room) -> None:
    await room.ask("PATCH", "/rules", {"grace_seconds": 0, "resume_after_seconds": 0})
    room.sensors.tell(on_battery=True)
    await room.node.rules.look()
    state = await room.state()
    assert state.verdict.rest == "all"
    (reason,) = [reason for reason in state.reasons if reason.code == "on-battery"]
    assert "as soon as it is plugged in" in reason.text
    room.sensors.tell(on_battery=None)
    await room.node.rules.look()
    state = await room.state()
    assert state.verdict.rest == "none"
    assert [one.code for one in state.verdict.untold] == ["on-battery"]


def test_a_name_that_no_rule_has_is_refused_wherever_it_stands() -> None:
    with pytest.raises(Problem) as caught:
        merged({"a": {"b": 1}}, {"a": {"c": 2}})
    assert caught.value.extra == {"field": "a.c"}
    assert merged({"a": {"b": 1, "c": 2}, "d": 3}, {"a": {"b": 4}}) == {"a": {"b": 4, "c": 2}, "d": 3}
