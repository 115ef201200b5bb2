"""How requests travel: counts, hit rate, routes, response times, and the other computers that this node knows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal

from PySide6.QtCore import QAbstractTableModel, QCoreApplication, QModelIndex, QPersistentModelIndex, Qt
from PySide6.QtGui import QHideEvent, QShowEvent
from PySide6.QtWidgets import QAbstractItemView, QGridLayout, QHBoxLayout, QHeaderView, QSizePolicy, QTableView

from app import figures, wording
from app.counted import counted
from app.panels import Panel
from app.past_model import RoutingModel
from app.picture import Picture
from app.translations import QT_TRANSLATE_NOOP
from app.widgets.columns import Columns
from app.widgets.frames import Card, EmptyState
from app.widgets.labels import ElidedLabel, label
from app.widgets.meters import ChartWithCaption, Figure, Meter
from app.widgets.tips import tip
from node.state import Peer, RoutingStats
from node.wire.messages import Route

if TYPE_CHECKING:
    from app.panels.routing_past import PastCards

PERCENTILES: dict[Literal["p50", "p95", "p99"], str] = {
    "p50": QT_TRANSLATE_NOOP("TimesCard", "Half of them were ready within"),
    "p95": QT_TRANSLATE_NOOP("TimesCard", "95 of 100 were ready within"),
    "p99": QT_TRANSLATE_NOOP("TimesCard", "99 of 100 were ready within"),
}
ROUTES: tuple[Route, ...] = ("local", "vpn", "direct", "relay", "tunnel")
Index = QModelIndex | QPersistentModelIndex
NO_PARENT = QModelIndex()


class RoutingPanel(Panel):
    """Live numbers of the node's router."""

    def __init__(self, model: RoutingModel) -> None:
        super().__init__()
        self._model = model
        self._totals = TotalsCard()
        self._past: PastCards | None = None
        self._stale = label("", "muted", wrap=True)
        self._stale.hide()
        model.changed.connect(self._draw_past)
        self._routes = RoutesCard()
        self._times = TimesCard()
        self._peers = PeersCard()
        self.column.addWidget(self._stale)
        self.column.addWidget(self._totals)
        columns = Columns([self._routes], [self._times])
        columns.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Maximum)
        self.column.addWidget(columns)
        self.column.addWidget(self._peers, 1)

    def draw(self, picture: Picture, now: float) -> None:
        stats = picture.view.stats if picture.view else RoutingStats()
        self._totals.draw(stats, picture.activity)
        self._routes.draw(stats)
        self._times.draw(stats)
        self._peers.draw(picture.view.peers if picture.view else (), now)
        stale = picture.view is not None and not picture.connected
        self._stale.setVisible(stale)
        if stale:
            self._stale.setText(self.tr("The node on this computer says nothing new; this is how it was."))
        self._draw_past()

    def _draw_past(self) -> None:
        if self._past is not None and self.isVisible():
            self._past.over_time.draw(self._model.sight)
            self._past.requests.draw(self._model.sight)

    def showEvent(self, event: QShowEvent) -> None:
        if self._past is None:
            from app.panels.routing_past import PastCards  # of no use to the start

            self._past = PastCards()
            for place, card in ((3, self._past.over_time), (4, self._past.requests)):
                self.column.insertWidget(place, card)
        self._model.watch(wanted=True)
        super().showEvent(event)
        self._draw_past()

    def hideEvent(self, event: QHideEvent) -> None:
        self._model.watch(wanted=False)
        super().hideEvent(event)


