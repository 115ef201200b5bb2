"""Battery and network: what is asked for, and what is so now, with a battery and without."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from pytestqt.qtbot import QtBot

from app.panels.settings_groups.power import BATTERY_AT_FIRST, PowerCard
from node.rules.settings import Rules
from tests.support.settings import Asked, facts, resting, without_gpu


@pytest.fixture
def asked() -> Asked:
    return Asked()


@pytest.fixture
def card(qtbot: QtBot, asked: Asked) -> Iterator[PowerCard]:
    made = PowerCard(asked)
    made.show()
    yield made
    made.close()
    made.deleteLater()


def test_each_control_asks_for_its_rule(card: PowerCard, asked: Asked) -> None:
    card.draw(facts(Rules()))
    assert asked.all == []
    card.battery.switch.click()
    card.metered.switch.click()
    card.below.switch.click()
    card.percent.stepUp()
    assert asked.changes == [
        {"on_battery": False},
        {"metered": False},
        {"battery_below_percent": BATTERY_AT_FIRST},
        {"battery_below_percent": BATTERY_AT_FIRST + 5},
    ]
    card.draw(facts(Rules(battery_below_percent=20)))
    assert card.percent.value() == 20
    card.below.switch.click()
    assert asked.changes[-1] == {"battery_below_percent": None}


def test_what_is_so_now_stands_beside_it(card: PowerCard) -> None:
    card.draw(facts(Rules(), verdict=resting("on-battery", "It runs on its battery.", "It goes on later.")))
    assert card.battery.status.text == "It runs on its battery. It goes on later."
    assert "does not count or cost" in card.metered.status.text
    card.draw(facts(Rules()))
    assert card.battery.status.text == "It does not run on its battery, so this computer works."
    card.draw(facts(Rules(battery_below_percent=20)))
    assert "holds enough" in card.battery.status.text
    card.draw(facts(Rules(), capabilities=without_gpu()))
    assert card.battery.status.text == "This computer has no battery."


def test_the_charge_matters_only_on_battery(card: PowerCard) -> None:
    card.draw(facts(Rules(on_battery=False, battery_below_percent=20)))
    assert not card.below.switch.isEnabled()
    assert not card.percent.isEnabled()
    assert not card.battery.status.isVisible()
