"""The scenes of docs/screenshots as windows: every page and dialog of the app, from sample data, without a node."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from PySide6.QtCore import QEvent
from PySide6.QtWidgets import QApplication, QWidget

from app.main_window import MainWindow
from app.tray_menu import TrayMenu
from app.tray_picture import tray_picture
from node.rules.settings import Rules
from tests.support.samples import NOW

FILE = Path(__file__).parents[2] / "docs" / "screenshots" / "scenes.py"


def _load() -> Any:
    known = sys.modules.get("screenshot_scenes")
    if known is not None:
        return known
    spec = importlib.util.spec_from_file_location("screenshot_scenes", FILE)
    assert spec is not None
    assert spec.loader is not None
    made = importlib.util.module_from_spec(spec)
    sys.modules["screenshot_scenes"] = made  # dataclasses look their module up
    spec.loader.exec_module(made)
    return made


scenes = _load()
SCENES: tuple[Any, ...] = scenes.SCENES
WINDOWS: tuple[Any, ...] = tuple(scene for scene in SCENES if scene.page is not None)


@contextmanager
def opened(scene: Any, size: tuple[int, int]) -> Iterator[QWidget]:
    """Show a scene's window with its dialogs, or the tray's menu; it is gone afterwards."""
    model = scene.model()
    if scene.page is None:
        shown: QWidget = TrayMenu(model)
        state = scene.picture.state
        shown.draw(tray_picture(scene.picture, state.rules if state else Rules(), NOW))  # type: ignore[attr-defined]
    else:
        shown = MainWindow(model)
        shown.resize(*size)
        shown.open_panel(scene.page)
    shown.show()
    scenes.settle()
    try:
        if isinstance(shown, MainWindow):
            scene.then(shown, model)
            scenes.settle()
        yield shown
    finally:
        if isinstance(shown, MainWindow):
            shown.prepare_to_quit()
        shown.close()
        shown.deleteLater()
        model.deleteLater()
        QApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)  # outside of a loop nobody else does
