"""The table's rows: their texts, their order, a search over them, and that each stays itself when it moves."""

from __future__ import annotations

import msgspec
import pytest
from PySide6.QtCore import QPersistentModelIndex, Qt
from pytestqt.modeltest import ModelTester

from app.topology.scene import compose
from app.topology.table import LOAD, NAME, ROUND_TRIP, SEEN, SENT, SERVICES, SORT_PAUSE, STATUS, WAY, MeshTable
from node.mesh_view.values import MeshView
from tests.support import meshes
from tests.support.meshes import COORD, OWN
from tests.support.samples import NOW

UP, DOWN = Qt.SortOrder.AscendingOrder, Qt.SortOrder.DescendingOrder


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def made(view: MeshView, clock: Clock | None = None) -> MeshTable:
    table = MeshTable(clock or Clock())
    table.show(compose(view), NOW)
    return table


def column(table: MeshTable, number: int) -> list[str]:
    return [str(table.data(table.index(row, number))) for row in range(table.rowCount())]


def test_this_computer_and_coordinators_come_first() -> None:
    view = meshes.mesh(20, coordinators=2)
    table = made(view)
    assert table.rowCount() == 22
    assert column(table, NAME)[:3] == [
        "Reception PC (this computer)",
        "c-2 (coordinator)",
        "c-main (coordinator)",
    ]
    assert column(table, NAME)[3:] == sorted(column(table, NAME)[3:])


def test_a_row_says_what_the_card_says_in_short() -> None:
    view = meshes.mesh(12)
    table = made(view)
    worker = next(item for item in view.workers if item.route == "direct")
    row = table.row_of(worker.id)
    assert row is not None
    texts = [column(table, number)[row] for number in range(table.columnCount())]
    assert texts[NAME] == worker.id
    assert texts[WAY] == "Direct"
    assert texts[LOAD] == f"{worker.load * 100:.0f} %"
    assert texts[ROUND_TRIP].endswith(" ms")
    assert texts[SEEN].endswith("ago") or texts[SEEN] == "now"
    tip = table.data(table.index(row, NAME), Qt.ItemDataRole.ToolTipRole)
    assert tip == table.data(table.index(row, NAME), Qt.ItemDataRole.AccessibleDescriptionRole)
    assert worker.id in tip
    assert table.headerData(STATUS, Qt.Orientation.Horizontal) == "State"


@pytest.mark.parametrize("number", [NAME, STATUS, WAY, LOAD, ROUND_TRIP, SENT, SERVICES, SEEN])
def test_every_column_sorts_both_ways(number: int) -> None:
    view = meshes.mesh(200)
    table = made(view)
    table.sort(number, UP)
    up = table.found
    table.sort(number, DOWN)
    assert sorted(up) == sorted(table.found)
    assert table.found != up
    assert column(table, number)[0] != column(table, number)[-1]


def test_numbers_are_sorted_as_numbers() -> None:
    view = meshes.mesh(200)
    table = made(view)
    loads = {worker.id: worker.load for worker in view.workers} | {COORD: 0.3}
    table.sort(LOAD, DOWN)
    shown = [loads[name] for name in table.found]
    assert shown == sorted(shown, reverse=True)
    table.sort(SENT, UP)
    rates = {link.target: link.rate for link in view.links if link.source == OWN}
    assert [rates.get(name, 0.0) for name in table.found[:5]] == sorted(rates.values(), reverse=True)[:5]


def test_a_search_looks_at_names_states_ways_services_and_kinds() -> None:
    view = meshes.mesh(300)
    table = made(view)
    table.search("OCR  paused")
    assert table.found
    for name in table.found:
        worker = next(item for item in view.workers if item.id == name)
        assert (worker.status, "vision-ocr" in worker.services) == ("paused", True)
    table.search("graphics")
    assert {item.type for item in view.workers if item.id in table.found} == {"gpu"}
    table.search("reception")
    assert table.found == (OWN,)
    table.search("nobody-at-all")
    assert table.found == ()
    table.search("  ")
    assert (len(table.found), table.searched) == (301, False)


def test_a_search_goes_on_while_the_mesh_changes() -> None:
    view = meshes.mesh(30)
    table = made(view)
    table.search("paused")
    before = set(table.found)
    workers = tuple(msgspec.structs.replace(worker, status="paused") for worker in view.workers)
    table.show(compose(msgspec.structs.replace(view, workers=workers)), NOW)
    assert before < set(table.found) == {worker.id for worker in workers}


def test_rows_stay_for_a_while_when_only_figures_change_and_then_are_sorted_anew() -> None:
    clock = Clock()
    view = meshes.mesh(60)
    table = made(view, clock)
    table.sort(LOAD, DOWN)
    order, told = table.found, []
    table.dataChanged.connect(lambda *_: told.append(True))
    later = compose(meshes.busier(view, 3, share=0.9))
    clock.now += SORT_PAUSE * 0.9
    table.show(later, NOW)
    assert (table.found, told) == (order, [True])
    clock.now += SORT_PAUSE
    table.show(later, NOW)
    assert table.found != order


def test_who_was_pointed_at_is_pointed_at_wherever_he_goes() -> None:
    table = made(meshes.mesh(60))
    resets: list[bool] = []
    table.modelReset.connect(lambda: resets.append(True))
    pointed = {name: QPersistentModelIndex(table.index(row, 0)) for row, name in enumerate(table.found)}
    table.sort(LOAD, DOWN)
    assert all(table.id_at(index.row()) == name for name, index in pointed.items())
    assert resets == []
    table.show(compose(meshes.mesh(61)), NOW)
    assert resets == [True]


def test_it_keeps_to_qts_rules(qtmodeltester: ModelTester) -> None:
    table = made(meshes.mesh(30))
    qtmodeltester.check(table)  # type: ignore[no-untyped-call]
    table.sort(LOAD, DOWN)
    table.search("ocr")
    table.show(compose(meshes.mesh(3)), NOW)


def test_what_is_not_there_is_nothing() -> None:
    table = MeshTable()
    assert (table.rowCount(), table.id_at(0), table.row_of(None), table.found) == (0, None, None, ())
    assert table.data(table.index(0, 0)) is None
