"""The app beside somebody who writes down when it first painted, what it had imported by then, and each frame.

Run as a program it is the app, with the report's file before the app's own arguments:

    python -m bench.desktop_support.watched REPORT --data-dir DIR --minimized

A line of the report is a JSON object: {"event": "painted" | "tray" | "frame" | "told", "at": time.monotonic(), …}.
"told" is when the app's own model has told everybody who draws.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

from PySide6.QtCore import QEvent, QObject, QTimer
from PySide6.QtWidgets import QApplication, QWidget

TRAY_WIDGET = "QSystemTrayIconSys"  # Qt's own, which a tray of X11 takes in


class Watcher(QObject):
    """Sees every event of one application."""

    def __init__(self, application: QApplication, report: Path) -> None:
        super().__init__(application)
        self._file = report.open("a", encoding="utf-8", buffering=1)
        self._painted = self._in_tray = False
        self._frame = False  # one is being painted
        application.installEventFilter(self)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:  # noqa: N802 - Qt calls it so
        if event.type() == QEvent.Type.Paint and isinstance(watched, QWidget):
            if watched.metaObject().className() == TRAY_WIDGET:
                self._tray_painted()
            else:
                self._window_painted(watched)
        return False

    def _tray_painted(self) -> None:
        if not self._in_tray:
            self._in_tray = True
            self._write("tray", cpu=time.process_time())

    def _window_painted(self, widget: QWidget) -> None:
        if not self._frame:
            self._frame = True
            QTimer.singleShot(0, self._frame_ended)
            self._write("frame", visible=widget.window().isVisible())

    def _frame_ended(self) -> None:
        """All that was to be painted is on the screen."""
        self._frame = False
        if not self._painted:
            self._painted = True
            packages = {name.partition(".")[0] for name in tuple(sys.modules)}
            self._write(
                "painted", cpu=time.process_time(), modules=len(sys.modules),
                packages=sorted(packages - sys.stdlib_module_names),
                qt=sorted(name for name in tuple(sys.modules) if name.startswith("PySide6.")),
            )  # fmt: skip

    def told(self, at: float) -> None:
        self._write("told", at=at)

    def _write(self, event: str, **values: object) -> None:
        self._file.write(json.dumps({"event": event, "at": time.monotonic(), **values}) + "\n")


def main(report: str, *arguments: str) -> int:
    from app import compose
    from app.application import Application
    from app.main import main as app_main
    from app.node_model import NodeModel

    application = Application(["rma-mesh"])
    watcher = Watcher(application, Path(report))

    class WatchedModel(NodeModel):
        """Says, by its own clock, when it tells everybody who draws."""

        def __init__(self) -> None:
            super().__init__()
            self.changed.connect(lambda _picture: watcher.told(self._told_at))

    vars(compose)["NodeModel"] = WatchedModel  # the app is not to know that it is watched
    return app_main(arguments)


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
