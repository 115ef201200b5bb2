"""One service on its page: what it is, whether it is allowed, how it does, and what can be done with it."""

from __future__ import annotations

from PySide6.QtCore import Signal, SignalInstance
from PySide6.QtWidgets import QFrame, QHBoxLayout, QVBoxLayout, QWidget

from app import figures
from app.panels.service_words import ServiceLine
from app.widgets.flow import Flow
from app.widgets.glyphs import Button, Glyph
from app.widgets.labels import ElidedLabel, Pill, label, set_style_property
from app.widgets.switch import Switch
from app.widgets.tips import tip
from node.vitals.values import NOTHING, Counted, ServiceVitals

INDENT = 40  # points, so that what is below stands under the title


class ServiceCard(QFrame):
    """A service that is here has figures and buttons; of others only what there is to say."""

    restart_wanted = Signal(str, str)  # name, title
    log_wanted = Signal(str, str)
    switched = Signal(str, str)

    def __init__(self, name: str) -> None:
        super().__init__()
        self._line = ServiceLine(name, name)
        self.setProperty("kind", "card")
        self._glyph = Glyph("quiet", 26)
        self.title = ElidedLabel("", "strong")
        self.name = ElidedLabel("", "small")  # by which other pages, logs and the operator know it
        self.about = ElidedLabel("", "muted")
        self.why = label("", "small", wrap=True)
        self.pill = Pill()
        self.allowed = Switch("")
        self.allowed.clicked.connect(lambda: self.switched.emit(self._line.name, self._line.title))
        self.figures: ServiceFigures | None = None
        self._column = QVBoxLayout(self)
        self._column.setContentsMargins(16, 12, 14, 12)
        self._column.setSpacing(8)
        self._column.addLayout(self._head())
        below = QHBoxLayout()
        below.setContentsMargins(INDENT, 0, 0, 0)
        below.addWidget(self.why)
        self._column.addLayout(below)

    def _head(self) -> QHBoxLayout:
        words = QVBoxLayout()
        words.setSpacing(3)
        names = QHBoxLayout()
        names.setSpacing(8)
        names.addWidget(self.title)
        names.addWidget(self.name, 1)
        words.addLayout(names)
        words.addWidget(self.about)
        line = QHBoxLayout()
        line.setSpacing(14)
        line.addWidget(self._glyph)
        line.addLayout(words, 1)
        line.addWidget(self.pill)
        line.addWidget(self.allowed)
        return line

    def draw(self, line: ServiceLine, *, usable: bool, switchable: bool) -> None:
        """Draw its state; `usable` says that it can be restarted, `switchable` that rules can be changed."""
        self._line = line
        self._glyph.show_glyph(line.tone, line.tone)
        self.title.show_text(line.title)
        self.name.show_text(line.name)
        self.name.setVisible(line.name != line.title)
        self.about.show_text(line.about)
        self.about.setVisible(bool(line.about))
        self.why.setText(line.why)
        self.why.setVisible(bool(line.why))
        self.pill.show_state(line.state, line.tone)
        self.allowed.setChecked(line.allowed)
        self.allowed.setEnabled(switchable and line.may_allow)
        self.allowed.setAccessibleName(self.tr("Allow %1 on this computer").replace("%1", line.title))
        meaning = self._meaning(line)
        self.allowed.setToolTip(tip(meaning))
        self.allowed.setAccessibleDescription(meaning)
        self.setAccessibleName(f"{line.title}: {line.state}")
        if line.here and self.figures is None:
            self.figures = ServiceFigures()
            self.figures.restart.clicked.connect(lambda: self._emit(self.restart_wanted))
            self.figures.log.clicked.connect(lambda: self._emit(self.log_wanted))
            self._column.addWidget(self.figures)
        if self.figures is not None:
            self.figures.setVisible(line.here)
            starting = line.report is not None and line.report.state == "starting"
            self.figures.restart.setEnabled(usable and not starting)
            self.figures.restart.setAccessibleName(self.tr("Restart %1").replace("%1", line.title))
            self.figures.log.setAccessibleName(self.tr("Log of %1").replace("%1", line.title))

    def draw_figures(self, vitals: ServiceVitals | None, today: Counted, *, stale: bool) -> None:
        if self.figures is not None:
            self.figures.draw(vitals, today, stale=stale)

    def _emit(self, signal: SignalInstance) -> None:
        signal.emit(self._line.name, self._line.title)

    def _meaning(self, line: ServiceLine) -> str:
        if not line.may_allow:
            return self.tr("The node was started for other services only, so this switch changes nothing.")
        if line.allowed:
            return self.tr(
                "The coordinator may give this service to this computer. Switch it off, and requests under way are "
                "finished, then it stops and others do its work."
            )
        return self.tr("This service does not run on this computer. Switch it on, and the coordinator may give it.")


class ServiceFigures(QWidget):
    """How a service does, and its two buttons."""

    def __init__(self) -> None:
        super().__init__()
        self._stats = {
            "today": Stat(self.tr("requests today"), self.tr("Requests answered since midnight")),
            "p50": Stat(self.tr("usual answer"), self.tr("Half of the last requests took no longer")),
            "p95": Stat(self.tr("slow answer"), self.tr("Of 100 of the last requests, 95 took no longer")),
            "memory": Stat(self.tr("memory"), self.tr("What its processes have in memory")),
            "cpu": Stat(self.tr("processor"), self.tr("How much of one core its processes keep busy")),
        }
        self.log = Button(self.tr("Log…"), "log")
        self.restart = Button(self.tr("Restart"), "restart")
        both = QWidget()
        buttons = QHBoxLayout(both)
        buttons.setContentsMargins(0, 0, 0, 0)
        buttons.addWidget(self.log)
        buttons.addWidget(self.restart)
        flow = Flow(*self._stats.values(), both, gap=18)
        line = QHBoxLayout(self)
        line.setContentsMargins(INDENT, 0, 0, 0)
        line.addLayout(flow, 1)

    def draw(self, vitals: ServiceVitals | None, today: Counted, *, stale: bool) -> None:
        latency = vitals.latency_ms if vitals is not None else {}
        memory = vitals.memory_bytes if vitals is not None else None
        cpu = vitals.cpu if vitals is not None else None
        texts = {
            "today": figures.DASH if vitals is None and today == NOTHING else figures.number(today.requests),
            "p50": figures.milliseconds(latency.get("p50")),
            "p95": figures.milliseconds(latency.get("p95")),
            "memory": figures.DASH if memory is None else figures.size(memory),
            "cpu": figures.DASH if cpu is None else figures.share(cpu),
        }
        for name, text in texts.items():
            self._stats[name].show_value(text, stale=stale)

    def text(self, name: str) -> str:
        return self._stats[name].accessibleName()


class Stat(QWidget):
    """A small number and what it is."""

    def __init__(self, caption: str, explanation: str) -> None:
        super().__init__()
        self._caption = caption
        self._value = label(figures.DASH, "strong")
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addWidget(self._value)
        column.addWidget(label(caption, "small"))
        self.setToolTip(tip(explanation))
        self.setAccessibleName(f"{caption}: {figures.DASH}")

    def show_value(self, text: str, *, stale: bool) -> None:
        if text != self._value.text():
            self._value.setText(text)
            self.setAccessibleName(f"{self._caption}: {text}")
        set_style_property(self._value, "tone", "quiet" if stale else "")
