"""What does not fit goes on in the next line, in the direction of reading."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QApplication, QWidget
from pytestqt.qtbot import QtBot

from app.widgets.flow import Flow


@dataclass
class Shown:
    """A widget with a flow of three others."""

    whole: QWidget
    flow: Flow
    parts: list[QWidget]

    def places(self, width: int) -> list[tuple[int, int]]:
        self.whole.resize(width, self.flow.heightForWidth(width))
        QApplication.processEvents()
        return [(part.x(), part.y()) for part in self.parts]


@pytest.fixture
def shown(qtbot: QtBot) -> Iterator[Shown]:
    parts = [QWidget() for _ in range(3)]
    for number, part in enumerate(parts):
        part.setFixedSize(100, 20 + number)
    made = Shown(QWidget(), Flow(*parts, gap=10), parts)
    made.whole.setLayout(made.flow)
    made.whole.show()
    yield made
    made.whole.close()
    made.whole.deleteLater()


def test_it_goes_on_below(shown: Shown) -> None:
    assert shown.places(320) == [(0, 1), (110, 0), (220, 0)]
    assert shown.places(230) == [(0, 0), (110, 0), (0, 31)]
    assert shown.places(110) == [(0, 0), (0, 30), (0, 61)]
    assert shown.flow.heightForWidth(110) == 83


def test_it_begins_at_the_other_side_where_people_read_so(shown: Shown) -> None:
    shown.whole.setLayoutDirection(Qt.LayoutDirection.RightToLeft)
    assert shown.places(230) == [(130, 0), (20, 0), (130, 31)]


def test_what_is_hidden_takes_no_room(shown: Shown) -> None:
    shown.parts[0].hide()
    assert shown.flow.sizeHint().width() == 210
    assert shown.flow.minimumSize().width() == 100
    assert shown.flow.heightForWidth(50) == 53


def test_items_can_be_taken(shown: Shown) -> None:
    assert shown.flow.itemAt(3) is None
    assert shown.flow.takeAt(5) is None
    assert shown.flow.takeAt(0) is not None
    assert shown.flow.count() == 2
