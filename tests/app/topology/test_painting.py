"""What is painted at which size of the mesh: everything of a small one, what can be told apart of a large one."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import pytest
from PySide6.QtGui import QFont, QImage, QPainter, QPalette

from app.appearance import colours_of
from app.topology import painting
from app.topology.camera import Camera, fitting
from app.topology.marks import Marks
from app.topology.painting import Frame, Ink, paint_captions, paint_scene
from app.topology.scene import Line, Mark, Scene, compose
from tests.support import meshes

SIZE = (900, 600)


class Painted:
    """Paints a scene and remembers what was asked for."""

    def __init__(self, scene: Scene, camera: Camera | None, monkeypatch: pytest.MonkeyPatch) -> None:
        self.lines: list[Line] = []
        self.marks: list[Mark] = []
        self.names: list[str] = []
        for name in ("lines", "marks", "names"):
            monkeypatch.setattr(painting, f"paint_{name}", self._remember(name, getattr(painting, f"paint_{name}")))
        self.image = QImage(*SIZE, QImage.Format.Format_RGB32)
        self.image.fill(0xFFFFFF)
        frame = Frame(camera or fitting(scene.bounds, SIZE), SIZE)
        painter = QPainter(self.image)
        paint_scene(painter, scene, frame, Marks(colours_of(QPalette()), 1.0), QFont())
        painter.end()

    def _remember(self, name: str, paint: Callable[..., None]) -> Callable[..., None]:
        def painted(painter: QPainter, things: Iterable[Any], *rest: object) -> None:
            things = list(things)
            getattr(self, name).extend(thing.label if name == "names" else thing for thing in things)
            paint(painter, things, *rest)

        return painted


def test_of_a_small_mesh_all_is_painted(monkeypatch: pytest.MonkeyPatch) -> None:
    scene = compose(meshes.mesh(20))
    painted = Painted(scene, None, monkeypatch)
    assert len(painted.lines) == len(scene.lines)
    assert len(painted.marks) == len(scene.marks)
    assert {"Reception PC", "c-main"} <= set(painted.names)


def test_of_a_large_mesh_only_lines_on_which_something_goes(monkeypatch: pytest.MonkeyPatch) -> None:
    scene = compose(meshes.mesh(3000))
    painted = Painted(scene, None, monkeypatch)
    assert len(painted.marks) == len(scene.marks)
    assert painted.lines
    assert all(line.traffic > 0 for line in painted.lines)
    assert set(painted.names) == {"Reception PC", "c-main"}, "names of others would be one black spot"


def test_near_by_names_and_lines_come_back_and_what_is_out_of_sight_is_left_out(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    scene = compose(meshes.mesh(3000))
    painted = Painted(scene, Camera(600, 300, 1.3), monkeypatch)
    assert 20 < len(painted.marks) < 300
    assert len(painted.names) == len(set(painted.names)) == len(painted.marks)
    assert any(line.traffic == 0 for line in painted.lines)


def test_captions_stay_on_the_widget(monkeypatch: pytest.MonkeyPatch) -> None:
    scene = compose(meshes.mesh(500))
    for camera in (fitting(scene.bounds, SIZE), Camera(4000, 4000, 2.0)):
        image = QImage(*SIZE, QImage.Format.Format_RGB32)
        image.fill(0xFFFFFF)
        painter = QPainter(image)
        captions = {"direct": "Direct: 5", "vpn": "Private network: 9", "relay": "Relayed: 2"}
        paint_captions(painter, captions, scene, Frame(camera, SIZE), Ink(colours_of(QPalette()), QFont()))  # type: ignore[arg-type]
        painter.end()
        edges = [image.pixel(x, y) for x in range(SIZE[0]) for y in (0, SIZE[1] - 1)]
        assert {edge & 0xFFFFFF for edge in edges} == {0xFFFFFF}
        inside = {image.pixel(x, y) & 0xFFFFFF for x in range(SIZE[0]) for y in range(SIZE[1])}
        assert len(inside) > 1


def test_small_marks_stay_visible_and_large_ones_moderate() -> None:
    far, near = Frame(Camera(0, 0, 0.02), SIZE), Frame(Camera(0, 0, 4.0), SIZE)
    assert far.radius("worker") == painting.SMALLEST
    assert far.radius("own") == painting.SMALLEST_SPECIAL
    assert near.radius("worker") == near.radius("own") == painting.LARGEST
    assert far.boldness < near.boldness == 1.0
