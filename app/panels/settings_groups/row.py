"""One rule in the settings: a sentence, its switch, its values, and what is so now; and what all are drawn from."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from PySide6.QtCore import QCoreApplication, QSignalBlocker, Qt, Signal
from PySide6.QtGui import QMouseEvent, QWheelEvent
from PySide6.QtWidgets import (
    QComboBox,
    QDoubleSpinBox,
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QSpinBox,
    QVBoxLayout,
    QWidget,
)

from app import wording
from app.picture import Tone
from app.widgets.flow import Flow
from app.widgets.glyphs import Glyph
from app.widgets.labels import label
from app.widgets.switch import Switch
from node.rules.caps import CapReport
from node.rules.settings import Rules
from node.rules.verdict import RuleCode, Verdict
from node.wire.messages import Capabilities

Changes = Mapping[str, Any]
Change = Callable[[str, Changes], None]  # what it is in words, and what is asked of the node


@dataclass(frozen=True, slots=True)
class Facts:
    """Everything that the rules are drawn from: as they are, or as they were asked to be a moment ago."""

    rules: Rules
    verdict: Verdict
    capabilities: Capabilities
    usable: bool  # they can be changed now
    live: bool  # the node tells what is so now
    caps: tuple[CapReport, ...] = ()  # how caps are kept here

    @property
    def detected(self) -> bool:
        return self.capabilities.cpu_threads > 0

    @property
    def has_gpu(self) -> bool:
        return any(gpu.usable for gpu in self.capabilities.gpus)


@dataclass(frozen=True, slots=True)
class Status:
    """What is so now about one rule; without a text there is nothing to say."""

    text: str = ""
    tone: Tone = "quiet"


NOTHING = Status()


def status_of(facts: Facts, code: RuleCode, *, set_: bool, otherwise: str) -> Status:
    """Say what is so now; `otherwise` is for a rule that is set, can be told, and has nothing to say."""
    if not set_ or not facts.live:
        return NOTHING
    if not facts.rules.mesh_on:
        text = QCoreApplication.translate("Status", "The mesh is switched off, so this is not looked at now.")
        return Status(text)
    reason = next((one for one in facts.verdict.reasons if one.code == code), None)
    if reason is not None:
        return Status(wording.rule_sentence(reason), "rest")
    untold = next((one for one in facts.verdict.untold if one.code == code), None)
    if untold is not None:
        text = QCoreApplication.translate("Status", "This rule cannot apply on this computer now. {why}")
        return Status(text.format(why=wording.rule_untold(untold)), "warn")
    return Status(otherwise, "good") if otherwise else NOTHING


class RuleRow(QWidget):
    """A switch and a sentence, below it the values, below them what is so now."""

    switched = Signal(bool)

    def __init__(self, sentence: str, explanation: str = "", *, switchable: bool = True) -> None:
        super().__init__()
        self.sentence = Sentence(sentence)
        self.switch = Switch(sentence)
        self.switch.setVisible(switchable)
        self.switch.clicked.connect(self.switched)
        self.sentence.pressed.connect(self.switch.click)
        self._explanation = label(explanation, "small", wrap=True)
        self._explanation.setVisible(bool(explanation))
        if switchable:
            self.switch.setAccessibleDescription(explanation)
        self.fields = QVBoxLayout()
        self.fields.setSpacing(6)
        self._values = QWidget()
        self._values.setLayout(self.fields)
        self.fields.setContentsMargins(0, 2, 0, 2)
        self._values.hide()
        self.status = StatusLine()
        grid = QGridLayout(self)
        grid.setContentsMargins(0, 0, 0, 0)
        grid.setHorizontalSpacing(10)
        grid.setVerticalSpacing(3)
        grid.setColumnStretch(1, 1)
        grid.addWidget(self.switch, 0, 0, Qt.AlignmentFlag.AlignTop)
        for row, part in enumerate((self.sentence, self._explanation, self._values, self.status)):
            grid.addWidget(part, row, 1 if switchable else 0, 1, 1 if switchable else 2)

    def add_field(self, *parts: QWidget) -> None:
        """Put a line of values below the sentence; where it is too long it goes on below."""
        self._values.show()
        self.fields.addLayout(Flow(*parts))

    def add_wide(self, part: QWidget) -> None:
        self._values.show()
        self.fields.addWidget(part)

    def draw(self, *, on: bool, usable: bool, status: Status) -> None:
        """Show how it is; the values can be changed only while it is on."""
        self.switch.setChecked(on)
        self.switch.setEnabled(usable)
        self._values.setEnabled(usable and on)
        self.status.show_status(status)


class Sentence(QLabel):
    """What a rule says; a click on it is a click on its switch."""

    pressed = Signal()

    def __init__(self, text: str) -> None:
        super().__init__(text)
        made = label(text, wrap=True)
        self.setTextFormat(Qt.TextFormat.PlainText)
        self.setProperty("kind", "text")
        self.setWordWrap(True)
        self.setSizePolicy(made.sizePolicy())

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        if event.button() is Qt.MouseButton.LeftButton and self.rect().contains(event.position().toPoint()):
            self.pressed.emit()
        super().mouseReleaseEvent(event)


class StatusLine(QWidget):
    """What is so now, with a mark of its tone."""

    def __init__(self) -> None:
        super().__init__()
        self._shown = NOTHING
        self._glyph = Glyph("quiet", 14)
        self._text = label("", "small", wrap=True)
        line = QHBoxLayout(self)
        line.setContentsMargins(0, 0, 0, 0)
        line.setSpacing(6)
        line.addWidget(self._glyph, 0, Qt.AlignmentFlag.AlignTop)
        line.addWidget(self._text, 1)
        self.hide()

    @property
    def text(self) -> str:
        return self._text.text()

    def show_status(self, status: Status) -> None:
        if status == self._shown:  # a name that is set again is spoken again
            return
        self._shown = status
        self._text.setText(status.text)
        self._glyph.show_glyph(status.tone, status.tone)
        self.setAccessibleName(status.text)
        self.setVisible(bool(status.text))


# --- values -----------------------------------------------------------------------------------------------------
# They tell what somebody chose, and never what was drawn. What is typed counts when it is finished; a wheel that
# scrolls the page changes nothing on its way.


class Number(QSpinBox):
    """A whole number with its unit."""

    chosen = Signal(int)

    def __init__(self, name: str, unit: str, least: int, most: int, step: int = 1) -> None:
        super().__init__()
        self._drawn: int | None = None
        self.setRange(least, most)
        self.setSingleStep(step)
        self.setSuffix(unit)
        _prepare(self, name)
        self.valueChanged.connect(self.chosen)

    def show_value(self, value: int) -> None:
        """Show a value; what somebody is typing stays as long as the value does."""
        if value != self._drawn or value != self.value():
            self._drawn = value
            with QSignalBlocker(self):
                self.setMaximum(max(self.maximum(), value))
                self.setMinimum(min(self.minimum(), value))
                self.setValue(value)

    def wheelEvent(self, event: QWheelEvent) -> None:
        event.ignore()


class Size(QDoubleSpinBox):
    """A number of bytes in a unit that people know; `per` is how many bytes one unit has."""

    chosen = Signal(object)  # bytes; an int of any size

    def __init__(self, name: str, unit: str, per: int, *, least: float, most: float) -> None:
        super().__init__()
        self._per = per
        self._drawn: int | None = None
        self._least, self._most = least, most
        self.setDecimals(1)
        self.setRange(least, most)
        self.setSingleStep(0.5)
        self.setStepType(QDoubleSpinBox.StepType.DefaultStepType)
        self.setSuffix(unit)
        _prepare(self, name)
        self.valueChanged.connect(lambda value: self.chosen.emit(round(value * self._per)))

    def show_bytes(self, count: int, most: int) -> None:
        """Show so many bytes, of so many at most that there are; more than that is shown as it is."""
        value = count / self._per
        with QSignalBlocker(self):
            self.setMaximum(max(most / self._per, value, self._least) if most else max(self._most, value))
            self.setMinimum(min(self._least, value))
            if count != self._drawn or abs(self.value() - value) >= 0.05:
                self._drawn = count
                self.setValue(value)

    def wheelEvent(self, event: QWheelEvent) -> None:
        event.ignore()


class Choice(QComboBox):
    """One of a few, each with a value behind it."""

    chosen = Signal(str)

    def __init__(self, name: str, options: Mapping[str, str]) -> None:
        super().__init__()
        self.setAccessibleName(name)
        for value, text in options.items():
            self.addItem(text, value)
        self.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToContents)
        self.setMinimumWidth(self.fontMetrics().averageCharWidth() * 12)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.activated.connect(lambda row: self.chosen.emit(self.itemData(row)))

    def show_value(self, value: str) -> None:
        self.setCurrentIndex(self.findData(value))

    def wheelEvent(self, event: QWheelEvent) -> None:
        event.ignore()


def _prepare(box: QSpinBox | QDoubleSpinBox, name: str) -> None:
    box.setAccessibleName(name)
    box.setKeyboardTracking(False)
    box.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
    box.setMinimumWidth(box.fontMetrics().averageCharWidth() * 14)
