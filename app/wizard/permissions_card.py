"""What this computer may do in the mesh: services, hours, limits; with good defaults, to be changed later too."""

from __future__ import annotations

from PySide6.QtCore import QCoreApplication, Qt
from PySide6.QtWidgets import QButtonGroup, QCheckBox, QLabel, QRadioButton, QSlider, QVBoxLayout, QWidget

from app.widgets.frames import Card
from app.widgets.labels import label
from app.wizard.choice import Choice
from app.wizard.offers import Offer
from app.wizard.permissions import Hours, Permissions, permissions_of, rules_of
from node.rules.settings import Rules, Scope

translate = QCoreApplication.translate

LEAST_PERCENT, STEP_PERCENT = 10, 10


class PermissionsCard(Card):
    """The form: what is ticked is read once, when the volunteer joins."""

    def __init__(self) -> None:
        super().__init__(translate("Wizard", "What this computer may do"))
        self._rules: Rules | None = None
        self._offers: tuple[Offer, ...] = ()
        self._off: frozenset[str] = frozenset()
        self._services = QWidget()
        self._boxes: dict[str, QCheckBox] = {}
        self._hours = _choices(
            (
                ("always", translate("Wizard", "Whenever it is switched on")),
                (
                    "free-time",
                    translate("Wizard", "Only in the evening, at night and at weekends (18:00 to 8:00)"),
                ),
                ("own", translate("Wizard", "In the hours that were set before")),
            )
        )
        self._active = _choices(
            (
                ("gpu", translate("Wizard", "Rest what needs the graphics card")),
                ("all", translate("Wizard", "Rest everything")),
                ("none", translate("Wizard", "Go on")),
            )
        )
        self._battery, self._metered = QCheckBox(), QCheckBox()
        self._cpu = QSlider(Qt.Orientation.Horizontal)
        self._cpu_text = label("", wrap=True)
        self._lay_out()
        self.show_rules(Rules())
        self._rules = None

    def show_offers(self, offers: tuple[Offer, ...]) -> None:
        """Show a box for each service; those that were switched off stay so."""
        if offers == self._offers:
            return
        self._off = self._services_off()
        self._offers = offers
        self._boxes, before, self._services = {}, self._services, QWidget()
        column = QVBoxLayout(self._services)
        column.setContentsMargins(0, 0, 0, 0)
        for offer in offers:
            box = QCheckBox()
            box.setChecked(offer.name not in self._off)
            self._boxes[offer.name] = box
            column.addWidget(Choice(box, offer.title, offer.about))
        self.body.replaceWidget(before, self._services)
        before.hide()
        before.deleteLater()

    def know_rules(self, rules: Rules) -> None:
        """Start from these rules; what was ticked meanwhile is not changed by later ones."""
        if self._rules is None:
            self.show_rules(rules)

    def show_rules(self, rules: Rules) -> None:
        self._rules = rules
        wanted = permissions_of(rules)
        self._off = wanted.services_off
        for name, box in self._boxes.items():
            box.setChecked(name not in self._off)
        self._hours["own"].setVisible(wanted.hours == "own")
        self._hours[wanted.hours].button.setChecked(True)
        self._active[wanted.while_active].button.setChecked(True)
        self._battery.setChecked(wanted.battery)
        self._metered.setChecked(wanted.metered)
        self._cpu.setValue(_place(wanted.cpu_percent))
        self._tell_cpu()

    def rules(self) -> Rules:
        """Return the rules as they are ticked now."""
        return rules_of(self._rules or Rules(), self.permissions())

    def permissions(self) -> Permissions:
        hours: tuple[Hours, ...] = ("always", "free-time", "own")
        scopes: tuple[Scope, ...] = ("gpu", "all", "none")
        return Permissions(
            services_off=self._services_off(),
            hours=next((one for one in hours if self._hours[one].button.isChecked()), "always"),
            cpu_percent=self._cpu_percent(),
            battery=self._battery.isChecked(),
            metered=self._metered.isChecked(),
            while_active=next((one for one in scopes if self._active[one].button.isChecked()), "gpu"),
        )

    def _services_off(self) -> frozenset[str]:
        known = frozenset(self._boxes)
        return (self._off - known) | {name for name, box in self._boxes.items() if not box.isChecked()}

    def _cpu_percent(self) -> int:
        """Return what the slider says; where nobody has moved it, the limit of before, which may lie between."""
        before = permissions_of(self._rules or Rules()).cpu_percent
        return before if self._cpu.value() == _place(before) else self._cpu.value() * STEP_PERCENT

    def _tell_cpu(self) -> None:
        percent = self._cpu_percent()
        text = translate("Wizard", "Use at most {percent} % of the processor")
        if percent >= 100:
            text = translate("Wizard", "Use all of the processor where that helps")
        self._cpu_text.setText(text.format(percent=percent))
        self._cpu.setAccessibleName(self._cpu_text.text())

    def _lay_out(self) -> None:
        self._cpu.setRange(LEAST_PERCENT // STEP_PERCENT, 100 // STEP_PERCENT)
        self._cpu.setPageStep(1)
        self._cpu.setMaximumWidth(self.fontMetrics().averageCharWidth() * 40)
        self._cpu.valueChanged.connect(lambda _: self._tell_cpu())
        self.body.addWidget(_title(translate("Wizard", "Services")))
        self.body.addWidget(self._services)
        note = translate(
            "Wizard",
            "These are the usual ones. What else a mesh offers is shown after joining, and can be switched off "
            "as well.",
        )
        self.body.addWidget(label(note, "muted", wrap=True))
        self.body.addWidget(_title(translate("Wizard", "Hours")))
        self._add_choices(self._hours)
        self.body.addWidget(_title(translate("Wizard", "While somebody uses it")))
        self._add_choices(self._active)
        self.body.addWidget(_title(translate("Wizard", "Limits")))
        self.body.addWidget(Choice(self._battery, translate("Wizard", "Rest while it runs on battery")))
        self.body.addWidget(Choice(self._metered, translate("Wizard", "Rest while the network counts or costs")))
        self.body.addWidget(self._cpu_text)
        self.body.addWidget(self._cpu)
        later = translate("Wizard", "More rules are in the settings, once this computer has joined.")
        self.body.addWidget(label(later, "muted", wrap=True))

    def _add_choices(self, choices: dict[str, Choice]) -> None:
        group = QButtonGroup(self)
        for choice in choices.values():
            group.addButton(choice.button)
            self.body.addWidget(choice)


def _choices(texts: tuple[tuple[str, str], ...]) -> dict[str, Choice]:
    return {name: Choice(QRadioButton(), text) for name, text in texts}


def _place(percent: int) -> int:
    """Return where the slider stands for a limit."""
    return max(LEAST_PERCENT, percent) // STEP_PERCENT


def _title(text: str) -> QLabel:
    return label(text, "strong", wrap=True)
