"""How long a cause must last before this machine rests, and be gone before it goes on."""

from __future__ import annotations

from PySide6.QtCore import QCoreApplication

from app.panels.settings_groups.row import NOTHING, Change, Facts, Number, RuleRow
from app.widgets.frames import Card


class PatienceCard(Card):
    """The two pauses that keep services from stopping and starting all the time."""

    def __init__(self, change: Change) -> None:
        super().__init__(QCoreApplication.translate("PatienceCard", "How fast it rests and goes on"))
        seconds = self.tr(" s")
        self.grace = RuleRow(
            self.tr("Rest when there has been a reason for it for"),
            self.tr("The schedule and the programs of your list need no time at all."),
            switchable=False,
        )
        self.grace_seconds = Number(self.tr("Seconds that a reason must last before it rests"), seconds, 0, 600, 5)
        self.grace.add_field(self.grace_seconds)
        self.resume = RuleRow(self.tr("Go on when the reason has been gone for"), switchable=False)
        self.resume_seconds = Number(
            self.tr("Seconds that a reason must be gone before it goes on"), seconds, 0, 3600, 10
        )
        self.resume.add_field(self.resume_seconds)
        self.body.addWidget(self.grace)
        self.body.addWidget(self.resume)
        self.grace_seconds.chosen.connect(
            lambda value: change(self.tr("Seconds before it rests"), {"grace_seconds": value})
        )
        self.resume_seconds.chosen.connect(
            lambda value: change(self.tr("Seconds before it goes on"), {"resume_after_seconds": value})
        )

    def draw(self, facts: Facts) -> None:
        self.grace_seconds.show_value(facts.rules.grace_seconds)
        self.resume_seconds.show_value(facts.rules.resume_after_seconds)
        for row in (self.grace, self.resume):
            row.draw(on=True, usable=facts.usable, status=NOTHING)
