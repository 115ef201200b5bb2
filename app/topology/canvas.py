"""The map as a widget: moved and zoomed by mouse, fingers and keys, with one computer chosen.

What does not depend on what is chosen is painted into a picture that is kept. While the map is moved that picture
is moved with it where painting anew would take too long; it is painted anew as soon as the map rests.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import cast

from PySide6.QtCore import QEvent, QPointF, QRectF, Qt, QTimer, Signal
from PySide6.QtGui import (
    QFont,
    QHelpEvent,
    QHideEvent,
    QKeyEvent,
    QMouseEvent,
    QNativeGestureEvent,
    QPainter,
    QPaintEvent,
    QPen,
    QPixmap,
    QResizeEvent,
    QWheelEvent,
)
from PySide6.QtWidgets import QGestureEvent, QPinchGesture, QSizePolicy, QToolTip, QWidget

from app.topology.camera import Camera, Point, fitting
from app.topology.layout import Sector
from app.topology.marks import Marks
from app.topology.painting import (
    Frame,
    Ink,
    paint_captions,
    paint_lines,
    paint_marks,
    paint_names,
    paint_ring,
    paint_scene,
)
from app.topology.scene import Direction, Mark, Scene
from app.widgets.theme import colours
from app.widgets.tips import tip

QUICK = 0.014  # seconds: what is painted faster is painted anew for every frame
REST_MS = 90  # after so long without a movement the map rests
SHARE = 8  # painting what has changed takes at most one part in so many of the time
LONGEST = 2.0  # seconds that something new waits, however long painting takes
STEP = 1.25  # of zooming with a key or button
PAN = 60.0  # pixels with a key
REACH = 8.0  # pixels around a mark at which it can still be hit
CLICK = 5.0  # pixels that a click may be off
NEAR = 1.0  # scale at which somebody who was looked for is shown
ARROWS: Mapping[int, tuple[Direction, float, float]] = {
    Qt.Key.Key_Left: ("left", PAN, 0),
    Qt.Key.Key_Right: ("right", -PAN, 0),
    Qt.Key.Key_Up: ("up", 0, PAN),
    Qt.Key.Key_Down: ("down", 0, -PAN),
}


@dataclass(frozen=True, slots=True)
class Kept:
    """A picture of the scene, and for which camera it was painted."""

    pixmap: QPixmap
    camera: Camera


class MeshMap(QWidget):
    """Shows a scene. `picked` says whom the user has chosen, with an empty text for nobody."""

    picked = Signal(str)

    def __init__(self, describe: Callable[[str], str] = str) -> None:
        """`describe` says in words what is known of somebody, for tooltip and screen reader."""
        super().__init__()
        self.scene = Scene()
        self.chosen: str | None = None
        self.found: frozenset[str] = frozenset()
        self.captions: Mapping[Sector, str] = {}
        self.camera = Camera()
        self.fits = True  # the user has not moved it, so it shows all
        self._describe = describe
        self._kept: Kept | None = None
        self._marks: Marks | None = None
        self._cost = 0.0  # seconds that the last picture took
        self._painted_at = 0.0
        self._stale = False
        self._moving = QTimer(self, singleShot=True, interval=REST_MS)
        self._moving.timeout.connect(self._rest)
        self._later = QTimer(self, singleShot=True)
        self._later.timeout.connect(self.update)
        self._pressed: QPointF | None = None
        self._dragged: QPointF | None = None
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setMinimumSize(220, 180)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.setAttribute(Qt.WidgetAttribute.WA_OpaquePaintEvent)
        self.grabGesture(Qt.GestureType.PinchGesture)
        self.setAccessibleName(self.tr("Map of the mesh"))
        self._tell_chosen()

    # --- what others tell it --------------------------------------------------------------------------------

    def show_scene(self, scene: Scene, captions: Mapping[Sector, str]) -> None:
        """Show a scene; it is painted soon, and the later the longer that takes."""
        if scene is self.scene and captions == self.captions:
            return
        moved = scene.bounds != self.scene.bounds
        self.scene, self.captions, self._stale = scene, captions, True
        if self.fits and moved:
            self.fit()
        self._tell_chosen()
        wait = self._painted_at + SHARE * self._cost - time.monotonic()
        if wait <= 0:
            self.update()
        elif not self._later.isActive():
            self._later.start(int(min(wait, LONGEST) * 1000) + 1)

    def choose(self, name: str | None) -> None:
        """Mark somebody as chosen, and move the map if he is out of sight."""
        if name == self.chosen:
            return
        self.chosen = name
        mark = self.scene.marks.get(name or "")
        if mark is not None and not self._frame().sees(mark.x, mark.y, -20.0):
            self.centre_on(mark.id, nearer=False)
        self._tell_chosen()
        self.update()

    def show_found(self, names: frozenset[str]) -> None:
        """Mark those that a search has found."""
        if names != self.found:
            self.found = names
            self.update()

    def sees_any(self, names: Iterable[str]) -> bool:
        """Say whether one of these is in sight."""
        frame = self._frame()
        marks = (self.scene.marks.get(name) for name in names)
        return any(mark is not None and frame.sees(mark.x, mark.y, 0.0) for mark in marks)

    def centre_on(self, name: str, *, nearer: bool = True) -> None:
        mark = self.scene.marks.get(name)
        if mark is not None:
            self._move(self.camera.centred((mark.x, mark.y), NEAR if nearer else None))

    def fit(self) -> None:
        """Show all, also when more come, until the map is moved."""
        self._move(fitting(self.scene.bounds, self._size))
        self.fits = True

    def zoom(self, steps: float, at: QPointF | None = None) -> None:
        at = at or QPointF(self.rect().center())
        self._move(self.camera.zoomed(STEP**steps, (at.x(), at.y()), self._size))

    # --- moving ---------------------------------------------------------------------------------------------

    @property
    def _size(self) -> Point:
        return (float(self.width()), float(self.height()))

    def _frame(self) -> Frame:
        return Frame(self.camera, self._size)

    def _move(self, camera: Camera) -> None:
        self.fits = False
        if camera != self.camera:
            self.camera = camera
            self._moving.start()
            self.update()

    def _rest(self) -> None:
        if self._stale or (self._kept is not None and self._kept.camera != self.camera):
            self.update()

    def _mark_at(self, point: QPointF) -> Mark | None:
        frame = self._frame()
        at = self.camera.on_map((point.x(), point.y()), self._size)
        return self.scene.nearest(at, (frame.outside("worker") + REACH) / self.camera.scale)

    def _pick(self, mark: Mark | None) -> None:
        self.picked.emit(mark.id if mark else "")

    # --- Qt: mouse, fingers, keys ---------------------------------------------------------------------------

    def mousePressEvent(self, event: QMouseEvent) -> None:
        if event.button() in (Qt.MouseButton.LeftButton, Qt.MouseButton.MiddleButton):
            self._pressed = self._dragged = event.position()

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        if self._pressed is None or self._dragged is None:
            return
        here = event.position()
        if self._dragged != self._pressed or (here - self._pressed).manhattanLength() > CLICK:
            way = here - self._dragged
            self._dragged = here
            self.setCursor(Qt.CursorShape.ClosedHandCursor)
            self._move(self.camera.moved(way.x(), way.y()))

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        if self._pressed is not None and self._pressed == self._dragged:
            self._pick(self._mark_at(event.position()))
        self._pressed = self._dragged = None
        self.unsetCursor()

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:
        mark = self._mark_at(event.position())
        if mark is not None:
            self.centre_on(mark.id)
        else:
            self.zoom(2, event.position())

    def wheelEvent(self, event: QWheelEvent) -> None:
        turned = event.angleDelta().y() or event.angleDelta().x()
        self.zoom(turned / 120, event.position())
        event.accept()  # or the page would scroll as well

    def event(self, event: QEvent) -> bool:
        kind = event.type()
        if kind == QEvent.Type.ToolTip:
            return self._show_tip(cast("QHelpEvent", event))
        if kind == QEvent.Type.NativeGesture:
            return self._take_touchpad(cast("QNativeGestureEvent", event))
        if kind == QEvent.Type.Gesture:
            return self._take_pinch(cast("QGestureEvent", event))
        return super().event(event)

    def _show_tip(self, event: QHelpEvent) -> bool:
        mark = self._mark_at(QPointF(event.pos()))
        QToolTip.showText(event.globalPos(), tip(self._describe(mark.id) if mark else ""), self)
        return True

    def _take_touchpad(self, event: QNativeGestureEvent) -> bool:
        if event.gestureType() != Qt.NativeGestureType.ZoomNativeGesture:
            return False
        at = event.position()
        self._move(self.camera.zoomed(1.0 + event.value(), (at.x(), at.y()), self._size))
        return True

    def _take_pinch(self, event: QGestureEvent) -> bool:
        pinch = event.gesture(Qt.GestureType.PinchGesture)
        if not isinstance(pinch, QPinchGesture):
            return False
        at = self.mapFromGlobal(pinch.hotSpot())
        self._move(self.camera.zoomed(pinch.scaleFactor(), (at.x(), at.y()), self._size))
        return True

    def keyPressEvent(self, event: QKeyEvent) -> None:
        key = event.key()
        if key in ARROWS:
            self._take_arrow(*ARROWS[key], pan=bool(event.modifiers() & Qt.KeyboardModifier.ControlModifier))
        elif key in (Qt.Key.Key_Plus, Qt.Key.Key_Equal):
            self.zoom(1)
        elif key == Qt.Key.Key_Minus:
            self.zoom(-1)
        elif key == Qt.Key.Key_0:
            self.fit()
        elif key == Qt.Key.Key_Home:
            self._pick(self.scene.marks.get(self.scene.view.own_id or ""))
        elif key in (Qt.Key.Key_Return, Qt.Key.Key_Enter) and self.chosen:
            self.centre_on(self.chosen)
        elif key == Qt.Key.Key_Escape and self.chosen:
            self._pick(None)
        else:
            super().keyPressEvent(event)

    def _take_arrow(self, direction: Direction, across: float, down: float, *, pan: bool) -> None:
        """Go to whoever is next in that direction; with Ctrl, move the map."""
        if pan:
            self._move(self.camera.moved(across, down))
        elif self.chosen in self.scene.marks:
            mark = self.scene.beside(self.chosen, direction)
            if mark is not None:
                self._pick(mark)
        else:
            at = self.camera.on_map((self.width() / 2, self.height() / 2), self._size)
            self._pick(self.scene.nearest(at, float("inf")))

    def _tell_chosen(self) -> None:
        """Let screen readers say who is chosen."""
        known = self.chosen in self.scene.marks
        keys = self.tr(
            "The arrow keys go from one computer to the next, plus and minus zoom, 0 shows all, Home goes to this "
            "computer. The table has the same computers."
        )
        text = self._describe(self.chosen) if known and self.chosen else keys
        if text != self.accessibleDescription():
            self.setAccessibleDescription(text)

    # --- Qt: painting ---------------------------------------------------------------------------------------

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._kept = None
        if self.fits:
            self.fit()

    def hideEvent(self, event: QHideEvent) -> None:
        super().hideEvent(event)
        self._kept = self._marks = None  # pictures take room, and nobody sees them
        self._moving.stop()
        self._later.stop()

    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        if event.type() in (QEvent.Type.PaletteChange, QEvent.Type.FontChange):
            self._kept = self._marks = None
            self.update()

    def paintEvent(self, _event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.fillRect(self.rect(), colours().card)
        kept = self._picture()
        painter.save()
        zoomed = self.camera.scale / kept.camera.scale
        left, top = self.camera.on_screen(kept.camera.on_map((0, 0), self._size), self._size)
        painter.translate(left, top)
        painter.scale(zoomed, zoomed)
        painter.drawPixmap(0, 0, kept.pixmap)
        painter.restore()
        self._paint_chosen(painter)
        if self.hasFocus():
            painter.setPen(QPen(colours().accent_line, 2))
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.drawRoundedRect(QRectF(self.rect()).adjusted(1, 1, -1, -1), 8, 8)

    def _picture(self) -> Kept:
        """Return the picture that is kept, or a new one where that is due."""
        kept = self._kept
        if kept is not None and self._cost > QUICK and self._moving.isActive():
            return kept
        if kept is None or self._stale or kept.camera != self.camera:
            began = time.monotonic()
            kept = self._kept = Kept(self._paint_picture(), self.camera)
            self._painted_at = time.monotonic()
            self._cost = self._painted_at - began
            self._stale = False
        return kept

    def _paint_picture(self) -> QPixmap:
        ratio = self.devicePixelRatioF()
        if self._marks is None or self._marks.ratio != ratio:
            self._marks = Marks(colours(), ratio)
        pixmap = QPixmap(self.size() * ratio)
        pixmap.setDevicePixelRatio(ratio)
        pixmap.fill(colours().card)
        painter = QPainter(pixmap)
        paint_scene(painter, self.scene, self._frame(), self._marks, self._small_font())
        paint_captions(painter, self.captions, self.scene, self._frame(), Ink(colours(), self._small_font()))
        painter.end()
        return pixmap

    def _paint_chosen(self, painter: QPainter) -> None:
        """Paint rings around those that were found, and him who is chosen with all his lines over everything."""
        frame, c = self._frame(), colours()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        for name in self.found:
            mark = self.scene.marks.get(name)
            if mark is not None and frame.sees(mark.x, mark.y):
                paint_ring(painter, mark, frame, QPen(c.tones["warn"].text, 2, Qt.PenStyle.DotLine), 4)
        chosen = self.scene.marks.get(self.chosen or "")
        if chosen is None or self._marks is None:
            return
        lines = self.scene.lines_of(chosen.id)
        if chosen.kind == "worker":
            paint_lines(painter, lines, frame, c)
            ends = {name for line in lines for name in (line.source, line.target)}
            paint_marks(painter, [self.scene.marks[name] for name in ends], frame, self._marks)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        paint_marks(painter, [chosen], frame, self._marks)
        paint_ring(painter, chosen, frame, QPen(c.accent_line, 2.5), 3)
        paint_names(painter, [chosen], frame, Ink(c, self._small_font()), whole=True)

    def _small_font(self) -> QFont:
        font = QFont(self.font())
        font.setPointSizeF(max(6.0, font.pointSizeF() * 0.9))
        return font
