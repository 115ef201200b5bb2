"""Notices that the panel with the tray icons was started anew: it knows nothing of our icon then.

Panels of Linux desktops keep icons by D-Bus. One that restarts may be back before anybody sees that it had gone.
"""

from __future__ import annotations

from PySide6.QtCore import QObject, Signal
from PySide6.QtDBus import QDBusConnection, QDBusServiceWatcher

WATCHER = "org.kde.StatusNotifierWatcher"


class Panels(QObject):
    """Watches who takes icons in; `came` says that there is somebody new."""

    came = Signal()

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._watcher: QDBusServiceWatcher | None = None

    def start(self) -> None:
        """Begin to watch; without a session bus there is nobody to watch."""
        bus = QDBusConnection.sessionBus()
        if bus.isConnected():
            mode = QDBusServiceWatcher.WatchModeFlag.WatchForRegistration
            self._watcher = QDBusServiceWatcher(WATCHER, bus, mode, self)
            self._watcher.serviceRegistered.connect(lambda _name: self.came.emit())
