"""The editor of the weekly schedule: a grid to paint, presets, copying of a day, and the same as lines of text."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial

from PySide6.QtCore import QSignalBlocker, Signal
from PySide6.QtWidgets import QGridLayout, QLineEdit, QMenu, QToolButton, QVBoxLayout, QWidget

from app import week as weeks
from app.week import DAYS, HoursError, Preset
from app.widgets.flow import Flow
from app.widgets.glyphs import Button
from app.widgets.labels import label
from app.widgets.schedule_grid import HourRuler, WeekGrid, day_name
from node.rules.settings import Schedule, Week

MOST_CHARACTERS = 400


class ScheduleEditor(QWidget):
    """Says what somebody made of the week as `edited`; shows only the week that it is told."""

    edited = Signal(object)  # Week

    def __init__(self) -> None:
        super().__init__()
        self._week: Week = Schedule().days
        self.grid = WeekGrid()
        self._ruler = HourRuler(self.grid)
        self.lines = DayLines()
        self.presets = _menu_button(self.tr("Fill in…"), self.tr("Fill in common hours"))
        self.copying = _menu_button("", self.tr("Copy this day's hours"))
        self.as_text = Button(self.tr("Write times"))
        self.as_text.setCheckable(True)
        self.as_text.setAccessibleDescription(self.tr("Shows the hours as lines of times, one for each day"))
        self._fill_menus()
        self._lay_out()
        self.grid.painted.connect(self._painted)
        self.grid.day_chosen.connect(self._name_copying)
        self.lines.edited.connect(self._written)
        self.as_text.toggled.connect(self._show_lines)
        self._name_copying(0)
        self._show_lines(shown=False)

    def show_week(self, week: Week) -> None:
        self._week = week
        self.grid.table.show_week(week)
        self.lines.show_week(week)

    def _painted(self, days: range, slots: range, works: bool) -> None:
        self._edit(weeks.painted_week(self._week, days, slots, works=works))

    def _written(self, day: int, hours: object) -> None:
        self._edit(weeks.week_of(tuple(hours if n == day else old for n, old in enumerate(self._week))))  # type: ignore[misc]

    def _copy(self, targets: Iterable[int]) -> None:
        self._edit(weeks.copied(self._week, max(0, self.grid.currentIndex().row()), targets))

    def _edit(self, week: Week) -> None:
        if week != self._week:
            self.edited.emit(week)

    def _name_copying(self, day: int) -> None:
        self.copying.setText(self.tr("Copy {day}…").format(day=day_name(max(0, day))))

    def _show_lines(self, shown: bool) -> None:
        self.lines.setVisible(shown)

    def _fill_menus(self) -> None:
        names: dict[Preset, str] = {
            "always": self.tr("All day, every day"),
            "evenings": self.tr("Evenings and nights, and all weekend"),
            "nights": self.tr("Nights, from 22:00 to 8:00"),
            "outside-office": self.tr("Outside office hours, from 17:00 to 9:00, and all weekend"),
            "weekends": self.tr("All weekend only"),
            "never": self.tr("No hours at all"),
        }
        for preset, name in names.items():
            self.presets.menu().addAction(name).triggered.connect(partial(self._fill_in, preset))
        for name, days in (
            (self.tr("To all days"), range(DAYS)),
            (self.tr("To Monday to Friday"), range(5)),
            (self.tr("To Saturday and Sunday"), range(5, DAYS)),
        ):
            self.copying.menu().addAction(name).triggered.connect(partial(self._copied, days))

    def _fill_in(self, preset: Preset, _checked: bool = False) -> None:
        self._edit(weeks.PRESETS[preset])

    def _copied(self, days: range, _checked: bool = False) -> None:
        self._copy(days)

    def _lay_out(self) -> None:
        buttons = Flow(self.presets, self.copying, self.as_text)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(6)
        column.addWidget(self._ruler)
        column.addWidget(self.grid)
        column.addLayout(buttons)
        column.addWidget(self.lines)


class DayLines(QWidget):
    """A line of times for each day, such as 0:00–8:00, 18:00–24:00: to read aloud, and to type."""

    edited = Signal(int, object)  # day, its hours

    def __init__(self) -> None:
        super().__init__()
        self._week: Week | None = None
        self._wrong_day: int | None = None
        self.fields: list[QLineEdit] = []
        self.trouble = label("", "text", wrap=True)
        self.trouble.setProperty("tone", "bad")
        self._rows = rows = QGridLayout(self)
        rows.setContentsMargins(0, 0, 0, 0)
        rows.setVerticalSpacing(4)
        rows.setColumnStretch(1, 1)
        for day in range(DAYS):
            field = QLineEdit()
            field.setMaxLength(MOST_CHARACTERS)
            field.setAccessibleName(self.tr("Hours on {day}").format(day=day_name(day)))
            field.setPlaceholderText(self.tr("rests all day"))
            field.editingFinished.connect(partial(self._typed, day))
            name = label(day_name(day), "muted")
            name.setBuddy(field)
            rows.addWidget(name, 2 * day, 0)
            rows.addWidget(field, 2 * day, 1)
            self.fields.append(field)
        self._say("", 0)

    def show_week(self, week: Week) -> None:
        """Show these hours; what somebody is typing on other days stays."""
        before, self._week = self._week, week
        for day, field in enumerate(self.fields):
            if before is None or before[day] != week[day]:
                with QSignalBlocker(field):
                    field.setText(weeks.hours_text(week[day]))
                if day == self._wrong_day:  # it was painted meanwhile
                    self._say("", day)

    def _typed(self, day: int) -> None:
        if self._week is None:
            return
        try:
            hours = weeks.parse_hours(self.fields[day].text())
        except HoursError as error:
            text = self.tr(
                "“{part}” on {day} are no hours of a day. Write them like 0:00–8:00, 18:00–24:00; a night is the "
                "end of one day and the start of the next."
            )
            self._say(text.format(part=error.part, day=day_name(day)), day)
            return
        if day == self._wrong_day:
            self._say("", day)
        if hours == weeks.merged(self._week[day]):
            self.fields[day].setText(weeks.hours_text(hours))
        else:
            self.edited.emit(day, hours)

    def _say(self, text: str, day: int) -> None:
        """Say it right below the line that it is about: below the last one it could be out of sight."""
        self._wrong_day = day if text else None
        self._rows.removeWidget(self.trouble)
        self._rows.addWidget(self.trouble, 2 * day + 1, 1)
        self.trouble.setText(text)
        self.trouble.setVisible(bool(text))
        for one, field in enumerate(self.fields):
            field.setAccessibleDescription(text if one == day else "")


def _menu_button(text: str, name: str) -> QToolButton:
    button = QToolButton()
    button.setText(text)
    button.setAccessibleName(name)
    button.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
    button.setMenu(QMenu(button))
    return button
