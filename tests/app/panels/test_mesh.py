"""The mesh's panel in every state: one choice for map, table and card, a search over both, and what is said."""

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
from app.panels.mesh import MeshPanel
from app.picture import Picture
from node.mesh_view.values import MeshView
from tests.support import meshes
from tests.support.meshes import COORD, OWN
from tests.support.samples import NOW, TYPICAL

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
def panel(model: Watched, qtbot: QtBot) -> Iterator[MeshPanel]:
    made = MeshPanel(model, lambda: NOW)
    made.resize(*LARGE)
    made.show()
    qtbot.waitExposed(made)
    yield made
    made.close()
    made.deleteLater()


def show(
    panel: MeshPanel, model: MeshModel, view: MeshView | None, *, live: bool = True, refusal: str = ""
) -> None:
    model.sight = MeshSight(view, live=live, refusal=refusal)
    model.changed.emit(model.sight)
    QApplication.processEvents()


def selected(panel: MeshPanel) -> list[str | None]:
    return [panel._table.id_at(index.row()) for index in panel._rows.selectionModel().selectedRows()]


def type_in(panel: MeshPanel, text: str) -> None:
    panel._tools.search.clear()
    QTest.keyClicks(panel._tools.search, text)


# --- states ---------------------------------------------------------------------------------------------------


def test_before_anything_is_known_it_says_that_it_looks(panel: MeshPanel, model: Watched) -> None:
    show(panel, model, None, live=False)
    assert panel._empty._title.text() == "Looking at the mesh"
    assert not panel._map.isVisible()
    assert not panel._tools.isVisible()
    show(panel, model, None, live=False, refusal="Too many programs watch the mesh at once.")
    assert panel._empty._text.text() == "Too many programs watch the mesh at once."
    show(panel, model, MeshView())
    assert panel._empty._title.text() == "Not in a mesh yet"


def test_alone_it_says_that_others_will_come(panel: MeshPanel, model: Watched) -> None:
    show(panel, model, meshes.mesh(1))
    assert panel._map.isVisible()
    assert "only one so far" in panel._alone.text()
    assert panel._alone.isVisible()
    show(panel, model, meshes.mesh(2))
    assert not panel._alone.isVisible()


def test_a_typical_mesh_is_on_map_and_table_alike(panel: MeshPanel, model: Watched) -> None:
    view = meshes.mesh(14)
    show(panel, model, view)
    assert set(panel._table.found) == panel._map.scene.marks.keys() == {COORD, *(w.id for w in view.workers)}
    assert panel._notice.text == "Live, as the coordinator sees it."
    assert panel._legend.accessibleName().startswith("Direct: ")
    assert not panel._card.isVisible()


def test_a_coordinator_that_has_gone_is_said_and_what_it_said_last_stays(panel: MeshPanel, model: Watched) -> None:
    view = meshes.mesh(14)
    show(panel, model, view)
    gone = msgspec.structs.replace(view, source="earlier", told_at=NOW - 200, trouble="It did not answer in time.")
    show(panel, model, gone)
    assert "3 min ago" in panel._notice.text
    assert "It did not answer in time." in panel._notice.text
    assert len(panel._map.scene.marks) == 15
    alone = msgspec.structs.replace(gone, source="peers", told_at=None, workers=view.workers[:3], links=())
    show(panel, model, alone)
    assert "this computer knows" in panel._notice.text
    assert len(panel._table.found) == 4


def test_a_node_that_tells_nothing_new_is_said(panel: MeshPanel, model: Watched) -> None:
    view = meshes.mesh(14)
    show(panel, model, view)
    show(panel, model, view, live=False)
    assert "nothing new" in panel._notice.text
    assert panel._map.isVisible()


@pytest.mark.parametrize("size", [SMALL, LARGE])
@pytest.mark.parametrize("count", [14, 1000])
def test_long_names_and_large_meshes_make_nothing_wider_than_the_window(
    panel: MeshPanel, model: Watched, size: tuple[int, int], count: int
) -> None:
    panel.resize(*size)
    view = meshes.with_long_names(meshes.mesh(count))
    show(panel, model, view)
    panel._choose(view.workers[3].id)
    for shows_table in (False, True):
        panel._show_table(wanted=shows_table)
        QApplication.processEvents()
        inside = panel.widget()
        assert inside is not None
        assert inside.width() <= panel.viewport().width()
        for child in inside.findChildren(QWidget):
            parent = child.parentWidget()
            if child.isVisible() and parent is not None and parent.layout() is not None:
                assert child.geometry().right() <= parent.width(), (child, child.geometry())


def test_a_thousand_come_and_go_without_losing_the_choice(panel: MeshPanel, model: Watched) -> None:
    view = meshes.mesh(1000)
    show(panel, model, view)
    chosen = view.workers[500].id
    panel._choose(chosen)
    place = panel._map.scene.marks[chosen]
    rest = tuple(worker for number, worker in enumerate(view.workers) if worker.id == chosen or number % 2)
    show(panel, model, msgspec.structs.replace(view, workers=rest))
    assert (panel._map.chosen, selected(panel)) == (chosen, [chosen])
    now = panel._map.scene.marks[chosen]
    assert (now.x, now.y) == (place.x, place.y)
    gone = tuple(worker for worker in rest if worker.id != chosen)
    show(panel, model, msgspec.structs.replace(view, workers=gone))
    assert not panel._card.isVisible()
    show(panel, model, view)
    assert panel._card.isVisible(), "who is back is still the one that was chosen"


# --- one choice -------------------------------------------------------------------------------------------------


