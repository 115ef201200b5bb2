"""The services that this machine was given: state, what it means, and a restart for each."""

from __future__ import annotations

from functools import partial

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QFrame, QHBoxLayout, QVBoxLayout

from app import wording
from app.node_model import SERVICE_PREFIX, NodeModel
from app.panels import Panel
from app.picture import Picture
from app.widgets.frames import EmptyState
from app.widgets.glyphs import Button, Glyph
from app.widgets.labels import ElidedLabel, Pill, label
from app.widgets.question import ask
from node.state import NodeState
from node.wire.manifests import Manifest
from node.wire.messages import ServiceReport


class ServicesPanel(Panel):
    """One row for each assigned service, in the coordinator's order."""

    def __init__(self, model: NodeModel) -> None:
        super().__init__()
        self._model = model
        self._rows: dict[str, ServiceRow] = {}
        self._intro = label(
            "What the coordinator gave this computer to do. You can pause all of it at any time.",
            "muted",
            wrap=True,
        )
        self._list = QVBoxLayout()
        self._list.setSpacing(10)
        self._empty = EmptyState("services")
        self.column.addWidget(self._intro)
        self.column.addLayout(self._list)
        self.column.addWidget(self._empty, 1)
        self.column.addStretch(1)

    def draw(self, picture: Picture, _now: float) -> None:
        state = picture.state
        reports = state.services if state else ()
        self._keep_rows(reports)
        known = state.catalogue.by_name() if state else {}
        for report in reports:
            busy = SERVICE_PREFIX + report.name in picture.pending
            self._rows[report.name].draw(report, known.get(report.name), usable=picture.connected and not busy)
        self._intro.setVisible(bool(reports))
        self._empty.setVisible(not reports)
        if not reports:
            self._empty.show_text(*why_nothing(state))

    def _keep_rows(self, reports: tuple[ServiceReport, ...]) -> None:
        names = [report.name for report in reports]
        if names == list(self._rows):
            return
        for name in [name for name in self._rows if name not in names]:
            row = self._rows.pop(name)
            self._list.removeWidget(row)
            row.deleteLater()
        kept, self._rows = self._rows, {}
        for position, name in enumerate(names):
            row = kept.get(name) or ServiceRow(name)
            if name not in kept:
                row.restart_wanted.connect(self._ask_to_restart)
            self._rows[name] = row
            self._list.insertWidget(position, row)

    def _ask_to_restart(self, name: str, title: str, running: bool) -> None:
        if not running:
            self._model.restart_service(name)
            return
        ask(
            self,
            f"Restart {title}?",
            "It runs well at the moment. Requests that it is working on may have to be repeated.",
            yes="Restart",
            no="Leave it running",
            act=partial(self._model.restart_service, name),
        )


class ServiceRow(QFrame):
    """One service: icon of its state, title, what it is for, state, detail, restart."""

    restart_wanted = Signal(str, str, bool)

    def __init__(self, name: str) -> None:
        super().__init__()
        self._name = name
        self._running = False
        self._shown_title = name
        self.setProperty("kind", "card")
        self._glyph = Glyph("quiet", 26)
        self._title = ElidedLabel("", "strong")
        self._about = ElidedLabel("", "muted")
        self._detail = label("", "small", wrap=True)
        self._pill = Pill()
        self._restart = Button("Restart", "restart")
        self._restart.clicked.connect(
            lambda: self.restart_wanted.emit(self._name, self._shown_title, self._running)
        )
        words = QVBoxLayout()
        words.setSpacing(3)
        for widget in (self._title, self._about, self._detail):
            words.addWidget(widget)
        line = QHBoxLayout(self)
        line.setContentsMargins(16, 12, 14, 12)
        line.setSpacing(14)
        line.addWidget(self._glyph)
        line.addLayout(words, 1)
        line.addWidget(self._pill)
        line.addWidget(self._restart)

    def draw(self, report: ServiceReport, manifest: Manifest | None, *, usable: bool) -> None:
        words = wording.SERVICE_STATES[report.state]
        self._shown_title = manifest.title if manifest else report.name
        self._running = report.state == "running"
        self._glyph.show_glyph(words.tone, words.tone)
        self._title.show_text(self._shown_title)
        self._about.show_text(manifest.description if manifest else "")
        self._about.setVisible(bool(manifest and manifest.description))
        self._detail.setText(wording.service_detail(report.state, report.detail))
        self._pill.show_state(words.label, words.tone)
        self._restart.setEnabled(usable and report.state != "starting")
        self._restart.setAccessibleName(f"Restart {self._shown_title}")
        self.setAccessibleName(f"{self._shown_title}: {words.label}")


def why_nothing(state: NodeState | None) -> tuple[str, str]:
    """Say why there are no services, and what to do if anything."""
    if state is None:
        return "Not known yet", "The node on this computer has not answered yet. This usually takes a few seconds."
    if state.membership is None:
        return "No services yet", "Join a mesh first: open the overview and paste your invite."
    if state.rest == "all" and not state.paused and state.verdict.reasons:
        reason = state.verdict.reasons[0]
        return "Nothing runs while this computer rests", f"{reason.text} {reason.ends}"
    if state.paused or state.draining:
        return "Nothing runs while paused", "Press Resume at the top when this computer may help again."
    if state.assignment is not None and state.assignment.detail:
        return "Nothing to do at the moment", state.assignment.detail
    return (
        "Nothing to do at the moment",
        "The coordinator has not given this computer a service yet. It will by itself when there is need; "
        "there is nothing that you have to do.",
    )
