"""The overview: why the state is what it is, what this machine does, has given and has, and which mesh it is in."""

from __future__ import annotations

import time

from PySide6.QtCore import QCoreApplication, Qt
from PySide6.QtWidgets import QHBoxLayout

from app import figures, wording
from app.counted import counted
from app.node_model import NodeModel
from app.panels import Panel
from app.panels.contribution import ContributionCard
from app.panels.live import LiveCard
from app.panels.machine import MachineCard
from app.panels.watching import Watching
from app.picture import Picture
from app.widgets.columns import Columns
from app.widgets.frames import Card, Fact, ReasonLine
from app.widgets.glyphs import Button
from app.widgets.labels import label
from app.widgets.meters import ChartWithCaption, Figure, Meter
from app.widgets.question import ask
from app.widgets.tips import tip
from node.state import NodeState, Reason, View

MOST_REASONS = 8


class OverviewPanel(Panel):
    """Cards drawn from the node's state, and two that are live while they can be seen."""

    def __init__(self, model: NodeModel) -> None:
        super().__init__()
        self._model = model
        self._reasons = ReasonsCard(self.tr("What to know"))
        self._remarks = ReasonsCard(self.tr("Good to know"))
        self._work = WorkCard()
        self._mesh = MeshCard(model)
        self._machine = MachineCard()
        self._live = LiveCard()
        self._contribution = ContributionCard()
        self.column.addWidget(self._reasons)
        self.column.addWidget(self._live)
        self.column.addWidget(Columns([self._work, self._contribution], [self._mesh, self._machine, self._remarks]))
        self.column.addStretch(1)
        self.setProperty("keys", "true")
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus)  # or the keyboard could not reach what is further down
        Watching(self, self._seen)
        model.vitals.changed.connect(self._draw_live)

    def draw(self, picture: Picture, now: float) -> None:
        reasons = wording.shown_reasons(picture.state) if picture.state else ()
        quiet = tuple(reason for reason in reasons if wording.REASONS[reason.code].tone == "quiet")
        self._reasons.draw(tuple(reason for reason in reasons if reason not in quiet), now)
        self._remarks.draw(quiet, now)
        self._work.draw(picture)
        self._mesh.draw(picture)
        self._machine.show_capabilities(picture.state.capabilities if picture.state else None)
        self._draw_live()

    def _draw_live(self) -> None:
        if not self.isVisible():
            return
        sight, state, now = self._model.vitals.sight, self._model.picture.state, time.time()
        found = state.capabilities if state else None
        self._live.draw(sight, found, now)
        self._contribution.draw(sight, has_gpu=bool(found and found.has_gpu), now=now)

    def _seen(self, seen: bool) -> None:
        self._model.vitals.watch(self, wanted=seen)
        self._draw_live()


class ReasonsCard(Card):
    """Some of what a person should know about the state; hidden when there is nothing."""

    def __init__(self, name: str) -> None:
        super().__init__()
        self.setAccessibleName(name)
        self._lines = [ReasonLine() for _ in range(MOST_REASONS)]
        for line in self._lines:
            self.body.addWidget(line)

    def draw(self, reasons: tuple[Reason, ...], now: float) -> None:
        self.setVisible(bool(reasons))
        for position, line in enumerate(self._lines):
            line.setVisible(position < len(reasons))
            if position < len(reasons):
                reason = reasons[position]
                words = wording.REASONS[reason.code]
                line.show_reason(words.label, wording.reason_text(reason, now), words.tone)