def test_map_and_table_share_one_choice_with_the_card(panel: MeshPanel, model: Watched) -> None:
    view = meshes.mesh(20)
    show(panel, model, view)
    panel._map.setFocus()
    QTest.keyClick(panel._map, Qt.Key.Key_Home)
    assert (panel._map.chosen, selected(panel), panel._card._title.text()) == (OWN, [OWN], "Reception PC")
    QTest.keyClick(panel._rows, Qt.Key.Key_Down)
    assert (panel._map.chosen, selected(panel)) == (COORD, [COORD])
    assert panel._card.isVisible()
    panel._card.close_button.click()
    assert (panel._map.chosen, selected(panel), panel._card.isVisible()) == (None, [], False)


def test_who_is_opened_in_the_table_is_shown_on_the_map(panel: MeshPanel, model: Watched) -> None:
    panel.resize(*SMALL)
    show(panel, model, meshes.mesh(300))
    panel._tools.switch.click()
    assert (panel._map.isVisible(), panel._rows.isVisible()) == (False, True)
    panel._choose(panel._table.found[200])
    QTest.keyClick(panel._rows, Qt.Key.Key_Return)
    assert (panel._map.isVisible(), panel._rows.isVisible()) == (True, False)
    chosen = panel._map.scene.marks[panel._table.found[200]]
    assert (panel._map.camera.x, panel._map.camera.y) == (chosen.x, chosen.y)


# --- search -------------------------------------------------------------------------------------------------------


def test_a_search_is_marked_on_the_map_counted_and_gone_through_with_enter(
    panel: MeshPanel, model: Watched
) -> None:
    show(panel, model, meshes.mesh(200))
    type_in(panel, "vision-ocr")
    found = panel._table.found
    assert panel._map.found == set(found)
    assert panel._tools._count.text() == f"{len(found)} found"
    seen = []
    for _ in range(len(found) + 1):
        QTest.keyClick(panel._tools.search, Qt.Key.Key_Return)
        seen.append(panel._map.chosen)
        mark = panel._map.scene.marks[str(panel._map.chosen)]
        assert (panel._map.camera.x, panel._map.camera.y) == (mark.x, mark.y)
    assert seen == [*found, found[0]]
    type_in(panel, "nobody at all")
    assert panel._tools._count.text() == "None found"
    panel._tools.search.clear()
    assert panel._map.found == frozenset()
    assert not panel._tools._count.isVisible()


def test_what_is_found_comes_into_sight(panel: MeshPanel, model: Watched) -> None:
    view = meshes.mesh(300)
    show(panel, model, view)
    panel._map.centre_on(OWN)
    panel._map.zoom(8)
    far = max(panel._map.scene.marks.values(), key=lambda mark: abs(mark.x)).id
    assert not panel._map.sees_any([far])
    type_in(panel, far)
    assert panel._map.sees_any([far])


# --- keyboard and life --------------------------------------------------------------------------------------


def test_the_keyboard_comes_everywhere_in_reading_order(panel: MeshPanel, model: Watched, qtbot: QtBot) -> None:
    show(panel, model, meshes.mesh(20))
    tools = panel._tools
    order = [tools.search, tools.farther, tools.nearer, tools.all, panel._map, panel._rows]
    tools.search.setFocus()
    for one, other in itertools.pairwise(order):
        assert panel.window().focusWidget() is one
        QTest.keyClick(one, Qt.Key.Key_Tab)
        assert panel.window().focusWidget() is other


def test_buttons_zoom_and_show_all(panel: MeshPanel, model: Watched) -> None:
    show(panel, model, meshes.mesh(20))
    scale = panel._map.camera.scale
    panel._tools.nearer.click()
    assert panel._map.camera.scale > scale
    panel._tools.farther.click()
    panel._tools.farther.click()
    assert panel._map.camera.scale < scale
    panel._tools.all.click()
    assert panel._map.camera.scale == pytest.approx(scale)


def test_everything_has_a_name(panel: MeshPanel, model: Watched) -> None:
    show(panel, model, meshes.mesh(20))
    panel._choose(OWN)
    named = [panel._map, panel._rows, panel._tools.search, panel._legend, panel._notice, panel._card]
    named += panel.findChildren(QPushButton)
    assert all(widget.accessibleName() or getattr(widget, "text", str)() for widget in named)


def test_the_mesh_is_followed_only_while_it_can_be_seen(panel: MeshPanel, model: Watched) -> None:
    assert model.wanted
    show(panel, model, meshes.mesh(5))
    panel.hide()
    assert not model.wanted
    show(panel, model, meshes.mesh(9))
    assert len(panel._map.scene.marks) == 6, "what nobody sees is not drawn"
    panel.show()
    assert model.wanted
    assert len(panel._map.scene.marks) == 10


def test_there_is_a_switch_only_where_there_is_no_room_for_both(panel: MeshPanel, model: Watched) -> None:
    show(panel, model, meshes.mesh(20))
    assert not panel._tools.switch.isVisible()
    assert panel._map.isVisible()
    assert panel._rows.isVisible()
    panel.resize(*SMALL)
    assert panel._tools.switch.isVisible()
    assert panel._tools.switch.text() == "Table"
    assert (panel._map.isVisible(), panel._rows.isVisible()) == (True, False)


def test_of_the_windows_picture_only_the_time_counts(panel: MeshPanel, model: Watched) -> None:
    view = msgspec.structs.replace(meshes.mesh(3), source="earlier", told_at=NOW - 60)
    show(panel, model, view)
    for picture in (Picture(), TYPICAL):
        panel.draw(picture, NOW + 3600)
        assert "61 min ago" in panel._notice.text