class TotalsCard(Card):
    """The numbers that matter most, and the last minute as a curve."""

    def __init__(self) -> None:
        super().__init__(QCoreApplication.translate("TotalsCard", "Requests since the node started"))
        self._figures = {
            "total": Figure(
                self.tr("requests"),
                self.tr("Requests that came to this node, from the mesh or from its own services"),
            ),
            "hit": Figure(
                self.tr("found in memory"),
                self.tr("How often the node already knew which computer to ask (cache hit rate)"),
            ),
            "lookups": Figure(
                self.tr("searches"), self.tr("How often it had to search the mesh for a computer (DHT lookups)")
            ),
            "again": Figure(
                self.tr("tried elsewhere"), self.tr("Requests that another computer took over after one failed")
            ),
            "failed": Figure(self.tr("failed"), self.tr("Requests that no computer could answer")),
        }
        line = QHBoxLayout()
        line.setSpacing(12)
        for figure in self._figures.values():
            line.addWidget(figure, 1)
        self._chart = ChartWithCaption()
        self.body.addLayout(line)
        self.body.addWidget(self._chart)

    def draw(self, stats: RoutingStats, activity: Sequence[int]) -> None:
        asked = stats.cache_hits + stats.cache_misses
        self._figures["total"].show_number(figures.number(stats.local_requests + stats.forwarded_requests))
        self._figures["hit"].show_number(figures.percent(stats.cache_hit_rate) if asked else figures.DASH)
        self._figures["lookups"].show_number(figures.number(stats.dht_lookups))
        self._figures["again"].show_number(figures.number(stats.failovers))
        self._figures["failed"].show_number(figures.number(stats.failed_requests))
        self._chart.show_counts(activity)


class RoutesCard(Card):
    """How many requests went which way."""

    def __init__(self) -> None:
        super().__init__(QCoreApplication.translate("RoutesCard", "Which way they went"))
        grid = QGridLayout()
        grid.setHorizontalSpacing(12)
        grid.setVerticalSpacing(10)
        grid.setColumnStretch(1, 1)
        self._lines = {}
        for row, route in enumerate(ROUTES):
            words = wording.ROUTES[route]
            name, meter, count = label(words.label), Meter(words.label, words.tone), label("", "strong")
            name.setToolTip(tip(words.meaning))
            count.setAlignment(Qt.AlignmentFlag.AlignRight)
            for column, widget in enumerate((name, meter, count)):
                grid.addWidget(widget, row, column, Qt.AlignmentFlag.AlignVCenter)
            self._lines[route] = (name, meter, count)
        self._none = label(
            self.tr("No requests yet. They appear here as soon as the mesh sends some."), "muted", wrap=True
        )
        self.body.addLayout(grid)
        self.body.addWidget(self._none)

    def draw(self, stats: RoutingStats) -> None:
        counts = {route: stats.requests_by_route.get(route, 0) for route in ROUTES}
        most = max(counts.values())
        self._none.setVisible(most == 0)
        for route, (name, meter, count) in self._lines.items():
            for widget in (name, meter, count):
                widget.setVisible(counts[route] > 0)
            meter.show_fraction(counts[route] / most if most else 0.0, wording.ROUTES[route].tone)
            count.setText(figures.number(counts[route]))


class TimesCard(Card):
    """How long answers took."""

    def __init__(self) -> None:
        super().__init__(QCoreApplication.translate("TimesCard", "How long answers took"))
        self._lines = {}
        for key, text in PERCENTILES.items():
            line, value = QHBoxLayout(), label("", "strong")
            words = ElidedLabel(self.tr(text), "muted")
            line.addWidget(words, 1)
            line.addWidget(value)
            self.body.addLayout(line)
            self._lines[key] = (words, value)
        self._none = label(self.tr("Nothing has been measured yet."), "muted", wrap=True)
        self.body.addWidget(self._none)

    def draw(self, stats: RoutingStats) -> None:
        times = stats.latency_ms
        measured = any(times.values())
        self._none.setVisible(not measured)
        for key, (words, value) in self._lines.items():
            words.setVisible(measured)
            value.setVisible(measured)
            value.setText(figures.milliseconds(times.get(key)))


