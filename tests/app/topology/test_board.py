"""The mesh in every state: one choice for map, table and card, a search over both, and what is said."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import msgspec
import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QPushButton, QWidget
from pytestqt.qtbot import QtBot

from app.mesh_model import MeshModel, MeshSight
from app.topology.board import MeshBoard
from node.mesh_view.values import MeshView
from tests.support import meshes
from tests.support.meshes import COORD, OWN
from tests.support.samples import NOW

SMALL, LARGE = (624, 500), (1700, 950)


class Watched(MeshModel):
    """Remembers whether anybody looks."""

    wanted = False

    def watch(self, *, wanted: bool) -> None:
        self.wanted = wanted


@pytest.fixture
def model(qapp: QApplication) -> Iterator[Watched]:
    made = Watched()
    yield made
    made.deleteLater()


@pytest.fixture
def board(model: Watched, qtbot: QtBot) -> Iterator[MeshBoard]:
    made = MeshBoard(model, lambda: NOW)
    made.resize(*LARGE)
    made.show()
    qtbot.waitExposed(made)
    yield made
    made.close()
    made.deleteLater()


def show(
    board: MeshBoard, model: MeshModel, view: MeshView | None, *, live: bool = True, refusal: str = ""
) -> None:
    model.sight = MeshSight(view, live=live, refusal=refusal)
    model.changed.emit(model.sight)
    QApplication.processEvents()


def selected(board: MeshBoard) -> list[str | None]:
    return [board._table.id_at(index.row()) for index in board._rows.selectionModel().selectedRows()]


def type_in(board: MeshBoard, text: str) -> None:
    board._tools.search.clear()
    QTest.keyClicks(board._tools.search, text)


# --- states ---------------------------------------------------------------------------------------------------


def test_before_anything_is_known_it_says_that_it_looks(board: MeshBoard, model: Watched) -> None:
    show(board, model, None, live=False)
    assert board._empty._title.text() == "Looking at the mesh"
    assert not board._map.isVisible()
    assert not board._tools.isVisible()
    show(board, model, None, live=False, refusal="Too many programs watch the mesh at once.")
    assert board._empty._text.text() == "Too many programs watch the mesh at once."
    show(board, model, MeshView())
    assert board._empty._title.text() == "Not in a mesh yet"


def test_alone_it_says_that_others_will_come(board: MeshBoard, model: Watched) -> None:
    show(board, model, meshes.mesh(1))
    assert board._map.isVisible()
    assert "only one so far" in board._alone.text()
    assert board._alone.isVisible()
    show(board, model, meshes.mesh(2))
    assert not board._alone.isVisible()


def test_a_typical_mesh_is_on_map_and_table_alike(board: MeshBoard, model: Watched) -> None:
    view = meshes.mesh(14)
    show(board, model, view)
    assert set(board._table.found) == board._map.scene.marks.keys() == {COORD, *(w.id for w in view.workers)}
    assert board._notice.text == "Live, as the coordinator sees it."
    assert board._legend.accessibleName().startswith("Direct: ")
    assert not board._card.isVisible()


def test_a_coordinator_that_has_gone_is_said_and_what_it_said_last_stays(board: MeshBoard, model: Watched) -> None:
    view = meshes.mesh(14)
    show(board, model, view)
    gone = msgspec.structs.replace(view, source="earlier", told_at=NOW - 200, trouble="It did not answer in time.")
    show(board, model, gone)
    assert "3 min ago" in board._notice.text
    assert "It did not answer in time." in board._notice.text
    assert len(board._map.scene.marks) == 15
    alone = msgspec.structs.replace(gone, source="peers", told_at=None, workers=view.workers[:3], links=())
    show(board, model, alone)
    assert "this computer knows" in board._notice.text
    assert len(board._table.found) == 4


def test_a_node_that_tells_nothing_new_is_said(board: MeshBoard, model: Watched) -> None:
    view = meshes.mesh(14)
    show(board, model, view)
    show(board, model, view, live=False)
    assert "nothing new" in board._notice.text
    assert board._map.isVisible()


@pytest.mark.parametrize("size", [SMALL, LARGE])
@pytest.mark.parametrize("count", [14, 1000])
def test_long_names_and_large_meshes_make_nothing_wider_than_the_window(
    board: MeshBoard, model: Watched, size: tuple[int, int], count: int
) -> None:
    board.resize(*size)
    view = meshes.with_long_names(meshes.mesh(count))
    show(board, model, view)
    board._choose(view.workers[3].id)
    for shows_table in (False, True):
        board._show_table(wanted=shows_table)
        QApplication.processEvents()
        assert (board.width(), board.height()) == size
        for child in board.findChildren(QWidget):
            parent = child.parentWidget()
            if child.isVisible() and parent is not None and parent.layout() is not None:
                assert child.geometry().right() <= parent.width(), (child, child.geometry())


def test_a_thousand_come_and_go_without_losing_the_choice(board: MeshBoard, model: Watched) -> None:
    view = meshes.mesh(1000)
    show(board, model, view)
    chosen = view.workers[500].id
    board._choose(chosen)
    place = board._map.scene.marks[chosen]
    rest = tuple(worker for number, worker in enumerate(view.workers) if worker.id == chosen or number % 2)
    show(board, model, msgspec.structs.replace(view, workers=rest))
    assert (board._map.chosen, selected(board)) == (chosen, [chosen])
    now = board._map.scene.marks[chosen]
    assert (now.x, now.y) == (place.x, place.y)
    gone = tuple(worker for worker in rest if worker.id != chosen)
    show(board, model, msgspec.structs.replace(view, workers=gone))
    assert not board._card.isVisible()
    show(board, model, view)
    assert board._card.isVisible(), "who is back is still the one that was chosen"


# --- one choice -------------------------------------------------------------------------------------------------


def test_map_and_table_share_one_choice_with_the_card(board: MeshBoard, model: Watched) -> None:
    view = meshes.mesh(20)
    show(board, model, view)
    board._map.setFocus()
    QTest.keyClick(board._map, Qt.Key.Key_Home)
    assert (board._map.chosen, selected(board), board._card._title.text()) == (OWN, [OWN], "Reception PC")
    QTest.keyClick(board._rows, Qt.Key.Key_Down)
    assert (board._map.chosen, selected(board)) == (COORD, [COORD])
    assert board._card.isVisible()
    board._card.close_button.click()
    assert (board._map.chosen, selected(board), board._card.isVisible()) == (None, [], False)


def test_who_is_opened_in_the_table_is_shown_on_the_map(board: MeshBoard, model: Watched) -> None:
    board.resize(*SMALL)
    show(board, model, meshes.mesh(300))
    board._tools.switch.click()
    assert (board._map.isVisible(), board._rows.isVisible()) == (False, True)
    board._choose(board._table.found[200])
    QTest.keyClick(board._rows, Qt.Key.Key_Return)
    assert (board._map.isVisible(), board._rows.isVisible()) == (True, False)
    chosen = board._map.scene.marks[board._table.found[200]]
    assert (board._map.camera.x, board._map.camera.y) == (chosen.x, chosen.y)


# --- search -------------------------------------------------------------------------------------------------------


def test_a_search_is_marked_on_the_map_counted_and_gone_through_with_enter(
    board: MeshBoard, model: Watched
) -> None:
    show(board, model, meshes.mesh(200))
    type_in(board, "vision-ocr")
    found = board._table.found
    assert board._map.found == set(found)
    assert board._tools._count.text() == f"{len(found)} found"
    seen = []
    for _ in range(len(found) + 1):
        QTest.keyClick(board._tools.search, Qt.Key.Key_Return)
        seen.append(board._map.chosen)
        mark = board._map.scene.marks[str(board._map.chosen)]
        assert (board._map.camera.x, board._map.camera.y) == (mark.x, mark.y)
    assert seen == [*found, found[0]]
    type_in(board, "nobody at all")
    assert board._tools._count.text() == "None found"
    board._tools.search.clear()
    assert board._map.found == frozenset()
    assert not board._tools._count.isVisible()


def test_what_is_found_comes_into_sight(board: MeshBoard, model: Watched) -> None:
    view = meshes.mesh(300)
    show(board, model, view)
    board._map.centre_on(OWN)
    board._map.zoom(8)
    far = max(board._map.scene.marks.values(), key=lambda mark: abs(mark.x)).id
    assert not board._map.sees_any([far])
    type_in(board, far)
    assert board._map.sees_any([far])


# --- keyboard and life --------------------------------------------------------------------------------------


def test_the_keyboard_comes_everywhere_in_reading_order(board: MeshBoard, model: Watched, qtbot: QtBot) -> None:
    show(board, model, meshes.mesh(20))
    tools = board._tools
    order = [tools.search, tools.farther, tools.nearer, tools.all, board._map, board._rows]
    tools.search.setFocus()
    for one, other in itertools.pairwise(order):
        assert board.window().focusWidget() is one
        QTest.keyClick(one, Qt.Key.Key_Tab)
        assert board.window().focusWidget() is other


def test_buttons_zoom_and_show_all(board: MeshBoard, model: Watched) -> None:
    show(board, model, meshes.mesh(20))
    scale = board._map.camera.scale
    board._tools.nearer.click()
    assert board._map.camera.scale > scale
    board._tools.farther.click()
    board._tools.farther.click()
    assert board._map.camera.scale < scale
    board._tools.all.click()
    assert board._map.camera.scale == pytest.approx(scale)


def test_everything_has_a_name(board: MeshBoard, model: Watched) -> None:
    show(board, model, meshes.mesh(20))
    board._choose(OWN)
    named = [board._map, board._rows, board._tools.search, board._legend, board._notice, board._card]
    named += board.findChildren(QPushButton)
    assert all(widget.accessibleName() or getattr(widget, "text", str)() for widget in named)


def test_the_mesh_is_followed_only_while_it_can_be_seen(board: MeshBoard, model: Watched) -> None:
    assert model.wanted
    show(board, model, meshes.mesh(5))
    board.hide()
    assert not model.wanted
    show(board, model, meshes.mesh(9))
    assert len(board._map.scene.marks) == 6, "what nobody sees is not drawn"
    board.show()
    assert model.wanted
    assert len(board._map.scene.marks) == 10


def test_there_is_a_switch_only_where_there_is_no_room_for_both(board: MeshBoard, model: Watched) -> None:
    show(board, model, meshes.mesh(20))
    assert not board._tools.switch.isVisible()
    assert board._map.isVisible()
    assert board._rows.isVisible()
    board.resize(*SMALL)
    assert board._tools.switch.isVisible()
    assert board._tools.switch.text() == "Table"
    assert (board._map.isVisible(), board._rows.isVisible()) == (True, False)


def test_times_go_on_when_only_time_does(board: MeshBoard, model: Watched) -> None:
    view = msgspec.structs.replace(meshes.mesh(3), source="earlier", told_at=NOW - 60)
    show(board, model, view)
    board.draw(NOW + 3600)
    assert "61 min ago" in board._notice.text
