"""Bars, figures and the chart: what they show is also said."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtGui import QImage
from pytestqt.qtbot import QtBot

from app.widgets.meters import ChartWithCaption, Figure, Meter
from app.widgets.theme import colours


def drawn(meter: Meter) -> QImage:
    meter.resize(100, Meter.HEIGHT)
    return meter.grab().toImage()


def test_a_meter_fills_from_the_start_of_reading(qtbot: QtBot) -> None:
    meter = Meter("Load")
    qtbot.addWidget(meter)
    meter.show_fraction(0.25)
    filled, track = colours().accent_line.name(), colours().track.name()
    assert drawn(meter).pixelColor(10, 3).name() == filled
    assert drawn(meter).pixelColor(90, 3).name() == track
    meter.setLayoutDirection(Qt.LayoutDirection.RightToLeft)
    assert drawn(meter).pixelColor(90, 3).name() == filled
    assert drawn(meter).pixelColor(10, 3).name() == track


def test_a_meter_stays_within_its_ends_and_takes_a_tone(qtbot: QtBot) -> None:
    meter = Meter("Load")
    qtbot.addWidget(meter)
    meter.show_fraction(7.0, "warn")
    assert meter.value() == meter.maximum()
    assert drawn(meter).pixelColor(50, 3).name() == colours().tones["warn"].text.name()
    meter.show_fraction(-1.0)
    assert meter.value() == 0
    assert meter.accessibleName() == "Load"


def test_a_figure_is_one_phrase_for_a_screen_reader(qtbot: QtBot) -> None:
    figure = Figure("failed", "Requests that nobody answered")
    qtbot.addWidget(figure)
    figure.show_number("3")
    assert figure.accessibleName() == "failed: 3"


def test_a_chart_draws_what_happened_and_nothing_else(qtbot: QtBot) -> None:
    chart = ChartWithCaption()
    qtbot.addWidget(chart)
    chart.resize(240, 80)
    chart.show_counts([0] * 60)
    empty = chart.grab().toImage()
    chart.show_counts([0] * 30 + [9] * 30)
    full = chart.grab().toImage()
    assert empty != full
    assert chart.accessibleName() == "270 requests in the last minute"
    chart.show_counts([0] * 60)
    assert chart.grab().toImage() == empty
    assert chart.accessibleName() == "No requests in the last minute"
