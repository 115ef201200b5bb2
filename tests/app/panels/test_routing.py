"""Routing: live counts, ways, times and peers; smooth with a thousand of them."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest
from PySide6.QtCore import Qt
from pytestqt.modeltest import ModelTester
from pytestqt.qtbot import QtBot

from app.panels.routing import PeersModel, RoutingPanel
from app.past_model import RoutingModel
from app.picture import Picture
from node.state import Peer, RoutingStats
from tests.support import pasts, samples
from tests.support.samples import NOW, picture


@pytest.fixture
def panel(qtbot: QtBot) -> Iterator[RoutingPanel]:
    made = RoutingPanel(RoutingModel())
    made.resize(624, 500)
    made.show()
    yield made
    made.close()
    made.deleteLater()


def figures(panel: RoutingPanel) -> dict[str, str]:
    return {name: figure.accessibleName().partition(": ")[2] for name, figure in panel._totals._figures.items()}


def test_nothing_yet_is_said_in_words(panel: RoutingPanel) -> None:
    panel.draw(Picture(), NOW)
    assert figures(panel) == {"total": "0", "hit": "–", "lookups": "0", "again": "0", "failed": "0"}
    assert panel._routes._none.isVisible()
    assert panel._times._none.isVisible()
    assert panel._peers._empty.isVisible()
    assert not panel._peers._table.isVisible()


def test_a_typical_node(panel: RoutingPanel) -> None:
    panel.draw(samples.TYPICAL, NOW)
    assert figures(panel) == {"total": "1,601", "hit": "91 %", "lookups": "28", "again": "9", "failed": "3"}
    shown = {route: line[2].text() for route, line in panel._routes._lines.items() if line[0].isVisible()}
    assert shown == {"local": "1,284", "direct": "241", "relay": "76"}
    assert [value.text() for _, value in panel._times._lines.values()] == ["18 ms", "142 ms", "1.3 s"]
    assert panel._totals._chart.accessibleName() == f"{sum(samples.TYPICAL.activity)} requests in the last minute"


def test_live_numbers_follow(panel: RoutingPanel) -> None:
    panel.draw(samples.TYPICAL, NOW)
    panel.draw(
        picture(samples.ONLINE, view=samples.view(samples.ONLINE, stats=RoutingStats(local_requests=2))), NOW
    )
    assert figures(panel)["total"] == "2"


def test_peers_are_rows_with_their_details(panel: RoutingPanel) -> None:
    panel.draw(samples.TYPICAL, NOW)
    model = panel._peers._model
    assert model.rowCount() == 4
    first = [model.data(model.index(0, column)) for column in range(model.columnCount())]
    assert first == ["w-0b51e7", "Direct", "document-processing, ner-extraction", "12 %", "1.4 ms", "now"]
    assert "192.168.1.31:8000" in str(model.data(model.index(0, 0), Qt.ItemDataRole.ToolTipRole))


def test_the_table_keeps_to_qts_rules(qtbot: QtBot, qtmodeltester: ModelTester) -> None:
    model = PeersModel()
    model.show_peers(samples.PEERS, NOW)
    qtmodeltester.check(model)  # type: ignore[no-untyped-call]


def test_only_rows_that_changed_are_told(qtbot: QtBot) -> None:
    model, told = PeersModel(), []
    model.show_peers(samples.PEERS, NOW)
    model.dataChanged.connect(lambda first, last: told.append((first.row(), last.row())))
    model.show_peers(samples.PEERS, NOW)
    assert told == []
    busier = Peer(worker_id="w-3c90fa", route="direct", address="192.168.1.40:8000", load=0.9, last_seen=NOW)
    model.show_peers((samples.PEERS[0], busier, *samples.PEERS[2:]), NOW)
    assert told == [(1, 1)]


def test_a_thousand_peers_are_no_burden(panel: RoutingPanel, qtbot: QtBot) -> None:
    crowd = picture(samples.ONLINE, view=samples.view(samples.ONLINE, peers=samples.many_peers(1000)))
    panel.draw(crowd, NOW)
    times = []
    for _ in range(10):
        began = time.process_time()
        panel.draw(crowd, NOW)
        times.append(time.process_time() - began)
    assert min(times) < 0.25  # seconds of work; some thousandths are usual
    assert panel._peers._count.text() == "1,000 computers"


def test_the_past_is_drawn_while_it_is_seen_and_asked_for_only_then(panel: RoutingPanel) -> None:
    assert panel._model._wanted
    panel._model.sight = pasts.routing(200)
    panel._model.changed.emit()
    assert panel._past is not None
    assert panel._past.requests.model.rowCount() == 200
    panel.hide()
    assert not panel._model._wanted
    panel._model.sight = pasts.routing(205, first=6)
    panel._model.changed.emit()
    assert panel._past.requests.model.journey_at(0) == pasts.journey(200), "nothing is drawn while it is hidden"


def test_a_node_that_is_silent_is_said_to_be(panel: RoutingPanel) -> None:
    panel.draw(picture(samples.ONLINE), NOW)
    assert not panel._stale.isVisible()
    panel.draw(picture(samples.ONLINE, connected=False), NOW)
    assert panel._stale.isVisible()
