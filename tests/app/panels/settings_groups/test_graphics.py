"""Heat and use of the graphics card: what is asked for, and what is so, with a card and without."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from pytestqt.qtbot import QtBot

from app.panels.settings_groups.graphics import IN_USE_AT_FIRST, GraphicsCard
from node.rules.settings import Rules
from tests.support.settings import Asked, facts, resting, untold, without_gpu

GB = 2**30


@pytest.fixture
def asked() -> Asked:
    return Asked()


@pytest.fixture
def card(qtbot: QtBot, asked: Asked) -> Iterator[GraphicsCard]:
    made = GraphicsCard(asked)
    made.show()
    yield made
    made.close()
    made.deleteLater()


def test_each_control_asks_for_its_rule(card: GraphicsCard, asked: Asked) -> None:
    card.draw(facts(Rules()))
    card.celsius.stepDown()
    card.hot.switch.click()
    card.used.switch.click()
    assert asked.changes == [
        {"gpu_max_celsius": 84},
        {"gpu_max_celsius": None},
        {"gpu_memory_of_others_bytes": IN_USE_AT_FIRST},
    ]
    card.draw(facts(Rules(gpu_memory_of_others_bytes=3 * GB)))
    assert (card.memory.text(), card.bound.text()) == ("3.0 GB", "of 12 GB")
    card.used.switch.click()
    assert asked.changes[-1] == {"gpu_memory_of_others_bytes": None}


def test_what_is_so_now_stands_beside_it(card: GraphicsCard) -> None:
    rules = Rules(gpu_memory_of_others_bytes=3 * GB)
    card.draw(facts(rules, verdict=resting("too-hot", "The GPU is hot.")))
    assert card.hot.status.text == "The GPU is hot. It ends."
    assert card.used.status.text == "Other programs use less now."
    card.draw(facts(rules, verdict=untold("gpu-in-use", "No GPU tells that.")))
    assert card.used.status.text.endswith("No GPU tells that.")
    card.draw(facts(rules, capabilities=without_gpu()))
    assert "changes nothing" in card.hot.status.text
    assert not card.bound.isVisible()
