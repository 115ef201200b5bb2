"""How routing went over some minutes or a day: how many requests, how long they took, and who was known."""

from __future__ import annotations

import time

from PySide6.QtWidgets import QComboBox

from app import figures
from app.past_model import RoutingSight
from app.requests.chart import TimeChart
from app.requests.curves import Curve, Grouped, Span, grouped
from app.widgets.columns import Columns
from app.widgets.frames import Card
from app.widgets.labels import label


class TimeCard(Card):
    """Three charts over one span, and what they say as a sentence."""

    def __init__(self) -> None:
        super().__init__()
        self.setAccessibleName(self.tr("Over time"))
        self.span = QComboBox()
        self.span.setAccessibleName(self.tr("How far back"))
        self.span.addItem(self.tr("Last 5 minutes"), "recent")
        self.span.addItem(self.tr("Last day"), "day")
        self.span.currentIndexChanged.connect(lambda _index: self._draw_again())
        self.corner.addWidget(label(self.tr("Over time"), "title"), 1)
        self.corner.addWidget(self.span)
        self.body.addLayout(self.corner)
        self._sentence = label("", "muted", wrap=True)
        self.requests = TimeChart(self.tr("Requests"), _count, least=5.0)
        self.latency = TimeChart(self.tr("How long answers took"), figures.milliseconds)
        self.known = TimeChart(self.tr("Known whom to ask"), figures.percent, 1.0)
        self.searches = TimeChart(
            self.tr("Searches of the mesh"), lambda value: figures.number(round(value)), least=5.0
        )
        self.body.addWidget(self._sentence)
        self.body.addWidget(Columns([self.requests, self.known], [self.latency, self.searches]))
        self._sight = RoutingSight()

    def draw(self, sight: RoutingSight) -> None:
        self._sight = sight
        self._draw_again()

    def _draw_again(self) -> None:
        span: Span = self.span.currentData()
        series = self._sight.recent if span == "recent" else self._sight.day
        ends_at = series.ends_at if series is not None else 0.0
        found = grouped(series, span)
        self._tell(found)
        self._show(self.requests, found, ends_at, span, self._request_curves(found))
        self._show(self.latency, found, ends_at, span, self._latency_curves(found))
        self._show(
            self.known, found, ends_at, span, (Curve(self.tr("found in memory"), "solid", found.hit_rates()),)
        )
        searches = Curve(self.tr("searches"), "bar", found.sums(lambda one: one.lookups))
        again = Curve(self.tr("tried again"), "bad", found.sums(lambda one: one.retries))
        self._show(self.searches, found, ends_at, span, (searches, again))

    def _request_curves(self, found: Grouped) -> tuple[Curve, ...]:
        requests = Curve(self.tr("requests"), "bar", found.sums(lambda one: one.requests))
        return requests, Curve(self.tr("failed"), "bad", found.sums(lambda one: one.failed))

    def _latency_curves(self, found: Grouped) -> tuple[Curve, ...]:
        return (
            Curve(self.tr("half"), "solid", found.highest(lambda one: one.p50)),
            Curve(self.tr("95 of 100"), "dash", found.highest(lambda one: one.p95)),
            Curve(self.tr("99 of 100"), "dot", found.highest(lambda one: one.p99)),
        )

    def _show(
        self, chart: TimeChart, found: Grouped, ends_at: float, span: Span, curves: tuple[Curve, ...]
    ) -> None:
        lasts = found.seconds * len(found.groups)
        begin = self.tr("5 minutes ago") if span == "recent" else self.tr("a day ago")

        def moment(share: float) -> str:
            return time.strftime("%H:%M:%S", time.localtime(ends_at - lasts * (1.0 - share))) if ends_at else ""

        chart.show_curves(curves, begin, self.tr("now"), moment)
        told = [f"{curve.name}: {self._last(chart, curve)}" for curve in curves]
        chart.setAccessibleDescription("; ".join(told))

    def _last(self, chart: TimeChart, curve: Curve) -> str:
        return (
            figures.DASH if curve.last is None else chart.told_at(1.0).split(f"{curve.name}: ")[-1].split("\n")[0]
        )

    def _tell(self, found: Grouped) -> None:
        total = found.total
        if not total.requests:
            self._sentence.setText(self.tr("There were no requests in this time."))
            return
        text = self.tr(
            "{requests} requests, {failed} of them failed, {again} tries were repeated; another computer took over "
            "{over} times. The mesh was searched {searches} times."
        )
        self._sentence.setText(
            text.format(
                requests=figures.number(total.requests),
                failed=figures.number(total.failed),
                again=figures.number(total.retries),
                over=figures.number(total.failovers),
                searches=figures.number(total.lookups),
            )
        )


def _count(value: float) -> str:
    return figures.number(round(value))
