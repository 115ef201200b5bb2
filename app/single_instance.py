"""One app per data directory: a second start hands its link over to the first, which comes to the front.

On POSIX systems the meeting point is a socket inside the private data directory, because a link carries a secret;
on Windows it is a named pipe of this user. The named pipe was never run on Windows so far.
"""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import msgspec
from PySide6.QtCore import QObject, QStandardPaths, Signal
from PySide6.QtNetwork import QLocalServer, QLocalSocket

LONGEST_PATH = 100  # bytes that fit into a socket's address everywhere
LONGEST_MESSAGE = 16 * 1024  # bytes
MOST_WAITING = 8
WAIT_MS = 5000  # a busy machine may keep the first app from answering for a while


class Handover(msgspec.Struct, frozen=True):
    """What a second start tells the first; `activation` lets Wayland bring the window to the front.

    A `quiet` one wanted no window either, such as the start at login of somebody who has started it already.
    """

    link: str = ""
    activation: str = ""
    quiet: bool = False


class SingleInstance(QObject):
    """Listens for later starts; `called` carries a Handover."""

    called = Signal(object)

    def __init__(self, data_dir: Path, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._name = meeting_point(data_dir)
        self._server = QLocalServer(self)
        self._server.setSocketOptions(QLocalServer.SocketOption.UserAccessOption)
        self._server.setMaxPendingConnections(MOST_WAITING)
        self._server.newConnection.connect(self._take)
        self._heard: dict[QLocalSocket, bytes] = {}

    def listen(self) -> bool:
        """Start listening; whoever holds the data directory's lock may clear a dead socket away."""
        QLocalServer.removeServer(self._name)
        return self._server.listen(self._name)

    def close(self) -> None:
        self._server.close()

    def _take(self) -> None:
        while (socket := self._server.nextPendingConnection()) is not None:
            if len(self._heard) >= MOST_WAITING:
                socket.abort()
                continue
            self._heard[socket] = b""
            socket.readyRead.connect(lambda socket=socket: self._read(socket))
            socket.disconnected.connect(lambda socket=socket: self._gone(socket))
            self._read(socket)

    def _read(self, socket: QLocalSocket) -> None:
        heard = self._heard.get(socket, b"") + bytes(socket.readAll().data())
        self._heard[socket] = heard
        if len(heard) > LONGEST_MESSAGE:
            socket.abort()
        elif heard.endswith(b"\n"):
            self._understand(socket, heard)

    def _understand(self, socket: QLocalSocket, heard: bytes) -> None:
        try:
            handover = msgspec.json.decode(heard, type=Handover)
        except msgspec.MsgspecError:
            socket.abort()
            return
        socket.write(b"ok\n")
        socket.disconnectFromServer()
        self.called.emit(handover)

    def _gone(self, socket: QLocalSocket) -> None:
        self._heard.pop(socket, None)
        socket.deleteLater()


def hand_over(data_dir: Path, handover: Handover) -> bool:
    """Tell the app that runs already; return whether it has heard. Waits a little, before any window is there."""
    socket = QLocalSocket()
    socket.connectToServer(meeting_point(data_dir))
    if not socket.waitForConnected(WAIT_MS):
        return False
    socket.write(msgspec.json.encode(handover) + b"\n")
    return socket.waitForReadyRead(WAIT_MS) and bytes(socket.readAll().data()) == b"ok\n"


def meeting_point(data_dir: Path) -> str:
    """Return the name of the local socket that belongs to a data directory."""
    path = data_dir.resolve() / "app.sock"
    name = "rma-mesh-" + hashlib.sha256(os.fsencode(path)).hexdigest()[:24]
    if os.name != "posix":
        return name
    if len(os.fsencode(path)) <= LONGEST_PATH:
        return str(path)
    private = QStandardPaths.writableLocation(QStandardPaths.StandardLocation.RuntimeLocation)
    return str(Path(private) / name)
