"""The chart paints what it is given, tells it in words, and paints again only when that has changed."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtGui import QHelpEvent, QImage
from PySide6.QtWidgets import QToolTip
from pytestqt.qtbot import QtBot

from app.requests.chart import TimeChart
from app.requests.curves import Curve

CURVES = (
    Curve("half", "solid", (1.0, 2.0, None, 3.0)),
    Curve("95 of 100", "dash", (2.0, 4.0, None, 6.0)),
    Curve("failed", "bad", (0.0, 0.0, None, 5.0)),
)


@pytest.fixture
def chart(qtbot: QtBot) -> Iterator[TimeChart]:
    made = TimeChart("How long", lambda value: f"{value:.0f} ms")
    made.resize(400, 160)
    made.show()
    yield made
    made.close()
    made.deleteLater()


def picture(chart: TimeChart) -> QImage:
    return chart.grab().toImage()


def test_it_paints_curves_and_nothing_where_there_are_none(chart: TimeChart) -> None:
    chart.show_curves((), "5 minutes ago", "now", str)
    empty = picture(chart)
    chart.show_curves(CURVES, "5 minutes ago", "now", str)
    full = picture(chart)
    assert full != empty
    for direction in (Qt.LayoutDirection.RightToLeft, Qt.LayoutDirection.LeftToRight):
        chart.setLayoutDirection(direction)
        assert picture(chart) != empty
    half = full.width() // 2
    assert full.copy(half + 40, 40, 40, 60) == empty.copy(half + 40, 40, 40, 60), "a gap is a gap"


def test_what_the_mouse_points_at_is_said(chart: TimeChart, qtbot: QtBot) -> None:
    chart.show_curves(CURVES, "", "now", lambda share: f"at {share:.1f}")
    assert chart.told_at(0.0) == "at 0.0\nhalf: 1 ms\n95 of 100: 2 ms\nfailed: 0 ms"
    assert chart.told_at(1.0).endswith("failed: 5 ms")
    assert "half: –" in chart.told_at(0.6)
    event = QHelpEvent(QHelpEvent.Type.ToolTip, QPoint(1, 1), chart.mapToGlobal(QPoint(1, 1)))
    assert chart.event(event)
    qtbot.waitUntil(lambda: "half: 1 ms" in QToolTip.text(), timeout=20_000)
    QToolTip.hideText()


def test_the_same_again_is_not_painted(chart: TimeChart, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch) -> None:
    updates = []
    monkeypatch.setattr(chart, "update", lambda: updates.append(1))
    chart.show_curves(CURVES, "a", "b", str)
    chart.show_curves(CURVES, "a", "b", str)
    assert len(updates) == 1
    assert chart.accessibleName() == "How long"
    assert chart.curves == CURVES
