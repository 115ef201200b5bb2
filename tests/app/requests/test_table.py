"""The last requests as a model: newer ones come on top, older ones go, and another run begins anew."""

from __future__ import annotations

from PySide6.QtCore import QPersistentModelIndex, Qt
from pytestqt.modeltest import ModelTester
from pytestqt.qtbot import QtBot

from app.requests.table import RESULT, RequestsModel
from tests.support.pasts import journey, routing


def texts(model: RequestsModel, row: int) -> list[str]:
    return [model.data(model.index(row, column)) for column in range(model.columnCount())]


def test_a_request_is_a_row(qtmodeltester: ModelTester, qtbot: QtBot) -> None:
    model = RequestsModel()
    model.show(1, (journey(1, status=503),))
    assert texts(model, 0)[1:] == [
        "document-processing",
        "w-0b51e7",
        "Private network",
        "1",
        "18 ms",
        "Failed (503)",
    ]
    assert "least busy" in model.data(model.index(0, 0), Qt.ItemDataRole.ToolTipRole)
    assert model.data(model.index(0, RESULT), Qt.ItemDataRole.ForegroundRole) is not None
    qtmodeltester.check(model)  # type: ignore[no-untyped-call]


def test_a_row_stays_itself_while_newer_ones_come_and_older_ones_go(qtbot: QtBot) -> None:
    model = RequestsModel()
    assert model.show(7, routing(200).journeys) == 0
    kept = QPersistentModelIndex(model.index(10, 0))
    resets: list[int] = []
    model.modelReset.connect(lambda: resets.append(1))
    assert model.show(7, routing(205, first=6).journeys) == 5
    assert (model.rowCount(), kept.row(), resets) == (200, 15, [])
    assert model.show(7, routing(205, first=6).journeys) == 0
    first, last = model.journey_at(0), model.journey_at(199)
    assert first is not None
    assert last is not None
    assert (first.number, last.number) == (205, 6)
    assert model.show(8, routing(3).journeys) == 0
    assert (model.rowCount(), len(resets)) == (3, 1)
    model.show(9, ())
    assert model.rowCount() == 0
    assert model.journey_at(0) is None
