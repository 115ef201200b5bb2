"""Whether and when this machine takes part at all: the mesh's own switch, and the weekly schedule."""

from __future__ import annotations

import time

from PySide6.QtCore import QCoreApplication

from app import figures
from app.panels.settings_groups.row import NOTHING, Change, Facts, RuleRow, Status, status_of
from app.widgets.frames import Card
from app.widgets.labels import label
from app.widgets.schedule_editor import ScheduleEditor
from node.rules.settings import Week


class TimesCard(Card):
    """In the mesh or not, and the hours of the week."""

    def __init__(self, change: Change) -> None:
        super().__init__(QCoreApplication.translate("TimesCard", "When it may work"))
        self._change = change
        self.mesh = RuleRow(
            self.tr("Take part in the mesh"),
            self.tr("Switched off, this computer stays a member, but leaves the mesh alone and does nothing."),
        )
        self.schedule = RuleRow(self.tr("Work only in these hours"))
        self.editor = ScheduleEditor()
        self.zone = label("", "small", wrap=True)
        self.schedule.add_wide(self.editor)
        self.schedule.add_wide(self.zone)
        self.body.addWidget(self.mesh)
        self.body.addWidget(self.schedule)
        self.mesh.switched.connect(lambda on: change(self.tr("Taking part in the mesh"), {"mesh_on": on}))
        self.schedule.switched.connect(
            lambda on: change(self.tr("Schedule on or off"), {"schedule": {"enabled": on}})
        )
        self.editor.edited.connect(self._set_week)

    def draw(self, facts: Facts, now: float) -> None:
        rules = facts.rules
        self.mesh.draw(on=rules.mesh_on, usable=facts.usable, status=NOTHING)
        self.schedule.draw(
            on=rules.schedule.enabled, usable=facts.usable, status=self._status(facts, rules.schedule.enabled, now)
        )
        self.editor.show_week(rules.schedule.days)
        self.editor.setVisible(rules.schedule.enabled)
        zone = self.tr("Times are those of this computer's clock ({zone}).")
        self.zone.setText(zone.format(zone=time.strftime("%Z", time.localtime(now))))
        self.zone.setVisible(rules.schedule.enabled)

    def _status(self, facts: Facts, enabled: bool, now: float) -> Status:
        status = status_of(
            facts, "schedule", set_=enabled, otherwise=self.tr("It is one of these hours now, so it works.")
        )
        until = next((one.until for one in facts.verdict.reasons if one.code == "schedule"), None)
        if status.tone == "rest" and until is not None:
            text = self.tr("{status} That is at {time}.")
            return Status(text.format(status=status.text, time=figures.clock_time(until, now)), status.tone)
        return status

    def _set_week(self, week: Week) -> None:
        days = [[list(span) for span in day] for day in week]
        self._change(self.tr("Hours of the week"), {"schedule": {"days": days}})
