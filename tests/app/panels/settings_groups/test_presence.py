"""Somebody at the computer, and programs that want it: what is asked for, and what is so now."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from pytestqt.qtbot import QtBot

from app.panels.settings_groups.presence import PresenceCard
from node.rules.settings import Rules
from tests.support.settings import Asked, facts, resting, without_gpu


@pytest.fixture
def asked() -> Asked:
    return Asked()


@pytest.fixture
def card(qtbot: QtBot, asked: Asked) -> Iterator[PresenceCard]:
    made = PresenceCard(asked)
    made.show()
    yield made
    made.close()
    made.deleteLater()


def test_each_control_asks_for_its_rule(card: PresenceCard, asked: Asked) -> None:
    card.draw(facts(Rules()))
    card.minutes.stepUp()
    QTest.keyClick(card.scope, Qt.Key.Key_Down)
    card.active.switch.click()
    card.programs.add("game.exe")
    assert asked.changes == [
        {"user_active_minutes": 4},
        {"user_active_scope": "all"},
        {"user_active_minutes": None},
        {"exclusive_programs": ["game.exe"]},
    ]


@pytest.mark.parametrize("off", [{"user_active_minutes": None}, {"user_active_scope": "none"}])
def test_switching_it_on_again_makes_it_do_something(
    card: PresenceCard, asked: Asked, off: dict[str, object]
) -> None:
    card.draw(facts(Rules(**off)))  # type: ignore[arg-type]
    assert not card.active.switch.isChecked()
    assert not card.minutes.isEnabled()
    card.active.switch.click()
    assert asked.changes == [{"user_active_minutes": 3, "user_active_scope": "gpu"}]


def test_what_is_so_now_stands_beside_it(card: PresenceCard) -> None:
    rules = Rules(exclusive_programs=("blender",))
    card.draw(facts(rules, verdict=resting("exclusive-program", "blender is running.")))
    assert card.exclusive.status.text == "blender is running. It ends."
    assert card.active.status.text == "Nobody uses it now."
    card.draw(facts(rules))
    assert card.exclusive.status.text == "None of them runs now."
    card.draw(facts(Rules()))
    assert not card.exclusive.status.isVisible()


def test_without_a_graphics_card_it_is_not_said_that_nobody_is_here(card: PresenceCard) -> None:
    """Nobody has looked: nothing would rest."""
    card.draw(facts(Rules(), capabilities=without_gpu()))
    assert "No graphics card was found" in card.active.status.text
    card.draw(facts(Rules(user_active_scope="all"), capabilities=without_gpu()))
    assert card.active.status.text == "Nobody uses it now."
    used = resting("user-active", "You are using this computer.")
    card.draw(facts(Rules(), verdict=used, capabilities=without_gpu()))
    assert card.active.status.text.startswith("You are using this computer.")
