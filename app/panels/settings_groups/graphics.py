"""The rules about the graphics card: its temperature, and what other programs hold of its memory."""

from __future__ import annotations

from PySide6.QtCore import QCoreApplication

from app import figures
from app.panels.settings_groups.row import Change, Facts, Number, RuleRow, Size, Status, status_of
from app.widgets.frames import Card
from app.widgets.labels import label
from node.rules.settings import Rules
from node.rules.verdict import RuleCode

GB = 2**30
CELSIUS = Rules().gpu_max_celsius or 85
IN_USE_AT_FIRST = 2 * GB


class GraphicsCard(Card):
    """Too hot, and in use."""

    def __init__(self, change: Change) -> None:
        super().__init__(QCoreApplication.translate("GraphicsCard", "Graphics card"))
        self._change = change
        self._memory = IN_USE_AT_FIRST  # what is shown
        self.hot = RuleRow(
            self.tr("Rest what uses the graphics card while that is too hot"),
            self.tr("It goes on once the card has cooled by 5 degrees."),
        )
        self.celsius = Number(
            self.tr("Temperature in degrees Celsius above which it rests"), self.tr(" °C"), 40, 110
        )
        self.hot.add_field(label(self.tr("Hotter than"), "muted"), self.celsius)
        sentence = self.tr("Rest what uses the graphics card while other programs use much of its memory")
        self.used = RuleRow(sentence)
        self.memory = Size(
            self.tr("Memory of the graphics card that other programs may use"),
            self.tr(" GB"),
            GB,
            least=0.1,
            most=8,
        )
        self.bound = label("", "muted")
        self.used.add_field(label(self.tr("More than"), "muted"), self.memory, self.bound)
        self.body.addWidget(self.hot)
        self.body.addWidget(self.used)
        self.hot.switched.connect(lambda on: self._set_celsius(self.celsius.value() if on else None))
        self.celsius.chosen.connect(self._set_celsius)
        self.used.switched.connect(lambda on: self._set_memory(self._memory if on else None))
        self.memory.chosen.connect(self._set_memory)

    def draw(self, facts: Facts) -> None:
        rules = facts.rules
        most = most_memory(facts)
        self._memory = rules.gpu_memory_of_others_bytes or min(IN_USE_AT_FIRST, most or IN_USE_AT_FIRST)
        self.celsius.show_value(rules.gpu_max_celsius or CELSIUS)
        self.memory.show_bytes(self._memory, most)
        self.bound.setText(self.tr("of {size}").format(size=figures.size(most)) if most else "")
        self.bound.setVisible(bool(most))
        self.hot.draw(
            on=rules.gpu_max_celsius is not None,
            usable=facts.usable,
            status=self._status(
                facts, "too-hot", rules.gpu_max_celsius is not None, self.tr("It is not that hot now.")
            ),
        )
        self.used.draw(
            on=rules.gpu_memory_of_others_bytes is not None,
            usable=facts.usable,
            status=self._status(
                facts,
                "gpu-in-use",
                rules.gpu_memory_of_others_bytes is not None,
                self.tr("Other programs use less now."),
            ),
        )

    def _status(self, facts: Facts, code: RuleCode, set_: bool, otherwise: str) -> Status:
        if set_ and facts.detected and not facts.has_gpu:
            return no_card()
        return status_of(facts, code, set_=set_, otherwise=otherwise)

    def _set_celsius(self, celsius: int | None) -> None:
        self._change(self.tr("Temperature of the graphics card"), {"gpu_max_celsius": celsius})

    def _set_memory(self, count: int | None) -> None:
        self._change(self.tr("Other programs on the graphics card"), {"gpu_memory_of_others_bytes": count})


def most_memory(facts: Facts) -> int:
    """Return the memory of the largest graphics card, or 0."""
    return max((gpu.memory_bytes for gpu in facts.capabilities.gpus if gpu.usable), default=0)


def no_card() -> Status:
    """Say why a rule about graphics cards has nothing to do here."""
    return Status(
        QCoreApplication.translate(
            "GraphicsCard", "No graphics card was found here that can be used, so this changes nothing."
        )
    )
