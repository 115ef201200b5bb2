"""The map in its hands: mouse, wheel, keys, a choice, a search; and that it paints no more than it must."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from PySide6.QtCore import QEvent, QPoint, QPointF, Qt
from PySide6.QtGui import QHelpEvent, QMouseEvent, QNativeGestureEvent, QPointingDevice, QWheelEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QToolTip, QWidget
from pytestqt.qtbot import QtBot

from app.topology import canvas
from app.topology.canvas import MeshMap
from app.topology.scene import Scene, compose
from tests.support import meshes
from tests.support.meshes import COORD, OWN
from tests.support.palettes import dark_palette


class Map(MeshMap):
    """Counts what it paints, and takes over what is picked, as the panel does."""

    def __init__(self) -> None:
        super().__init__(lambda name: f"all about {name}")
        self.pictures = 0
        self.picks: list[str] = []
        self.picked.connect(self._take)

    def _take(self, name: str) -> None:
        self.picks.append(name)
        self.choose(name or None)

    def _paint_picture(self):  # type: ignore[no-untyped-def]
        self.pictures += 1
        return super()._paint_picture()


@pytest.fixture
def scene() -> Scene:
    return compose(meshes.mesh(60))


@pytest.fixture
def map_(qtbot: QtBot, scene: Scene) -> Iterator[Map]:
    made = Map()
    made.resize(800, 500)
    made.show()
    made.show_scene(scene, {})
    qtbot.waitExposed(made)
    yield made
    made.close()
    made.deleteLater()


def where(map_: Map, name: str) -> QPoint:
    mark = map_.scene.marks[name]
    return QPointF(*map_.camera.on_screen((mark.x, mark.y), map_._size)).toPoint()


def click(map_: Map, point: QPoint) -> None:
    QTest.mouseClick(map_, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier, point)


def wheel(map_: Map, turned: int, at: QPoint) -> None:
    here = QPointF(at)
    QApplication.sendEvent(
        map_,
        QWheelEvent(
            here,
            map_.mapToGlobal(here),
            QPoint(),
            QPoint(0, turned),
            Qt.MouseButton.NoButton,
            Qt.KeyboardModifier.NoModifier,
            Qt.ScrollPhase.NoScrollPhase,
            False,
        ),
    )


def test_it_shows_all_until_it_is_moved_and_then_stays(map_: Map) -> None:
    assert all(map_.rect().contains(where(map_, name)) for name in map_.scene.marks)
    map_.show_scene(compose(meshes.mesh(400)), {})
    assert all(map_.rect().contains(where(map_, name)) for name in map_.scene.marks)
    QTest.keyClick(map_, Qt.Key.Key_Plus)
    camera = map_.camera
    map_.show_scene(compose(meshes.mesh(800)), {})
    map_.resize(700, 500)
    assert map_.camera == camera
    QTest.keyClick(map_, Qt.Key.Key_0)
    assert map_.fits
    assert all(map_.rect().contains(where(map_, name)) for name in map_.scene.marks)


def test_a_click_chooses_and_one_beside_chooses_nobody(map_: Map) -> None:
    name = map_.scene.view.workers[5].id
    click(map_, where(map_, name))
    assert map_.chosen == name
    click(map_, QPoint(4, 4))
    assert (map_.chosen, map_.picks) == (None, [name, ""])


def test_dragging_moves_and_chooses_nobody(map_: Map, qtbot: QtBot) -> None:
    before = where(map_, COORD)
    QTest.mousePress(map_, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier, QPoint(100, 100))
    for x in (120, 150):
        here = QPointF(x, 80)
        event = QMouseEvent(
            QEvent.Type.MouseMove,
            here,
            map_.mapToGlobal(here),
            Qt.MouseButton.LeftButton,
            Qt.MouseButton.LeftButton,
            Qt.KeyboardModifier.NoModifier,
        )
        QApplication.sendEvent(map_, event)
    QTest.mouseRelease(map_, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier, QPoint(150, 80))
    assert where(map_, COORD) - before == QPoint(50, -20)
    assert map_.picks == []


def test_the_wheel_zooms_at_the_pointer(map_: Map) -> None:
    point = where(map_, COORD) + QPoint(120, 40)
    under = map_.camera.on_map((point.x(), point.y()), map_._size)
    scale = map_.camera.scale
    wheel(map_, 240, point)
    assert map_.camera.scale > 1.4 * scale
    assert map_.camera.on_map((point.x(), point.y()), map_._size) == pytest.approx(under)
    wheel(map_, -240, point)
    assert map_.camera.scale == pytest.approx(scale)


def test_a_pinch_on_a_touchpad_zooms(map_: Map) -> None:
    scale, here = map_.camera.scale, QPointF(300, 200)
    event = QNativeGestureEvent(
        Qt.NativeGestureType.ZoomNativeGesture,
        QPointingDevice.primaryPointingDevice(),
        2,
        here,
        here,
        map_.mapToGlobal(here),
        0.5,
        QPointF(),
    )
    QApplication.sendEvent(map_, event)
    assert map_.camera.scale == pytest.approx(1.5 * scale)


def test_keys_zoom_move_and_go_from_one_to_the_next(map_: Map) -> None:
    scale = map_.camera.scale
    QTest.keyClick(map_, Qt.Key.Key_Plus)
    assert map_.camera.scale > scale
    QTest.keyClick(map_, Qt.Key.Key_Minus)
    assert map_.camera.scale == pytest.approx(scale)
    QTest.keyClick(map_, Qt.Key.Key_Home)
    assert map_.chosen == OWN
    QTest.keyClick(map_, Qt.Key.Key_Up)
    assert map_.chosen == COORD
    assert map_.accessibleDescription() == f"all about {COORD}"
    QTest.keyClick(map_, Qt.Key.Key_Return)
    assert where(map_, COORD) == map_.rect().center() + QPoint(1, 1)
    place = where(map_, COORD)
    QTest.keyClick(map_, Qt.Key.Key_Left, Qt.KeyboardModifier.ControlModifier)
    assert where(map_, COORD).x() > place.x()
    assert map_.chosen == COORD
    QTest.keyClick(map_, Qt.Key.Key_Escape)
    assert map_.chosen is None
    assert "arrow keys" in map_.accessibleDescription()


def test_an_arrow_with_nobody_chosen_begins_in_the_middle(map_: Map) -> None:
    QTest.keyClick(map_, Qt.Key.Key_Down)
    assert map_.chosen in map_.scene.marks


def test_tab_leads_on_so_that_nobody_is_caught(qtbot: QtBot, scene: Scene) -> None:
    window = QWidget()
    qtbot.addWidget(window)
    map_, other = Map(), QWidget(window)
    map_.setParent(window)
    other.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
    map_.show_scene(scene, {})
    window.show()
    map_.setFocus()
    assert window.focusWidget() is map_
    QTest.keyClick(map_, Qt.Key.Key_Tab)
    assert window.focusWidget() is other


def test_whoever_is_chosen_elsewhere_comes_into_sight(map_: Map) -> None:
    map_.centre_on(COORD)
    map_.zoom(9)
    far = max(map_.scene.marks.values(), key=lambda mark: abs(mark.x) + abs(mark.y)).id
    assert not map_.sees_any([far])
    map_.choose(far)
    assert map_.sees_any([far])
    scale = map_.camera.scale
    map_.choose(far)
    assert map_.camera.scale == scale


def test_a_tooltip_says_who_it_is(map_: Map) -> None:
    point = where(map_, OWN)
    QApplication.sendEvent(map_, QHelpEvent(QEvent.Type.ToolTip, point, map_.mapToGlobal(point)))
    assert QToolTip.text() == f"all about {OWN}"
    QToolTip.hideText()


def test_choosing_and_finding_change_the_screen_but_not_the_picture_that_is_kept(map_: Map, qtbot: QtBot) -> None:
    QApplication.processEvents()
    pictures, before = map_.pictures, map_.grab().toImage()
    name = map_.scene.view.workers[5].id
    map_.choose(name)
    chosen = map_.grab().toImage()
    map_.show_found(frozenset({COORD, OWN}))
    found = map_.grab().toImage()
    assert before != chosen != found
    assert map_.pictures == pictures


def test_while_it_moves_a_costly_picture_is_moved_with_it_and_painted_anew_at_rest(
    map_: Map, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    QApplication.processEvents()
    monkeypatch.setattr(canvas, "QUICK", -1.0)
    map_._moving.setInterval(3_600_000)
    pictures = map_.pictures
    for _ in range(20):
        QTest.keyClick(map_, Qt.Key.Key_Right, Qt.KeyboardModifier.ControlModifier)
        map_.grab()
    assert map_.pictures == pictures
    map_._moving.setInterval(1)
    map_._moving.start()
    qtbot.waitUntil(lambda: map_.pictures > pictures, timeout=30_000)
    assert map_._kept is not None
    assert map_._kept.camera == map_.camera


def test_a_quick_picture_is_painted_for_every_frame(map_: Map, monkeypatch: pytest.MonkeyPatch) -> None:
    QApplication.processEvents()
    monkeypatch.setattr(canvas, "QUICK", 1e9)
    pictures = map_.pictures
    for _ in range(3):
        QTest.keyClick(map_, Qt.Key.Key_Right, Qt.KeyboardModifier.ControlModifier)
        map_.grab()
    assert map_.pictures == pictures + 3


def test_changes_wait_for_the_longer_the_more_a_picture_costs(
    map_: Map, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(canvas, "LONGEST", 3600.0)
    qtbot.waitUntil(lambda: not map_._later.isActive(), timeout=30_000)  # the first picture was painted before
    QApplication.processEvents()
    map_._cost = 1e6
    view, pictures = map_.scene.view, map_.pictures
    for seed in range(20):
        view = meshes.busier(view, seed, share=0.5)
        map_.show_scene(compose(view, map_.scene), {})
        QApplication.processEvents()
    assert map_.pictures == pictures
    assert map_._later.isActive()
    map_._later.start(0)
    qtbot.waitUntil(lambda: map_.pictures > pictures, timeout=30_000)


def test_hidden_it_paints_nothing_and_keeps_nothing(map_: Map) -> None:
    QApplication.processEvents()
    pictures = map_.pictures
    map_.hide()
    map_.show_scene(compose(meshes.mesh(100)), {})
    map_.choose(OWN)
    QApplication.processEvents()
    assert (map_.pictures, map_._kept, map_._marks) == (pictures, None, None)
    map_.show()
    QApplication.processEvents()
    assert map_.pictures > pictures


def test_it_follows_the_palette(map_: Map, qapp: QApplication) -> None:
    light = map_.grab().toImage().pixelColor(3, 200).lightness()
    before = qapp.palette()
    try:
        qapp.setPalette(dark_palette())
        qapp.processEvents()
        assert map_.grab().toImage().pixelColor(3, 200).lightness() < light - 100
    finally:
        qapp.setPalette(before)


def test_an_empty_map_does_no_harm(qtbot: QtBot) -> None:
    empty = Map()
    qtbot.addWidget(empty)
    empty.show()
    empty.fit()
    empty.zoom(3)
    for key in (Qt.Key.Key_Home, Qt.Key.Key_Left, Qt.Key.Key_Return, Qt.Key.Key_Escape):
        QTest.keyClick(empty, key)
    assert not empty.grab().isNull()
    assert set(empty.picks) <= {""}
