"""The table in its hands: whom the keys choose, who stays chosen while rows move, and who is opened."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from pytestqt.qtbot import QtBot

from app.topology.scene import compose
from app.topology.table import LOAD, MeshTable
from app.topology.table_view import MeshTableView
from tests.support import meshes
from tests.support.meshes import COORD, OWN
from tests.support.samples import NOW


@pytest.fixture
def view(qtbot: QtBot) -> Iterator[MeshTableView]:
    made = MeshTableView(MeshTable())
    made.resize(700, 400)
    made.draw(compose(meshes.mesh(80)), NOW)
    made.show()
    yield made
    made.close()
    made.deleteLater()


def selected(view: MeshTableView) -> list[str | None]:
    return [view._table.id_at(index.row()) for index in view.selectionModel().selectedRows()]


def test_keys_choose_and_open(view: MeshTableView) -> None:
    picked: list[str] = []
    opened: list[str] = []
    view.picked.connect(picked.append)
    view.opened.connect(opened.append)
    view.choose(OWN)
    QTest.keyClick(view, Qt.Key.Key_Down)
    assert (picked, selected(view)) == ([COORD], [COORD])
    QTest.keyClick(view, Qt.Key.Key_Return)
    assert opened == [COORD]
    QTest.keyClick(view, Qt.Key.Key_Escape)
    assert picked == [COORD, ""]


def test_who_is_chosen_elsewhere_is_selected_and_in_sight_and_tells_nothing_back(view: MeshTableView) -> None:
    picked: list[str] = []
    view.picked.connect(picked.append)
    last = view._table.found[-1]
    view.choose(last)
    assert selected(view) == [last]
    assert view.viewport().rect().intersects(view.visualRect(view.currentIndex()))
    view.choose(None)
    assert (selected(view), picked) == ([], [])


def test_the_chosen_one_stays_chosen_when_rows_move_come_and_go(view: MeshTableView) -> None:
    picked: list[str] = []
    chosen = view._table.found[40]
    view.choose(chosen)
    view.picked.connect(picked.append)
    view.sortByColumn(LOAD, Qt.SortOrder.DescendingOrder)
    assert selected(view) == [chosen]
    view.draw(compose(meshes.mesh(81)), NOW)
    assert selected(view) == [chosen]
    view._table.search("reception")
    assert selected(view) == []
    view._table.search("")
    assert selected(view) == [chosen]
    assert picked == []


def test_tab_leads_out_of_it(view: MeshTableView) -> None:
    assert not view.tabKeyNavigation()
    assert view.accessibleName()


def test_rows_and_columns_grow_with_the_font(view: MeshTableView) -> None:
    width, height = view.columnWidth(0), view.rowHeight(0)
    font = view.font()
    font.setPointSizeF(font.pointSizeF() * 2)
    view.setFont(font)
    assert view.columnWidth(0) > 1.5 * width
    assert view.rowHeight(0) > 1.2 * height
