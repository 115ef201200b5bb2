"""The rules about who uses this computer: somebody at it, and programs that want it for themselves."""

from __future__ import annotations

from PySide6.QtCore import QCoreApplication

from app.panels.settings_groups.graphics import no_card
from app.panels.settings_groups.programs import ProgramList
from app.panels.settings_groups.row import NOTHING, Change, Choice, Facts, Number, RuleRow, Status, status_of
from app.widgets.frames import Card
from app.widgets.labels import label
from node.rules.settings import Rules

MINUTES = Rules().user_active_minutes or 3


class PresenceCard(Card):
    """While somebody uses the computer, and while certain programs run."""

    def __init__(self, change: Change) -> None:
        super().__init__(QCoreApplication.translate("PresenceCard", "When you use it yourself"))
        self._change = change
        self.active = RuleRow(self.tr("Rest while somebody uses this computer"))
        self.minutes = Number(
            self.tr("Minutes without keyboard or mouse after which nobody uses it"), self.tr(" min"), 1, 240
        )
        self.scope = Choice(
            self.tr("What rests while somebody uses this computer"),
            {"gpu": self.tr("What uses the graphics card"), "all": self.tr("Everything")},
        )
        self.active.add_field(label(self.tr("What rests"), "muted"), self.scope)
        self.active.add_field(label(self.tr("Until nobody has touched it for"), "muted"), self.minutes)
        self.exclusive = RuleRow(
            self.tr("Rest while one of these programs runs"),
            self.tr("Games, films, video calls: everything rests from the moment that one of them starts."),
            switchable=False,
        )
        self.programs = ProgramList()
        self.exclusive.add_wide(self.programs)
        self.body.addWidget(self.active)
        self.body.addWidget(self.exclusive)
        self.active.switched.connect(self._switch_active)
        self.minutes.chosen.connect(self._set_minutes)
        self.scope.chosen.connect(
            lambda scope: change(self.tr("What rests while you are here"), {"user_active_scope": scope})
        )
        self.programs.edited.connect(
            lambda names: change(self.tr("List of programs"), {"exclusive_programs": list(names)})
        )

    def draw(self, facts: Facts) -> None:
        rules = facts.rules
        on = rules.user_active_minutes is not None and rules.user_active_scope != "none"
        self.active.draw(on=on, usable=facts.usable, status=self._status(facts, on=on))
        self.minutes.show_value(rules.user_active_minutes or MINUTES)
        self.scope.show_value("all" if rules.user_active_scope == "all" else "gpu")
        named = bool(rules.exclusive_programs)
        otherwise = self.tr("None of them runs now.")
        status = status_of(facts, "exclusive-program", set_=named, otherwise=otherwise) if named else NOTHING
        self.exclusive.draw(on=True, usable=facts.usable, status=status)
        self.programs.show_names(rules.exclusive_programs)

    def _status(self, facts: Facts, *, on: bool) -> Status:
        """Say who is here; where only a graphics card would rest and there is none, nobody has been asked."""
        rests = any(one.code == "user-active" for one in facts.verdict.reasons)
        only_gpu = facts.rules.user_active_scope == "gpu" and facts.detected and not facts.has_gpu
        if on and only_gpu and not rests:
            return no_card()
        return status_of(facts, "user-active", set_=on, otherwise=self.tr("Nobody uses it now."))

    def _switch_active(self, on: bool) -> None:
        changes: dict[str, object] = {"user_active_minutes": self.minutes.value() if on else None}
        if on:
            changes["user_active_scope"] = self.scope.currentData()
        self._change(self.tr("Rest while somebody is here"), changes)

    def _set_minutes(self, minutes: int) -> None:
        self._change(self.tr("Minutes without keyboard or mouse"), {"user_active_minutes": minutes})
