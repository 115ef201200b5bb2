"""The last requests in their card: empty, many, one chosen, and calm while others come."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from app.past_model import RoutingSight
from app.requests.card import RequestsCard
from tests.support.pasts import routing


@pytest.fixture
def card(qtbot: QtBot) -> Iterator[RequestsCard]:
    made = RequestsCard()
    made.resize(700, 500)
    made.show()
    yield made
    made.close()
    made.deleteLater()


def test_nothing_yet_is_said_in_words(card: RequestsCard) -> None:
    card.draw(RoutingSight())
    assert card._empty.isVisible()
    assert not card.table.isVisible()
    card.draw(routing(3))
    assert card.table.isVisible()
    assert not card._empty.isVisible()
    assert card._count.text().startswith("The last 3, the newest first;")


def test_the_keyboard_chooses_a_row_shows_its_tries_and_lets_go(card: RequestsCard) -> None:
    card.draw(routing(200))
    card.table.setFocus()
    QTest.keyClick(card.table, Qt.Key.Key_Down)
    QTest.keyClick(card.table, Qt.Key.Key_Down)
    assert card.details.isVisible()
    assert "asked after 0.4 ms" in card.details.text()
    QTest.keyClick(card.table, Qt.Key.Key_Escape)
    assert not card.details.isVisible()
    assert card.table.accessibleName() == "Last requests, the newest first"


def test_who_reads_is_not_moved_and_who_does_not_sees_the_newest(card: RequestsCard) -> None:
    card.draw(routing(200))
    QApplication.processEvents()
    bar = card.table.verticalScrollBar()
    card.draw(routing(203, first=4))
    assert bar.value() == 0
    bar.setValue(300)
    row = card.table.rowAt(5)
    before = card.model.journey_at(row)
    card.draw(routing(210, first=11))
    QApplication.processEvents()
    assert card.model.journey_at(card.table.rowAt(5)) == before
    bar.setValue(0)
    card.table.selectRow(2)
    chosen = card.model.journey_at(2)
    card.draw(routing(211, first=12))
    (selected,) = card.table.selectionModel().selectedRows()
    assert card.model.journey_at(selected.row()) == chosen
