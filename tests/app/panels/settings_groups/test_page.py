"""The page's foot says what can be taken back or was refused; resetting is offered where it changes something."""

from __future__ import annotations

import msgspec
import pytest
from pytestqt.qtbot import QtBot

from app.node_model import NodeModel
from app.panels.settings_groups.page import Foot, as_at_first
from app.picture import Notice
from app.rules_model import Undo
from node.rules.settings import Rules
from tests.support.settings import FULL, nameless


@pytest.mark.parametrize(
    ("rules", "expected"),
    [
        (Rules(), True),
        (Rules(mesh_on=False, services_off=("ocr",)), True),
        (Rules(metered=False), False),
        (FULL, False),
        (msgspec.convert({"caps": {"cpu_percent": 70}}, Rules), False),
    ],
)
def test_what_is_switched_elsewhere_is_no_change(rules: Rules, expected: bool) -> None:
    assert as_at_first(rules) is expected


def test_the_foot_is_there_while_it_has_something_to_say(model: NodeModel, qtbot: QtBot) -> None:
    foot, rules = Foot(model.rules), model.rules
    qtbot.addWidget(foot)
    foot.draw()
    assert foot.isHidden()
    rules.undoable = Undo("Hours of the week", {})
    foot.draw()
    assert foot.isVisible()
    assert foot.undoing.undo.accessibleName() == "Undo the change of: Hours of the week"
    assert not foot.refusal.isVisible()
    rules.undoable, rules.refusal = None, Notice("rules", "The rule was not changed", "The disk is full.")
    foot.draw()
    assert foot.refusal.isVisible()
    assert not foot.undoing.isVisible()
    assert nameless(foot) == []
    rules.dismiss()
    foot.draw()
    assert foot.isHidden()
