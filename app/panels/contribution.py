"""What this computer has given: today, this week and in all, and on each of the last days."""

from __future__ import annotations

from PySide6.QtCore import QDate, QLocale, Qt
from PySide6.QtWidgets import QGridLayout, QLabel

from app import figures
from app.vitals_model import Sight
from app.widgets.day_bars import DayBars
from app.widgets.frames import Card
from app.widgets.labels import label
from app.widgets.tips import tip
from node.vitals.values import NOTHING, Contribution, Counted, Day

ROWS = ("requests", "cpu", "gpu", "energy")


class ContributionCard(Card):
    """A table of four rows and three times; GPU hours are left out where there was never any."""

    def __init__(self) -> None:
        super().__init__(self.tr("What this computer has given"))
        self._when = label("", "small")
        self.corner.addWidget(self._when)
        self._names = {
            "requests": self.tr("Requests answered"),
            "cpu": self.tr("Processor time"),
            "gpu": self.tr("GPU time"),
            "energy": self.tr("Energy, estimated"),
        }
        self._times = (self.tr("Today"), self.tr("This week"), self.tr("In all"))
        self._heads = {row: label(name, "muted", wrap=True) for row, name in self._names.items()}
        self.cells = {(row, column): label(figures.DASH, "strong") for row in ROWS for column in range(3)}
        self.bars = DayBars()
        self._caption = label("", "small", wrap=True)
        self._trouble = label("", "small", wrap=True)
        self._trouble.setProperty("tone", "warn")
        self._shown: object = None
        self._lay_out()
        self.draw(Sight(), has_gpu=False, now=0.0)

    def _lay_out(self) -> None:
        grid = QGridLayout()
        grid.setHorizontalSpacing(14)
        grid.setVerticalSpacing(7)
        grid.setColumnStretch(0, 4)
        for column, time in enumerate(self._times):
            grid.addWidget(label(time, "small"), 0, column + 1, _trailing())
            grid.setColumnStretch(column + 1, 3)
        for number, row in enumerate(ROWS):
            grid.addWidget(self._heads[row], number + 1, 0)
            for column in range(3):
                grid.addWidget(self.cells[row, column], number + 1, column + 1, _trailing())
        self.body.addLayout(grid)
        self.body.addSpacing(2)
        for widget in (self.bars, self._caption, self._trouble):
            self.body.addWidget(widget)

    def draw(self, sight: Sight, *, has_gpu: bool, now: float) -> None:
        told = sight.contribution
        stale = sight.lost and told is not None
        if (shown := (told, stale, sight.told_at if stale else 0.0, has_gpu)) == self._shown:
            return
        self._shown = shown
        self._when.setText(self.tr("As of %1").replace("%1", figures.clock_time(sight.told_at, now)))
        self._when.setVisible(stale)
        for column, counted in enumerate((told.today, told.week, told.total) if told else (None,) * 3):
            self._draw_column(column, counted)
        show_gpu = has_gpu or bool(told and told.total.gpu_seconds)
        for widget in (self._heads["gpu"], *(self.cells["gpu", column] for column in range(3))):
            widget.setVisible(show_gpu)
        self._explain(told)
        days = told.days if told else ()
        self.bars.show_days([(self._day(day), day.counted.requests) for day in days])
        self.bars.setVisible(bool(told and told.total != NOTHING))
        self._caption.setText(self._sentence(told))
        self._trouble.setText(told.trouble if told else "")
        self._trouble.setVisible(bool(told and told.trouble))

    def _draw_column(self, column: int, counted: Counted | None) -> None:
        texts = dict.fromkeys(ROWS, figures.DASH) if counted is None else texts_of(counted)
        for row, text in texts.items():
            cell = self.cells[row, column]
            cell.setText(text)
            cell.setAccessibleName(f"{self._names[row]}, {self._times[column]}: {text}")

    def _sentence(self, told: Contribution | None) -> str:
        if told is None:
            return self.tr("Waiting for the node on this computer to tell.")
        if told.total == NOTHING:
            return self.tr("Nothing yet. What this computer gives is counted from its first request on.")
        text = self.tr("Requests on each day of the last two weeks. Counted since %1.")
        return text.replace("%1", _date(told.since))

    def _explain(self, told: Contribution | None) -> None:
        """Say where the estimate comes from, and what is not in the number of requests."""
        if told is None:
            return
        energy = (
            self.tr("Processor time × %1 W for a busy core, plus GPU time × what the GPU takes (%2 W where it does "
                    "not tell). It is an estimate of what is used beyond what an idle computer takes.")
            .replace("%1", f"{told.watts_per_core:g}").replace("%2", f"{told.watts_per_gpu:g}")
        )  # fmt: skip
        failed = self.tr("Requests that could not be answered here: %1").replace(
            "%1", figures.number(told.total.failed)
        )
        for row, hint in (("energy", energy), ("requests", failed if told.total.failed else "")):
            for widget in (self._heads[row], *(self.cells[row, column] for column in range(3))):
                widget.setToolTip(tip(hint))
                if isinstance(widget, QLabel):
                    widget.setAccessibleDescription(hint)

    def _day(self, day: Day) -> str:
        text = self.tr("Requests on %1: %2").replace("%1", _date(day.date))
        return text.replace("%2", figures.number(day.counted.requests))


def texts_of(counted: Counted) -> dict[str, str]:
    return {
        "requests": figures.number(counted.requests),
        "cpu": figures.working_time(counted.cpu_seconds),
        "gpu": figures.working_time(counted.gpu_seconds),
        "energy": figures.energy(counted.energy_joules),
    }


def _date(text: str) -> str:
    """Return a day as people write it where they live."""
    date = QDate.fromString(text, Qt.DateFormat.ISODate)
    return QLocale().toString(date, QLocale.FormatType.LongFormat) if date.isValid() else text


def _trailing() -> Qt.AlignmentFlag:
    return Qt.AlignmentFlag.AlignTrailing | Qt.AlignmentFlag.AlignVCenter
