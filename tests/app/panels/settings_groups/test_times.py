"""Part in the mesh, and the hours of the week: what is asked for, and when it goes on."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from pytestqt.qtbot import QtBot

from app import figures
from app.panels.settings_groups.times import TimesCard
from node.rules.settings import Rules, Schedule
from tests.support.samples import NOW
from tests.support.settings import FULL, Asked, facts, resting


@pytest.fixture
def asked() -> Asked:
    return Asked()


@pytest.fixture
def card(qtbot: QtBot, asked: Asked) -> Iterator[TimesCard]:
    made = TimesCard(asked)
    made.show()
    yield made
    made.close()
    made.deleteLater()


def test_each_control_asks_for_its_rule(card: TimesCard, asked: Asked) -> None:
    card.draw(facts(Rules()), NOW)
    assert not card.editor.isVisible()
    card.schedule.switch.click()
    card.mesh.switch.click()
    assert asked.changes == [{"schedule": {"enabled": True}}, {"mesh_on": False}]
    card.draw(facts(FULL), NOW)
    assert card.editor.isVisible()
    card.editor.grid.setCurrentIndex(card.editor.grid.table.index(6, 0))
    card.editor.grid.clearSelection()
    QTest.keyClick(card.editor.grid, Qt.Key.Key_Space)
    days = [[list(span) for span in day] for day in Schedule().days]
    assert asked.changes[-1] == {"schedule": {"days": [*days[:6], [[30, 1440]]]}}


def test_it_says_when_it_goes_on(card: TimesCard) -> None:
    until = NOW + 3600
    card.draw(facts(FULL, verdict=resting("schedule", "Outside.", "It goes on at the next start.", until)), NOW)
    at = figures.clock_time(until, NOW)
    assert card.schedule.status.text == f"Outside. It goes on at the next start. That is at {at}."
    card.draw(facts(FULL), NOW)
    assert "one of these hours now" in card.schedule.status.text
    assert "this computer's clock" in card.zone.text()
