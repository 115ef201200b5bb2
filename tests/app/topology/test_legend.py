"""The legend explains what is on the map, and finds room for it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from PySide6.QtCore import Qt
from pytestqt.qtbot import QtBot

from app.topology.legend import Legend, entries_of
from app.topology.scene import Scene, compose
from tests.support import meshes


@pytest.fixture
def legend(qtbot: QtBot) -> Iterator[Legend]:
    made = Legend()
    made.resize(900, 40)
    made.show()
    yield made
    made.close()
    made.deleteLater()


def test_only_what_is_on_the_map_is_explained() -> None:
    assert entries_of(Scene()) == ()
    alone = [entry.text for entry in entries_of(compose(meshes.mesh(1)))]
    assert alone == ["Private network: 1", "This computer", "Coordinator: 1"]
    texts = [entry.text for entry in entries_of(compose(meshes.mesh(1000)))]
    assert [text.partition(":")[0] for text in texts[:4]] == ["Direct", "Private network", "Relayed", "Tunnel"]
    assert {"Working", "Not heard from", "Finishing up", "Paused", "Offline"} <= {
        text.partition(":")[0] for text in texts
    }


def test_it_is_read_out_whole(legend: Legend) -> None:
    legend.show_scene(compose(meshes.mesh(1)))
    assert legend.accessibleName() == "Private network: 1, This computer, Coordinator: 1"


def test_it_wraps_where_there_is_little_room(legend: Legend) -> None:
    legend.show_scene(compose(meshes.mesh(1000)))
    wide = legend.height()
    legend.resize(300, legend.height())
    assert legend.height() > 2 * wide
    legend.resize(1900, legend.height())
    assert legend.height() <= wide


@pytest.mark.parametrize("direction", [Qt.LayoutDirection.LeftToRight, Qt.LayoutDirection.RightToLeft])
def test_it_begins_at_the_side_where_reading_begins(legend: Legend, direction: Qt.LayoutDirection) -> None:
    legend.setLayoutDirection(direction)
    legend.show_scene(compose(meshes.mesh(1)))
    image = legend.grab().toImage()
    ground = image.pixel(image.width() // 2, image.height() - 1)

    def painted(left: int, right: int) -> bool:
        return any(image.pixel(x, y) != ground for x in range(left, right) for y in range(image.height()))

    first, last = painted(0, 120), painted(image.width() - 120, image.width())
    assert (first, last) == ((True, False) if direction == Qt.LayoutDirection.LeftToRight else (False, True))
