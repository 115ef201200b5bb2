"""All that stands on the settings' page: every rule's card, the app's own, and the foot with the way back."""

from __future__ import annotations

from PySide6.QtCore import QObject, Qt
from PySide6.QtWidgets import QFrame, QHBoxLayout, QSizePolicy, QVBoxLayout, QWidget

from app import wording
from app.autostart import autostart_of_this_system
from app.node_model import NodeModel
from app.panels.settings_groups.goodbye import GoodbyeCard
from app.panels.settings_groups.graphics import GraphicsCard
from app.panels.settings_groups.language import LanguageCard
from app.panels.settings_groups.limits import LimitsCard
from app.panels.settings_groups.login import LoginCard
from app.panels.settings_groups.patience import PatienceCard
from app.panels.settings_groups.power import PowerCard
from app.panels.settings_groups.presence import PresenceCard
from app.panels.settings_groups.row import Facts
from app.panels.settings_groups.times import TimesCard
from app.panels.settings_groups.updates import UpdatesCard
from app.picture import Notice, Picture
from app.rules_model import RulesModel
from app.translations import speaks_english
from app.widgets.frames import Banner, Card
from app.widgets.glyphs import Button
from app.widgets.labels import label
from app.widgets.question import ask
from node.rules.settings import Rules
from node.rules.verdict import Verdict
from node.wire.messages import Capabilities

WIDEST = 140  # average characters; longer lines are hard to read


