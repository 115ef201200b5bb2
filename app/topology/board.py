"""The mesh, live: map and table of the same computers, a search over both, and all about the one that is chosen."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable

from PySide6.QtCore import QEvent, Qt
from PySide6.QtGui import QHideEvent, QKeySequence, QResizeEvent, QShortcut, QShowEvent
from PySide6.QtWidgets import QBoxLayout, QFrame, QHBoxLayout, QLineEdit, QScrollArea, QStyle, QVBoxLayout, QWidget

from app.mesh_model import MeshModel, MeshSight
from app.picture import Tone
from app.topology import words
from app.topology.canvas import MeshMap
from app.topology.card import MemberCard
from app.topology.legend import Legend
from app.topology.scene import Scene, compose
from app.topology.table import MeshTable
from app.topology.table_view import MeshTableView
from app.widgets.frames import Card, EmptyState
from app.widgets.glyphs import Button, Glyph
from app.widgets.labels import label
from app.widgets.tips import tip

WIDE = 125  # average characters at which map and table have room beside each other
MOST_RINGS = 400  # computers that a search marks; of more it says no more than a count


class MeshBoard(QWidget):
    """Listens to the mesh while it can be seen. Map, table and card share one choice."""

    def __init__(self, mesh: MeshModel, clock: Callable[[], float] = time.time) -> None:
        super().__init__()
        self._mesh = mesh
        self._clock = clock
        self._scene = Scene()
        self._chosen: str | None = None
        self._wide: bool | None = None
        self._shows_table = False
        self._table = MeshTable()
        self._tools = Tools()
        self._notice = SourceLine()
        self._empty = EmptyState("peers")
        self._map = MeshMap(self._describe)
        self._legend = Legend()
        self._alone = label("", "muted", wrap=True)
        self._rows = MeshTableView(self._table)
        self._card = MemberCard()
        self._details = QScrollArea()
        self._lay_out()
        self._connect()

    # --- drawing --------------------------------------------------------------------------------------------

    def draw(self, now: float) -> None:
        """Draw what is known of the mesh; `now` is Unix seconds."""
        sight = self._mesh.sight
        view = sight.view
        known = view is not None and view.own_id is not None
        self._empty.setVisible(not known)
        self._inside.setVisible(known)
        self._tools.setVisible(known)
        self._notice.setVisible(known)
        if view is None or not known:
            self._draw_nothing(sight)
            return
        self._scene = compose(view, self._scene)
        self._notice.show_text(*self._source(sight, now))
        self._map.show_scene(self._scene, words.captions(self._scene))
        self._rows.draw(self._scene, now)
        self._legend.show_scene(self._scene)
        self._draw_alone()
        self._show_found()
        self._card.draw(self._scene, self._chosen, now)
        self._fit_details()

    def _draw_nothing(self, sight: MeshSight) -> None:
        if sight.view is not None:
            title, text = self.tr("Not in a mesh yet"), self.tr("Join one with an invite; it is then shown here.")
        elif sight.refusal:
            title, text = self.tr("The mesh cannot be shown"), sight.refusal
        else:
            title = self.tr("Looking at the mesh")
            text = self.tr("The node on this computer is asked who is there. This takes a moment.")
        self._empty.show_text(title, text)

    def _source(self, sight: MeshSight, now: float) -> tuple[Tone, str]:
        if not sight.live:
            return "warn", self.tr("The node on this computer says nothing new; this is how it was.")
        return words.source_notice(self._scene.view, now)

    def _draw_alone(self) -> None:
        alone = len(self._scene.view.workers) < 2
        self._alone.setVisible(alone)
        if alone:
            text = self.tr(
                "This computer is the only one so far. Others appear here as soon as they join the mesh."
            )
            self._alone.setText(text)

    def _describe(self, name: str) -> str:
        member = self._scene.members.get(name)
        return words.describe(member, self._scene.view.own_id, self._clock()) if member is not None else name

    # --- one choice for all -----------------------------------------------------------------------------------

    def _choose(self, name: str) -> None:
        self._chosen = name or None
        self._map.choose(self._chosen)
        self._rows.choose(self._chosen)
        self._card.draw(self._scene, self._chosen, self._clock())
        self._fit_details()

    def _open(self, name: str) -> None:
        """Show somebody on the map."""
        self._choose(name)
        self._show_table(wanted=False)
        self._map.centre_on(name)

    # --- search -----------------------------------------------------------------------------------------------

    def _search(self, text: str) -> None:
        self._table.search(text)
        self._show_found()
        found = self._table.found
        if self._table.searched and found and not self._map.sees_any(found):
            self._map.centre_on(found[0], nearer=False)

    def _show_found(self) -> None:
        found = self._table.found if self._table.searched else ()
        self._map.show_found(frozenset(found) if len(found) <= MOST_RINGS else frozenset())
        self._tools.show_found(len(found) if self._table.searched else None)

    def _next_found(self, step: int) -> None:
        """Choose the next of those that were found, and look at it."""
        found = self._table.found
        if self._table.searched and found:
            row = self._table.row_of(self._chosen)
            start = row if row is not None else (-1 if step > 0 else 0)
            name = found[(start + step) % len(found)]
            self._choose(name)
            self._map.centre_on(name)

    # --- layout -------------------------------------------------------------------------------------------------

    def _lay_out(self) -> None:
        self._map_side, self._table_side, self._side = Card(), Card(), QWidget()
        for card in (self._map_side, self._table_side):
            card.setSizePolicy(self._map.sizePolicy())
        self._map_side.body.addWidget(self._map, 1)
        self._map_side.body.addWidget(self._alone)
        self._map_side.body.addWidget(self._legend)
        self._table_side.body.addWidget(self._rows, 1)
        self._details.setWidget(self._card)
        self._details.setWidgetResizable(True)
        self._details.setFrameShape(QFrame.Shape.NoFrame)
        self._details.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self._details.setFocusPolicy(Qt.FocusPolicy.TabFocus)  # so that keys can scroll it
        self._details.setProperty("keys", "true")
        self._details.setAccessibleName(self.tr("All about the chosen computer"))
        side = QVBoxLayout(self._side)
        side.setContentsMargins(0, 0, 0, 0)
        side.setSpacing(14)
        side.addWidget(self._details)
        side.addWidget(self._table_side, 1)
        self._inside = QWidget()
        self._line = QBoxLayout(QBoxLayout.Direction.LeftToRight, self._inside)
        self._line.setContentsMargins(0, 0, 0, 0)
        self._line.setSpacing(14)
        self._line.addWidget(self._map_side, 3)
        self._line.addWidget(self._side, 2)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(10)
        for widget, stretch in ((self._tools, 0), (self._notice, 0), (self._inside, 1), (self._empty, 1)):
            column.addWidget(widget, stretch)

    def _connect(self) -> None:
        self._mesh.changed.connect(self._sight_changed)
        self._map.picked.connect(self._choose)
        self._rows.picked.connect(self._choose)
        self._rows.opened.connect(self._open)
        self._card.closed.connect(lambda: self._choose(""))
        self._card.centre_wanted.connect(self._open)
        tools = self._tools
        tools.search.textChanged.connect(self._search)
        tools.search.returnPressed.connect(lambda: self._next_found(1))
        tools.nearer.clicked.connect(lambda: self._map.zoom(1))
        tools.farther.clicked.connect(lambda: self._map.zoom(-1))
        tools.all.clicked.connect(self._map.fit)
        tools.switch.clicked.connect(lambda: self._show_table(wanted=not self._shows_table))
        find = QShortcut(QKeySequence(QKeySequence.StandardKey.Find), self)
        find.setContext(Qt.ShortcutContext.WidgetWithChildrenShortcut)
        find.activated.connect(tools.search.setFocus)
        order = (tools.search, tools.farther, tools.nearer, tools.all, tools.switch, self._map, self._rows)
        for one, other in itertools.pairwise(order):
            QWidget.setTabOrder(one, other)

    def _show_table(self, *, wanted: bool) -> None:
        """Show the table in place of the map, or again the map, where there is room for one only."""
        self._shows_table = wanted
        self._arrange()

    def _arrange(self) -> None:
        """Put map and table beside each other where there is room, else show one of them."""
        # A scroll bar that comes with the details must not take the table, and the keyboard that is in it, away.
        slack = self.style().pixelMetric(QStyle.PixelMetric.PM_ScrollBarExtent) if self._wide else 0
        self._wide = self.width() >= WIDE * self.fontMetrics().averageCharWidth() - slack
        horizontal, vertical = QBoxLayout.Direction.LeftToRight, QBoxLayout.Direction.TopToBottom
        self._line.setDirection(horizontal if self._wide else vertical)
        self._line.setStretch(1, 2 if self._wide or self._shows_table else 0)
        self._map_side.setVisible(self._wide or not self._shows_table)
        self._table_side.setVisible(self._wide or self._shows_table)
        self._tools.show_switch(None if self._wide else self._shows_table)
        self._fit_details()

    def _fit_details(self) -> None:
        """Give the card the room that it needs, but never most of the board's."""
        shown = not self._card.isHidden()
        self._details.setVisible(shown)
        self._side.setVisible(shown or not self._table_side.isHidden())
        self._legend.setVisible(bool(self._wide) or not shown)
        if shown:
            layout = self._card.layout()
            width = self._details.viewport().width()
            needed = layout.heightForWidth(width) if layout is not None else 0
            room = min(self.height(), int(0.8 * self.window().height()))  # the page around us would grow with it
            most = int(room * (0.55 if self._wide else 0.34))
            self._details.setFixedHeight(max(90, min(needed, most)))

    # --- Qt ---------------------------------------------------------------------------------------------------

    def _sight_changed(self, _sight: MeshSight) -> None:
        if self.isVisible():
            self.draw(self._clock())

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        self._mesh.watch(wanted=True)
        self.draw(self._clock())

    def hideEvent(self, event: QHideEvent) -> None:
        super().hideEvent(event)
        self._mesh.watch(wanted=False)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._arrange()

    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        if event.type() == QEvent.Type.FontChange:
            self._arrange()


