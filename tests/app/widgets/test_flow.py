"""What does not fit goes on in the next line, in the direction of reading."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QApplication, QWidget
from pytestqt.qtbot import QtBot

from app.widgets.flow import Flow


@pytest.fixture
def whole(qtbot: QtBot) -> Iterator[QWidget]:
    made = QWidget()
    parts = [QWidget() for _ in range(3)]
    for number, part in enumerate(parts):
        part.setFixedSize(100, 20 + number)
    made.setLayout(Flow(*parts, gap=10))
    made.show()
    yield made
    made.close()
    made.deleteLater()


def places(whole: QWidget, width: int) -> list[tuple[int, int]]:
    layout = whole.layout()
    whole.resize(width, layout.heightForWidth(width))
    QApplication.processEvents()
    items = [layout.itemAt(n) for n in range(layout.count())]
    return [(item.widget().x(), item.widget().y()) for item in items if item is not None]


def test_it_goes_on_below(whole: QWidget) -> None:
    assert places(whole, 320) == [(0, 1), (110, 0), (220, 0)]
    assert places(whole, 230) == [(0, 0), (110, 0), (0, 31)]
    assert places(whole, 110) == [(0, 0), (0, 30), (0, 61)]
    assert whole.layout().heightForWidth(110) == 83


def test_it_begins_at_the_other_side_where_people_read_so(whole: QWidget) -> None:
    whole.setLayoutDirection(Qt.LayoutDirection.RightToLeft)
    assert places(whole, 230) == [(130, 0), (20, 0), (130, 31)]


def test_what_is_hidden_takes_no_room(whole: QWidget) -> None:
    item = whole.layout().itemAt(0)
    assert item is not None
    item.widget().hide()
    assert whole.layout().sizeHint().width() == 210
    assert whole.layout().minimumSize().width() == 100
    assert whole.layout().heightForWidth(50) == 53


def test_items_can_be_taken(whole: QWidget) -> None:
    layout = whole.layout()
    assert layout.itemAt(3) is None
    assert layout.takeAt(5) is None
    taken = layout.takeAt(0)
    assert taken is not None
    assert layout.count() == 2
    taken.widget().deleteLater()