class PeersCard(Card):
    """The other computers that this node knows, as a table."""

    def __init__(self) -> None:
        super().__init__(QCoreApplication.translate("PeersCard", "Other computers"))
        self._count = label("", "muted")
        self.corner.addWidget(self._count)
        self._model = PeersModel()
        self._table = QTableView()
        self._table.setModel(self._model)
        self._table.setAccessibleName(self.tr("Other computers that this node knows"))
        self._table.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self._table.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self._table.setShowGrid(False)
        self._table.setWordWrap(False)
        self._table.setTabKeyNavigation(False)
        self._table.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self._table.verticalHeader().hide()
        header = self._table.horizontalHeader()
        header.setHighlightSections(False)
        header.setDefaultAlignment(Qt.AlignmentFlag.AlignLeading | Qt.AlignmentFlag.AlignVCenter)
        header.setSectionResizeMode(QHeaderView.ResizeMode.Stretch)
        for column in (1, 3, 4, 5):
            header.setSectionResizeMode(column, QHeaderView.ResizeMode.ResizeToContents)
        self._table.setMinimumHeight(170)
        self._empty = EmptyState("peers")
        self._empty.show_text(
            self.tr("No other computers yet"),
            self.tr("They appear here when this node finds them in the mesh. The search goes on by itself."),
        )
        self.body.addWidget(self._table, 1)
        self.body.addWidget(self._empty)

    def draw(self, peers: tuple[Peer, ...], now: float) -> None:
        self._model.show_peers(peers, now)
        self._count.setText(counted.computers(len(peers)) if peers else "")
        self._table.setVisible(bool(peers))
        self._empty.setVisible(not peers)


class PeersModel(QAbstractTableModel):
    """Peers as rows; only what changed is told to the table."""

    HEADINGS = (
        QT_TRANSLATE_NOOP("PeersModel", "Computer"),
        QT_TRANSLATE_NOOP("PeersModel", "Way"),
        QT_TRANSLATE_NOOP("PeersModel", "Services"),
        QT_TRANSLATE_NOOP("PeersModel", "Load"),
        QT_TRANSLATE_NOOP("PeersModel", "Round trip"),
        QT_TRANSLATE_NOOP("PeersModel", "Last seen"),
    )

    def __init__(self) -> None:
        super().__init__()
        self._rows: list[tuple[str, ...]] = []
        self._hints: list[str] = []

    def show_peers(self, peers: tuple[Peer, ...], now: float) -> None:
        ordered = sorted(peers, key=lambda peer: peer.worker_id)
        rows = [_row(peer, now) for peer in ordered]
        self._hints = [f"{peer.worker_id}\n{peer.address}\n{', '.join(peer.services)}" for peer in ordered]
        if len(rows) != len(self._rows):
            self.beginResetModel()
            self._rows = rows
            self.endResetModel()
            return
        before, self._rows = self._rows, rows
        for position, (old, new) in enumerate(zip(before, rows, strict=True)):
            if old != new:
                self.dataChanged.emit(self.index(position, 0), self.index(position, len(self.HEADINGS) - 1))

    def rowCount(self, parent: Index = NO_PARENT) -> int:
        return 0 if parent.isValid() else len(self._rows)

    def columnCount(self, parent: Index = NO_PARENT) -> int:
        return 0 if parent.isValid() else len(self.HEADINGS)

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> str | None:
        if role == Qt.ItemDataRole.DisplayRole:
            return self._rows[index.row()][index.column()]
        if role == Qt.ItemDataRole.ToolTipRole:
            return tip(self._hints[index.row()])
        return None

    def headerData(
        self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole
    ) -> str | None:
        if role == Qt.ItemDataRole.DisplayRole and orientation == Qt.Orientation.Horizontal:
            return self.tr(self.HEADINGS[section])
        return None


def _row(peer: Peer, now: float) -> tuple[str, ...]:
    return (
        peer.worker_id,
        wording.route_text(peer),
        ", ".join(peer.services) or figures.DASH,
        figures.percent(peer.load),
        figures.milliseconds(peer.rtt_ms),
        figures.ago(peer.last_seen, now),
    )
