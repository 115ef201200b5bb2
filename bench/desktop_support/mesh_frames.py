"""How long frames of the map of the mesh take: while it is moved, while it is zoomed, and while the mesh changes.

Each frame is what the app does for it: the event, and the painting of all that it makes necessary, in this thread.
The panel is the real one with its table beside the map, in a window of 1920x1080. Run it alone:

    QT_QPA_PLATFORM=offscreen python bench/desktop_support/mesh_frames.py [--json] [WORKERS …]
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))  # else Python finds only what is in bench/

from PySide6.QtCore import QEvent, QPoint, QPointF, Qt
from PySide6.QtGui import QMouseEvent, QWheelEvent
from PySide6.QtWidgets import QApplication

from app.application import Application
from app.main_window import MainWindow
from app.mesh_model import MeshSight
from app.node_model import NodeModel
from app.topology.canvas import MeshMap
from node.mesh_view.values import MeshView
from tests.support import meshes, samples

COUNTS = (200, 1000, 5000)
FRAMES = 60
SIZE = (1920, 1080)


@dataclass(frozen=True, slots=True)
class Frames:
    """Milliseconds at one size of the mesh; a change is the whole way from a message's value to the painted frame.

    `first` is from an empty panel to the painted mesh, layout included; `picture` is painting all of it anew, which
    frames do only where that is quick or the map rests.
    """

    workers: int
    first: float
    picture: float
    pan_p50: float
    pan_p99: float
    zoom_p50: float
    zoom_p99: float
    change_p50: float
    change_p99: float


def measure_frames(counts: Sequence[int] = COUNTS, frames: int = FRAMES) -> list[Frames]:
    """Measure with meshes of so many workers; there must be a QApplication of ours or none."""
    application = QApplication.instance() or Application(["rma-mesh"])
    assert isinstance(application, QApplication)
    return [_measure(application, count, frames) for count in counts]


def table(found: Sequence[Frames]) -> str:
    """Return the figures as lines of text."""
    parts = (f"{name + ' p50':>11} {'p99':>6}" for name in ("pan", "zoom", "change"))
    head = " |".join([f"{'workers':>8} {'first':>7} {'picture':>8}", *parts])
    return "\n".join([head + "   (ms)", *(_line(one) for one in found)])


def _line(one: Frames) -> str:
    pairs = ((one.pan_p50, one.pan_p99), (one.zoom_p50, one.zoom_p99), (one.change_p50, one.change_p99))
    texts = [f"{half:>11.1f} {most:>6.1f}" for half, most in pairs]
    return " |".join([f"{one.workers:>8} {one.first:>7.0f} {one.picture:>8.1f}", *texts])


def _measure(application: QApplication, count: int, frames: int) -> Frames:
    model = NodeModel()
    window = MainWindow(model)
    window.resize(*SIZE)
    window.show()
    model.picture = samples.TYPICAL
    model.changed.emit(model.picture)
    window.open_panel("mesh")
    application.processEvents()
    map_ = window.findChildren(MeshMap)[0]
    view = meshes.mesh(count)
    first = _timed(lambda: _show(model, view))
    pan = [_timed(partial(_drag, map_, step)) for step in range(frames)]
    zoom = [_timed(partial(_wheel, map_, 120 if step % 20 < 10 else -120)) for step in range(frames)]
    change = [_timed(partial(_show, model, later)) for later in _later(view, frames)]
    picture, _ = _percentiles([_timed(map_._paint_picture) for _ in range(5)])
    window.prepare_to_quit()
    window.close()
    window.deleteLater()
    application.processEvents()
    return Frames(count, first, picture, *_percentiles(pan), *_percentiles(zoom), *_percentiles(change))


def _later(view: MeshView, frames: int) -> Iterator[MeshView]:
    for seed in range(frames):
        view = meshes.busier(view, seed)
        yield view


def _show(model: NodeModel, view: MeshView) -> None:
    model.mesh.sight = MeshSight(view=view, live=True)
    model.mesh.changed.emit(model.mesh.sight)
    QApplication.processEvents()  # paints what waits to be painted, and nothing else


def _drag(map_: MeshMap, step: int) -> None:
    """Move the map by some pixels, to and fro."""
    here = QPointF(400 + 6 * abs(step % 40 - 20), 300)
    left, none = Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier
    kinds = [QEvent.Type.MouseMove] if step else [QEvent.Type.MouseButtonPress, QEvent.Type.MouseMove]
    for kind in kinds:
        QApplication.sendEvent(map_, QMouseEvent(kind, here, map_.mapToGlobal(here), left, left, none))
    QApplication.processEvents()


def _wheel(map_: MeshMap, turned: int) -> None:
    here = QPointF(map_.rect().center())
    event = QWheelEvent(
        here,
        map_.mapToGlobal(here),
        QPoint(),
        QPoint(0, turned),
        Qt.MouseButton.NoButton,
        Qt.KeyboardModifier.NoModifier,
        Qt.ScrollPhase.NoScrollPhase,
        False,
    )
    QApplication.sendEvent(map_, event)
    QApplication.processEvents()


def _timed(act: Callable[[], object]) -> float:
    began = time.perf_counter()
    act()
    return (time.perf_counter() - began) * 1000


def _percentiles(times: list[float]) -> tuple[float, float]:
    ordered = sorted(times)
    return ordered[len(ordered) // 2], ordered[min(len(ordered) - 1, round(0.99 * len(ordered)))]


def main() -> int:
    os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
    counts = [int(word) for word in sys.argv[1:] if word.isdecimal()]
    found = measure_frames(counts or COUNTS)
    print(json.dumps([asdict(one) for one in found]) if "--json" in sys.argv else table(found))
    return 0


if __name__ == "__main__":
    sys.exit(main())