class Tools(QWidget):
    """Search and zoom, and the switch between map and table."""

    def __init__(self) -> None:
        super().__init__()
        self.search = QLineEdit()
        self.search.setPlaceholderText(self.tr("Search names, services, states or ways"))
        self.search.setAccessibleName(self.tr("Search the mesh"))
        self.search.setClearButtonEnabled(True)
        self.search.setMinimumWidth(120)
        self.search.setMaximumWidth(460)
        self._count = label("", "muted")
        self.farther = _small("−", self.tr("Zoom out"))
        self.nearer = _small("+", self.tr("Zoom in"))
        self.all = _small(self.tr("Show all"), self.tr("Show the whole mesh"))
        self.switch = Button(self.tr("Table"))
        line = QHBoxLayout(self)
        line.setContentsMargins(0, 0, 0, 0)
        line.setSpacing(8)
        line.addWidget(self.search, 1)
        line.addWidget(self._count)
        line.addStretch(0)
        for button in (self.farther, self.nearer, self.all, self.switch):
            line.addWidget(button)

    def show_found(self, count: int | None) -> None:
        """Say how many a search has found; nothing while none is on."""
        self._count.setVisible(count is not None)
        if count is not None:
            self._count.setText(words.found_text(count))

    def show_switch(self, shows_table: bool | None) -> None:
        """Offer what is not shown; nothing where both are."""
        self.switch.setVisible(shows_table is not None)
        self.switch.setText(self.tr("Map") if shows_table else self.tr("Table"))
        for button in (self.farther, self.nearer, self.all):
            button.setVisible(not shows_table)


class SourceLine(QWidget):
    """One line that says where the picture comes from, and whether it is of now."""

    def __init__(self) -> None:
        super().__init__()
        self._glyph = Glyph("good", 16, "good")
        self._text = label("", "muted", wrap=True)
        line = QHBoxLayout(self)
        line.setContentsMargins(0, 0, 0, 0)
        line.setSpacing(8)
        line.addWidget(self._glyph, 0, Qt.AlignmentFlag.AlignTop)
        line.addWidget(self._text, 1)

    @property
    def text(self) -> str:
        return self._text.text()

    def show_text(self, tone: Tone, text: str) -> None:
        self._glyph.show_glyph(tone, tone)
        self._text.setText(text)
        self.setAccessibleName(text)


def _small(text: str, name: str) -> Button:
    button = Button(text)
    button.setAccessibleName(name)
    button.setToolTip(tip(name))
    return button
