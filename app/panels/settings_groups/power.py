"""The rules about what feeds this computer and what its network costs."""

from __future__ import annotations

from PySide6.QtCore import QCoreApplication

from app.panels.settings_groups.row import NOTHING, Change, Facts, Number, RuleRow, status_of
from app.widgets.frames import Card
from app.widgets.labels import label

BATTERY_AT_FIRST = 50  # per cent


class PowerCard(Card):
    """On battery, below a charge, on a metered network."""

    def __init__(self, change: Change) -> None:
        super().__init__(QCoreApplication.translate("PowerCard", "Power and network"))
        self._change = change
        self.battery = RuleRow(self.tr("Rest while this computer runs on its battery"))
        self.below = RuleRow(self.tr("Rest on battery only when it holds less than a charge of your choice"))
        self.percent = Number(self.tr("Charge of the battery below which it rests"), " %", 1, 100, 5)
        self.below.add_field(label(self.tr("Less than"), "muted"), self.percent)
        self.metered = RuleRow(
            self.tr("Rest while the network counts what is sent, or costs"),
            self.tr("Such as a phone's hotspot, or a network that you marked as metered."),
        )
        for row in (self.battery, self.below, self.metered):
            self.body.addWidget(row)
        self.battery.switched.connect(lambda on: change(self.tr("Rest on battery"), {"on_battery": on}))
        self.below.switched.connect(self._switch_below)
        self.percent.chosen.connect(self._set_below)
        self.metered.switched.connect(lambda on: change(self.tr("Rest on metered networks"), {"metered": on}))

    def draw(self, facts: Facts) -> None:
        rules = facts.rules
        below = rules.battery_below_percent
        status = status_of(facts, "on-battery", set_=rules.on_battery, otherwise=self._otherwise(facts))
        self.battery.draw(on=rules.on_battery, usable=facts.usable, status=status)
        self.below.draw(on=below is not None, usable=facts.usable and rules.on_battery, status=NOTHING)
        self.percent.show_value(BATTERY_AT_FIRST if below is None else below)
        otherwise = self.tr("The network in use does not count or cost, so this computer works.")
        status = status_of(facts, "metered", set_=rules.metered, otherwise=otherwise)
        self.metered.draw(on=rules.metered, usable=facts.usable, status=status)

    def _otherwise(self, facts: Facts) -> str:
        if facts.detected and facts.capabilities.battery is None:
            return self.tr("This computer has no battery.")
        if facts.rules.battery_below_percent is not None:
            return self.tr("It is plugged in, or its battery holds enough, so this computer works.")
        return self.tr("It does not run on its battery, so this computer works.")

    def _switch_below(self, on: bool) -> None:
        self._set_below(self.percent.value() if on else None)

    def _set_below(self, percent: int | None) -> None:
        self._change(self.tr("Charge of the battery"), {"battery_below_percent": percent})