class WorkCard(Card):
    """How loaded the machine is and what it has answered since the node started."""

    def __init__(self) -> None:
        super().__init__(QCoreApplication.translate("WorkCard", "Helping now"))
        self._load_text = label("", "muted")
        self._load = Meter(self.tr("Load"))
        self._answered = Figure(
            self.tr("answered here"), self.tr("Requests that this computer has answered since the node started")
        )
        self._in_flight = Figure(self.tr("under way"), self.tr("Requests that are being worked on at this moment"))
        self._services = Figure(self.tr("services ready"), self.tr("Services that run here and can take requests"))
        self._chart = ChartWithCaption()
        load = QHBoxLayout()
        load.addWidget(label(self.tr("Load"), "muted"), 1)
        load.addWidget(self._load_text)
        numbers = QHBoxLayout()
        numbers.setSpacing(16)
        for figure in (self._answered, self._in_flight, self._services):
            numbers.addWidget(figure, 1)
        self.body.addLayout(numbers)
        self.body.addSpacing(4)
        self.body.addLayout(load)
        self.body.addWidget(self._load)
        self.body.addSpacing(4)
        self.body.addWidget(self._chart)

    def draw(self, picture: Picture) -> None:
        state, view = picture.state, picture.view
        self._answered.show_number(figures.number(view.stats.local_requests) if view else figures.DASH)
        self._in_flight.show_number(figures.number(state.in_flight) if state else figures.DASH)
        running = sum(report.state == "running" for report in state.services) if state else 0
        self._services.show_number(figures.number(running) if state else figures.DASH)
        load = state.load if state else 0.0
        self._load_text.setText(figures.percent(load))
        self._load.show_fraction(load, "warn" if load >= 0.9 else None)
        self._chart.show_counts(picture.activity)


class MeshCard(Card):
    """Who this machine is, which coordinator it listens to, and the way out."""

    def __init__(self, model: NodeModel) -> None:
        super().__init__(QCoreApplication.translate("MeshCard", "Your mesh"))
        self._model = model
        middle = Qt.TextElideMode.ElideMiddle
        self._name = Fact("name", self.tr("Name"))
        self._worker = Fact("system", self.tr("Known as"), middle)
        self._coordinator = Fact("coordinator", self.tr("Coordinator"), middle)
        self._trust = Fact("trust", self.tr("Trusted with"))
        self._others = Fact("peers", self.tr("In contact"))
        self._vpn = Fact("network", self.tr("Private net"))
        for fact in (self._name, self._worker, self._coordinator, self._trust, self._others, self._vpn):
            self.body.addWidget(fact)
        self._leave = Button(self.tr("Leave this mesh…"), "leave", "quiet")
        self._leave.setAccessibleDescription(self.tr("Asks first, then takes this computer out of the mesh"))
        self._leave.clicked.connect(self._ask_to_leave)
        self.body.addWidget(self._leave, 0, Qt.AlignmentFlag.AlignLeft)

    def draw(self, picture: Picture) -> None:
        state = picture.state
        if state is None or state.membership is None:
            self.hide()
            return
        self.show()
        self._name.show_value(state.name)
        self._worker.show_value(state.membership.worker_id)
        self._coordinator.show_value(coordinator_text(state))
        vetted = state.membership.trust == "vetted"
        self._trust.show_value(
            self.tr("Public and personal documents") if vetted else self.tr("Public documents only")
        )
        self._others.show_value(others_text(picture.view))
        self._vpn.show_value(wording.vpn_text(state.vpn) if state.vpn.state != "off" else "")
        self._vpn.setToolTip(tip(wording.vpn_meaning(state.vpn)))
        self._leave.setEnabled(picture.connected and "leave" not in picture.pending and not state.leaving)

    def _ask_to_leave(self) -> None:
        ask(
            self,
            self.tr("Leave this mesh?"),
            self.tr(
                "Requests under way are finished, then this computer stops helping. To come back you need a new "
                "invite from the mesh's operator."
            ),
            yes=self.tr("Leave"),
            no=self.tr("Stay"),
            act=self._model.leave,
        )


def coordinator_text(state: NodeState) -> str:
    url = state.coordinator or ""
    if not url:
        return ""
    silent = QCoreApplication.translate("MeshCard", "{host} – does not answer")
    return figures.host_of(url) if state.coordinator_ok else silent.format(host=figures.host_of(url))


def others_text(view: View | None) -> str:
    """Count the workers that are in contact, as the mesh's page does: coordinators are none of them."""
    if view is None or not view.peers:
        return QCoreApplication.translate("MeshCard", "No other computers yet")
    return counted.other_computers(len(view.peers))
