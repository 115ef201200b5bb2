"""Changes of rules are gathered, sent, shown until they are answered, told when refused, and undone."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

import msgspec
import pytest

from app.intents import NodeRefused, NodeUnreachable
from app.node_model import NodeModel
from app.rules_model import RulesModel, merged, parts_of
from node.control_rules import merged as merged_by_the_node
from node.rules.settings import Caps, Rules
from tests.support import samples
from tests.support.waiting import eventually

HOUR_MS = 3_600_000  # a slow machine shall not lose the way back


class Desk:
    """Does with rules what a node does; may be held up, and may refuse."""

    def __init__(self) -> None:
        self.rules = Rules()
        self.asked: list[tuple[str, Mapping[str, Any]]] = []
        self.error: Exception | None = None
        self.go_on = asyncio.Event()
        self.go_on.set()

    async def ask(self, method: str, path: str, body: object) -> bytes:
        assert path == "/rules"
        assert isinstance(body, dict)
        self.asked.append((method, body))
        await self.go_on.wait()
        if self.error is not None:
            raise self.error
        before = msgspec.to_builtins(self.rules if method == "PATCH" else Rules())
        self.rules = msgspec.convert(merged_by_the_node(before, body), Rules)
        return msgspec.json.encode(self.rules)


@pytest.fixture
def desk() -> Desk:
    return Desk()


@pytest.fixture
def rules(model: NodeModel, desk: Desk) -> RulesModel:
    model.view_arrived(samples.view(samples.ONLINE))
    model.rules.connect_to(desk)
    model.rules._forgetting.setInterval(HOUR_MS)
    return model.rules


def shown(model: NodeModel) -> Rules:
    assert model.picture.state is not None
    return model.rules.over(model.picture.state.rules)


async def test_a_number_that_is_spun_up_is_sent_once(model: NodeModel, rules: RulesModel, desk: Desk) -> None:
    for minutes in range(4, 10):
        rules.change("minutes", {"user_active_minutes": minutes})
        assert shown(model).user_active_minutes == minutes, "at once, before anybody has answered"
    await eventually(lambda: desk.rules.user_active_minutes == 9, "the change")
    assert desk.asked == [("PATCH", {"user_active_minutes": 9})]
    await eventually(lambda: model.picture.state and model.picture.state.rules == desk.rules, "the answer")
    assert shown(model) == desk.rules
    rules.undo()
    await eventually(lambda: desk.rules == Rules(), "back to what was before the first of them")
    assert rules.undoable is None
    await model.stop()


async def test_changes_in_different_parts_go_together(rules: RulesModel, model: NodeModel, desk: Desk) -> None:
    rules.change("ram", {"caps": {"ram_bytes": 5}})
    rules.change("cpu", {"caps": {"cpu_percent": None}})
    await eventually(lambda: desk.rules.caps == Caps(cpu_percent=None, ram_bytes=5), "both")
    assert len(desk.asked) == 1
    rules.undo()
    await eventually(lambda: desk.rules.caps == Caps(ram_bytes=5), "the last of them")
    await model.stop()


async def test_what_is_changed_meanwhile_is_sent_later(rules: RulesModel, model: NodeModel, desk: Desk) -> None:
    desk.go_on.clear()
    rules.change("metered", {"metered": False})
    await eventually(lambda: desk.asked, "the first")
    rules.change("battery", {"on_battery": False})
    assert (shown(model).metered, shown(model).on_battery) == (False, False)
    desk.go_on.set()
    await eventually(lambda: not desk.rules.on_battery, "the second")
    assert [body for _, body in desk.asked] == [{"metered": False}, {"on_battery": False}]
    assert not desk.rules.metered
    await model.stop()


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (NodeRefused("store-unavailable", "The disk is full, so those from before hold."), "The disk is full"),
        (NodeRefused("invalid-body", "caps.cpu_percent: Expected `int` <= 100"), "caps.cpu_percent: Expected"),
        (NodeUnreachable(), "does not answer"),
        (RuntimeError("?"), "did not expect"),
    ],
)
async def test_a_refusal_says_why_and_the_old_value_is_shown(
    rules: RulesModel, model: NodeModel, desk: Desk, error: Exception, expected: str
) -> None:
    desk.error = error
    rules.change("metered", {"metered": False})
    assert not shown(model).metered
    await eventually(lambda: rules.refusal, "the refusal")
    await eventually(lambda: shown(model).metered, "the old value")
    assert expected in rules.refusal.text  # type: ignore[union-attr]
    assert rules.refusal.title == "The rule was not changed"  # type: ignore[union-attr]
    assert rules.undoable is None, "nothing happened that could be undone"
    rules.dismiss()
    assert rules.refusal is None
    await model.stop()


async def test_a_reset_keeps_what_is_switched_elsewhere(rules: RulesModel, model: NodeModel, desk: Desk) -> None:
    before = Rules(mesh_on=False, services_off=("ocr",), metered=False, caps=Caps(ram_bytes=7), grace_seconds=99)
    desk.rules = before
    model.view_arrived(samples.view(msgspec.structs.replace(samples.ONLINE, rules=before)))
    rules.reset("all")
    await eventually(lambda: desk.rules == Rules(mesh_on=False, services_off=("ocr",)), "the reset")
    await eventually(lambda: shown(model) == desk.rules, "the answer")
    rules.undo()
    await eventually(lambda: desk.rules == before, "all as before")
    await model.stop()


async def test_rules_that_cannot_be_read_are_replaced_whole(
    rules: RulesModel, model: NodeModel, desk: Desk
) -> None:
    rules.begin_anew("all", Rules())
    await eventually(lambda: desk.asked, "the request")
    assert desk.asked == [("PUT", msgspec.to_builtins(Rules()))]
    await model.stop()


async def test_without_a_node_nothing_is_asked(model: NodeModel) -> None:
    model.rules.change("metered", {"metered": False})
    assert model.rules.undoable is None
    model.view_arrived(samples.view(samples.ONLINE))
    model.rules.change("metered", {"metered": False})
    await eventually(lambda: model.rules.refusal, "the refusal")
    await model.stop()


async def test_undo_is_offered_for_a_while(rules: RulesModel, model: NodeModel) -> None:
    rules._forgetting.setInterval(1)
    rules.change("metered", {"metered": False})
    assert rules.undoable is not None
    await eventually(lambda: rules.undoable is None, "the end of it")
    await model.stop()


def test_documents_are_merged_and_parted() -> None:
    before = {"a": 1, "caps": {"x": 1, "y": None}}
    changes = {"caps": {"y": 2}}
    assert merged(before, changes) == {"a": 1, "caps": {"x": 1, "y": 2}}
    assert parts_of(before, changes) == {"caps": {"y": None}}
    assert before == {"a": 1, "caps": {"x": 1, "y": None}}