class Content(QObject):
    """All that stands on the page."""

    def __init__(self, model: NodeModel, parent: QWidget) -> None:
        super().__init__(parent)
        self._rules = rules = model.rules
        self._drawn: tuple[Facts, float] | None = None
        change = rules.change
        self.times, self.presence = TimesCard(change), PresenceCard(change)
        self.power, self.graphics = PowerCard(change), GraphicsCard(change)
        self.limits, self.patience = LimitsCard(change), PatienceCard(change)
        self.login = LoginCard(autostart_of_this_system(model.data_dir))
        self.language = LanguageCard(model.data_dir)
        self.updates = UpdatesCard()
        self.goodbye = GoodbyeCard(model, model.data_dir)
        self.unusable = Banner(closable=False)
        self.foot = Foot(rules)
        self.refusal, self.undoing = self.foot.refusal, self.foot.undoing
        self.anew = Button(self.tr("Begin with new rules"))
        self.anew.clicked.connect(self._ask_to_begin_anew)
        self.unusable.buttons.addWidget(self.anew)
        self.resetting = Button(self.tr("Reset all rules…"), "restart")
        self.resetting.clicked.connect(self._ask_to_reset)
        self.whole = QWidget()
        self._lay_out()

    def draw(self, picture: Picture, now: float, *, anew: bool = False) -> None:
        """Draw what is not drawn yet; `anew` is for when a widget may show what was asked for and refused."""
        state = picture.state
        verdict = state.verdict if state else Verdict()
        readable = not any(reason.code == "rules-unreadable" for reason in verdict.reasons)
        facts = Facts(
            rules=self._rules.over(state.rules if state else Rules()),
            verdict=verdict,
            capabilities=state.capabilities if state else Capabilities(),
            caps=state.caps if state else (),
            usable=picture.connected and readable,
            live=picture.connected and readable,
        )
        if anew or (facts, now // 60) != self._drawn:
            self._drawn = (facts, now // 60)
            self.times.draw(facts, now)
            for card in (self.presence, self.power, self.graphics, self.limits, self.patience):
                card.draw(facts)
        self.updates.draw(picture)
        self.goodbye.draw(picture)
        self.unusable.show_notice(self._why_unusable(picture, verdict, readable=readable))
        self.anew.setVisible(picture.connected and not readable)
        self.undoing.undo.setEnabled(facts.usable)
        self.resetting.setEnabled(facts.usable and not as_at_first(facts.rules))

    def _why_unusable(self, picture: Picture, verdict: Verdict, *, readable: bool) -> Notice | None:
        if not picture.connected:
            return Notice(
                "settings",
                self.tr("The rules cannot be changed just now"),
                self.tr("The node on this computer does not answer. This is how its rules were."),
                tone="warn",
            )
        if not readable:
            reason = next(one for one in verdict.reasons if one.code == "rules-unreadable")
            text = reason.text if speaks_english() else wording.REASONS[reason.code].meaning
            hint = self.tr("Mend the file and start RMA Mesh again, or begin with the rules that are shown below.")
            return Notice("settings", self.tr("Your rules cannot be read"), text, hint)
        return None

    def _ask_to_reset(self) -> None:
        ask(
            self.whole,
            self.tr("Reset all rules?"),
            self.tr(
                "Your schedule, your list of programs and all limits become what they were at first. Which "
                "services may run, and whether this computer takes part in the mesh, stays as it is."
            ),
            yes=self.tr("Reset"),
            no=self.tr("Keep my rules"),
            act=self._reset,
        )

    def _reset(self) -> None:
        self._rules.reset(self.tr("All rules"))

    def _ask_to_begin_anew(self) -> None:
        ask(
            self.whole,
            self.tr("Begin with new rules?"),
            self.tr(
                "This computer then goes by the rules that are shown here, and goes on working. The file that "
                "cannot be read is kept beside them."
            ),
            yes=self.tr("Begin with new rules"),
            no=self.tr("Leave it as it is"),
            act=self._begin_anew,
        )

    def _begin_anew(self) -> None:
        self._rules.begin_anew(self.tr("All rules"), Rules())

    def _lay_out(self) -> None:
        self.whole.setMaximumWidth(WIDEST * self.whole.fontMetrics().averageCharWidth())
        column = QVBoxLayout(self.whole)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(14)
        intro = self.tr("Your rules hold from the moment that you change them. They are kept on this computer.")
        column.addWidget(self.unusable)
        column.addWidget(label(intro, "muted", wrap=True))
        rules: tuple[Card, ...] = (
            self.times, self.presence, self.power, self.graphics, self.limits, self.patience
        )  # fmt: skip
        ours: tuple[Card, ...] = (self.login, self.language, self.updates, self.goodbye)
        for card in (*rules, *ours):
            card.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Preferred)  # as high as its lines
        for card in rules:
            column.addWidget(card)
        column.addWidget(self.resetting, 0, Qt.AlignmentFlag.AlignLeft)
        for card in ours:
            column.addWidget(card)
        column.addStretch(1)


class Foot(QFrame):
    """Below the page, and always in sight: why a change was refused, or how the last one is taken back."""

    def __init__(self, rules: RulesModel) -> None:
        super().__init__()
        self.setProperty("kind", "foot")
        self._rules = rules
        self.refusal = Banner()
        self.refusal.closed.connect(lambda _about: rules.dismiss())
        self.undoing = UndoBar()
        self.undoing.undo.clicked.connect(rules.undo)
        column = QVBoxLayout(self)
        column.setContentsMargins(20, 8, 20, 8)
        column.setSpacing(6)
        column.addWidget(self.refusal)
        column.addWidget(self.undoing)
        self.hide()

    def draw(self) -> None:
        refusal, undoable = self._rules.refusal, self._rules.undoable
        self.refusal.show_notice(refusal)
        self.undoing.show_what(undoable.what if undoable else "")
        self.setVisible(refusal is not None or undoable is not None)


class UndoBar(QWidget):
    """Says for a few seconds what was changed, and takes it back."""

    def __init__(self) -> None:
        super().__init__()
        self._text = label("", "muted", wrap=True)
        self.undo = Button(self.tr("Undo"), "restart")
        line = QHBoxLayout(self)
        line.setContentsMargins(0, 0, 0, 0)
        line.setSpacing(8)
        line.addWidget(self._text, 1)
        line.addWidget(self.undo)
        self.hide()

    def show_what(self, what: str) -> None:
        text = self.tr("Changed: {what}.").format(what=what) if what else ""
        self._text.setText(text)
        self.undo.setAccessibleName(self.tr("Undo the change of: {what}").format(what=what))
        self.setVisible(bool(what))


def as_at_first(rules: Rules) -> bool:
    """Say whether these are the rules that there were at first, but for what stands elsewhere in the app."""
    return rules == Rules(mesh_on=rules.mesh_on, services_off=rules.services_off)
