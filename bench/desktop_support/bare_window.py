"""The least that any app of this kind needs: Qt, a window with one label, and an icon in the tray; to compare with.

python -m bench.desktop_support.bare_window REPORT
"""

from __future__ import annotations

import signal
import sys
from pathlib import Path

from PySide6.QtGui import QPixmap
from PySide6.QtWidgets import QApplication, QLabel, QSystemTrayIcon

from bench.desktop_support.watched import Watcher


def main(report: str) -> int:
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    application = QApplication(["bare-window"])
    Watcher(application, Path(report))
    picture = QPixmap(22, 22)
    picture.fill("red")
    icon = QSystemTrayIcon(picture)
    icon.show()
    label = QLabel("This is a window.")
    label.resize(940, 680)
    label.show()
    return application.exec()


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
