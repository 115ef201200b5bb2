"""All services of the mesh as this computer sees them: what it does, may do and leaves to others, and why."""

from __future__ import annotations

from functools import partial

from PySide6.QtCore import QCoreApplication, QTimer
from PySide6.QtWidgets import QVBoxLayout

from app import wording
from app.node_model import SERVICE_PREFIX, NodeModel
from app.panels import Panel
from app.panels.service_card import ServiceCard
from app.panels.service_words import ServiceLine, lines_of
from app.panels.watching import Watching
from app.picture import Picture
from app.translations import speaks_english
from app.tray_picture import services_off
from app.widgets.frames import Banner, EmptyState
from app.widgets.labels import label
from app.widgets.question import ask
from node.state import NodeState
from node.vitals.values import NOTHING

MOST_CARDS = 200
translate = QCoreApplication.translate


class ServicesPanel(Panel):
    """One card for each service; figures are live while the page can be seen."""

    def __init__(self, model: NodeModel) -> None:
        super().__init__()
        self._model = model
        self._cards: dict[str, ServiceCard] = {}
        self._intro = label(
            self.tr(
                "What the mesh's coordinator may give this computer to do. Switch off what you do not want to help "
                "with; you can pause all of it at any time."
            ),
            "muted",
            wrap=True,
        )
        self._old = label("", "small", wrap=True)
        self._refusal = Banner()
        self._refusal.closed.connect(lambda _about: model.rules.dismiss())
        self._heading = label(self.tr("Not running here"), "title")
        self._here, self._others = QVBoxLayout(), QVBoxLayout()
        self._empty = EmptyState("services")
        self._lay_out()
        Watching(self, self._seen)
        model.vitals.changed.connect(self._draw_figures)
        model.rules.changed.connect(self._draw_again)

    def _lay_out(self) -> None:
        for widget in (self._intro, self._old, self._refusal):
            self.column.addWidget(widget)
        for cards in (self._here, self._others):
            cards.setSpacing(10)
        self.column.addLayout(self._here)
        self.column.addWidget(self._empty)
        self.column.addWidget(self._heading)
        self.column.addLayout(self._others)
        self.column.addStretch(1)

    def draw(self, picture: Picture, _now: float) -> None:
        state = picture.state
        lines = self._lines(state) if state is not None and picture.enrolled else ()
        self._keep_cards(lines)
        switchable = picture.connected and state is not None and _readable(state)
        for line in lines:
            busy = SERVICE_PREFIX + line.name in picture.pending
            self._cards[line.name].draw(line, usable=picture.connected and not busy, switchable=switchable)
        at_work = any(line.here for line in lines)
        self._intro.setVisible(bool(lines))
        self._heading.setVisible(any(not line.here for line in lines))
        self._empty.setVisible(not at_work)
        if not at_work:
            self._empty.show_text(*why_nothing(state))
        self._refusal.show_notice(self._model.rules.refusal)
        self._draw_figures()

    def _draw_figures(self) -> None:
        if not self.isVisible():
            return
        sight, picture = self._model.vitals.sight, self._model.picture
        stale = sight.lost or not (picture.connected or picture.view is None)
        told = sight.contribution
        self._old.setText(self.tr("The node does not answer just now. This is how its services were."))
        self._old.setVisible(stale and bool(self._cards))
        for name, card in self._cards.items():
            today = told.services_today.get(name, NOTHING) if told is not None else NOTHING
            card.draw_figures(sight.service(name), today, stale=stale)

    def _draw_again(self) -> None:
        """Show at once what was asked of the rules, and what came of it."""
        if self.isVisible() and self._model.picture.view is not None:
            self.draw(self._model.picture, 0.0)

    def _lines(self, state: NodeState) -> tuple[ServiceLine, ...]:
        return lines_of(state, self._model.rules.over(state.rules))[:MOST_CARDS]

    def _keep_cards(self, lines: tuple[ServiceLine, ...]) -> None:
        names = [line.name for line in lines]
        for name in [name for name in self._cards if name not in names]:
            card = self._cards.pop(name)
            card.hide()
            card.deleteLater()
        kept, self._cards = self._cards, {}
        places = {self._here: 0, self._others: 0}
        for line in lines:
            card = self._cards[line.name] = kept.get(line.name) or self._make_card(line.name)
            column = self._here if line.here else self._others
            if column.indexOf(card) != places[column]:
                (self._others if line.here else self._here).removeWidget(card)
                column.removeWidget(card)
                column.insertWidget(places[column], card)
            places[column] += 1

    def _make_card(self, name: str) -> ServiceCard:
        card = ServiceCard(name)
        card.restart_wanted.connect(self._restart)
        card.log_wanted.connect(self._show_log)
        card.switched.connect(self._switch)
        return card

    # --- what is asked for ----------------------------------------------------------------------------------

    def _switch(self, name: str, title: str) -> None:
        state = self._model.picture.state
        if state is not None:
            rules = self._model.rules.over(state.rules)
            off = services_off(rules, name, on=name in rules.services_off)
            self._model.rules.change(title, {"services_off": off})
            QTimer.singleShot(0, self, self._draw_again)  # back to what is so, where nothing could be asked

    def _restart(self, name: str, title: str) -> None:
        """Restart, after a question where that would cut off requests."""
        under_way = self._under_way(name)
        if not under_way:
            self._model.restart_service(name)
            return
        ask(
            self,
            self.tr("Restart %1?").replace("%1", title),
            self.tr("Requests that it is working on now may have to be repeated: %1.").replace(
                "%1", str(under_way)
            ),
            yes=self.tr("Restart"),
            no=self.tr("Leave it running"),
            act=partial(self._model.restart_service, name),
        )

    def _under_way(self, name: str) -> int:
        """Return how many requests a service works on; where that is not known, all that are under way."""
        sight, state = self._model.vitals.sight, self._model.picture.state
        vitals = sight.service(name)
        if sight.latest is not None and not sight.lost:
            return vitals.in_flight if vitals is not None else 0
        return state.in_flight if state is not None else 0

    def _show_log(self, name: str, title: str) -> None:
        from app.panels.service_log import ServiceLogDialog  # seldom wanted, and memory that is saved till then

        ServiceLogDialog(self, self._model.vitals, name, title).open()

    def _seen(self, seen: bool) -> None:
        self._model.vitals.watch(self, wanted=seen)
        self._draw_figures()


def _readable(state: NodeState) -> bool:
    return not any(reason.code == "rules-unreadable" for reason in state.verdict.reasons)


def why_nothing(state: NodeState | None) -> tuple[str, str]:
    """Say why there are no services, and what to do if anything."""
    if state is None:
        return translate("Services", "Not known yet"), translate(
            "Services", "The node on this computer has not answered yet. This usually takes a few seconds."
        )
    if state.membership is None:
        return translate("Services", "No services yet"), translate(
            "Services", "Join a mesh first: open the overview and paste your invite."
        )
    if state.rest == "all" and not state.paused and state.verdict.reasons:
        reason = state.verdict.reasons[0]
        return translate("Services", "Nothing runs while this computer rests"), wording.rule_sentence(reason)
    if state.paused or state.draining:
        return translate("Services", "Nothing runs while paused"), translate(
            "Services", "Press Resume at the top when this computer may help again."
        )
    nothing = translate("Services", "Nothing to do at the moment")
    if state.assignment is not None and state.assignment.detail and speaks_english():
        return nothing, state.assignment.detail
    return nothing, translate(
        "Services",
        "The coordinator has not given this computer a service yet. It will by itself when there is need; "
        "there is nothing that you have to do.",
    )
