"""The page of the activity log: what is wanted, the list, all about the entry that is chosen, the export."""

from __future__ import annotations

import time

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QComboBox, QLineEdit, QSizePolicy, QVBoxLayout, QWidget

from app import figures
from app.diagnostics.dialog import DiagnosticsDialog, export_bundle
from app.journal import words
from app.journal.rows import Wish
from app.journal.table import JournalModel
from app.journal.view import JournalView
from app.node_model import NodeModel
from app.past_model import ActivitySight
from app.picture import Picture
from app.widgets.flow import Flow
from app.widgets.frames import Card, EmptyState
from app.widgets.glyphs import Button
from app.widgets.labels import label
from node.activity.entries import Entry


class JournalBoard(QWidget):
    """Drawn from an ActivitySight; nothing moves under the reader's eyes."""

    def __init__(self, model: NodeModel) -> None:
        super().__init__()
        self._model = model
        self._journal = JournalModel()
        self.view = JournalView(self._journal)
        self.dialog: DiagnosticsDialog | None = None
        self._make_tools()
        self._stale = label("", "muted", wrap=True)
        self._empty = EmptyState("activity")
        self._newer = Button("", kind="quiet")
        self._newer.hide()
        self._newer.clicked.connect(self.view.to_newest)
        self._details = label("", wrap=True)
        self._details.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self._details.hide()
        self._lay_out()
        self.view.chosen.connect(self._show_details)
        self.view.unseen_changed.connect(self._show_unseen)

    def draw(self, sight: ActivitySight, picture: Picture, now: float) -> None:
        """Draw what is known of the log; `now` is Unix seconds."""
        self.view.show_entries(sight.entries or (), now)
        stale = sight.entries is not None and not (sight.live and picture.connected)
        self._stale.setVisible(stale)
        if stale:
            self._stale.setText(self.tr("The node here says nothing new; this is what happened before."))
        self._draw_empty(sight)
        self.export.setEnabled(self._model.data_dir is not None)

    def _draw_empty(self, sight: ActivitySight) -> None:
        shown = bool(self._journal.shown)
        self._empty.setVisible(not shown)
        self.view.setVisible(shown)
        self.copy.setEnabled(shown)
        if sight.entries is None:
            title = self.tr("Reading the log")
            text = self.tr("The node on this computer is asked what happened. This takes a moment.")
        elif self._journal.wish.everything:
            title = self.tr("Nothing has happened yet")
            text = self.tr("What happens to this computer in the mesh is noted here, in plain words.")
        else:
            title = self.tr("Nothing like that")
            text = self.tr("No entry is of this kind and has these words. Try fewer words, or another kind.")
        self._empty.show_text(title, text)

    # --- what is wanted -------------------------------------------------------------------------------------

    def _want(self) -> None:
        kind: words.Choice = self.kind.currentData()
        self._journal.want(Wish(kind, self.search.text()))
        self.view.scrollToTop()
        self._draw_empty(self._model.activity.sight)

    def _show_details(self, entry: Entry | None) -> None:
        self._details.setVisible(entry is not None)
        if entry is not None:
            stamp = f"{figures.long_date(entry.at)}, {time.strftime('%H:%M:%S', figures.local_time(entry.at))}"
            self._details.setText("\n".join(part for part in (stamp, words.sentence(entry), entry.detail) if part))

    def _show_unseen(self, count: int) -> None:
        self._newer.setVisible(count > 0)
        self._newer.setText(words.new_entries(count))

    # --- diagnostics ----------------------------------------------------------------------------------------

    def export_diagnostics(self) -> None:
        """Collect a bundle, show what is in it, and save it where the user wants it."""
        if self._model.data_dir is None:
            return
        self.dialog = export_bundle(self, self._model.data_dir, self._model.picture)
        self.dialog.destroyed.connect(self._forget_dialog)

    def _forget_dialog(self) -> None:
        self.dialog = None

    # --- layout ---------------------------------------------------------------------------------------------

    def _make_tools(self) -> None:
        self.kind = QComboBox()
        self.kind.setAccessibleName(self.tr("Kind of entries"))
        for kind, text in words.choices().items():
            self.kind.addItem(text, kind)
        self.kind.currentIndexChanged.connect(lambda _index: self._want())
        self.search = QLineEdit()
        self.search.setPlaceholderText(self.tr("Search"))
        self.search.setAccessibleName(self.tr("Search in the log"))
        self.search.setClearButtonEnabled(True)
        self.search.textChanged.connect(lambda _text: self._want())
        self.copy = Button(self.tr("Copy"), "paste")
        self.copy.setToolTip(self.tr("Copy the entries that are selected, or all that are shown"))
        self.copy.clicked.connect(self.view.copy)
        self.export = Button(self.tr("Export diagnostics…"))
        self.export.setToolTip(self.tr("Make a file that helps others to find out what is wrong, without secrets"))
        self.export.clicked.connect(self.export_diagnostics)

    def _lay_out(self) -> None:
        tools = QWidget()
        tools.setLayout(Flow(self.kind, self.search, self.copy, self.export))
        policy = QSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Minimum)
        policy.setHeightForWidth(True)
        tools.setSizePolicy(policy)
        card = Card()
        card.setAccessibleName(self.tr("Activity"))
        card.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Expanding)
        for widget in (self._stale, self._newer, self._details):
            card.body.addWidget(widget)
        card.body.insertWidget(2, self.view, 1)
        card.body.insertWidget(3, self._empty, 1)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(12)
        column.addWidget(tools)
        column.addWidget(card, 1)
