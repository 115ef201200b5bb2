"""Has a picture read for an invite by a process of its own, and ends that when it takes too long."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import msgspec
from PySide6.QtCore import (
    QBuffer,
    QByteArray,
    QCoreApplication,
    QIODevice,
    QObject,
    QProcess,
    Qt,
    QTimer,
    Signal,
)
from PySide6.QtGui import QImage, QImageWriter

from app.wizard.invitation import find_invite

TIME_LIMIT = 20.0  # seconds; what is usual takes less than one
MOST_OUTPUT = 128 * 1024  # bytes
LARGEST_SIDE = 4096  # pixels of a picture from the clipboard
KILL_MS = 1000
FLAG = "--read-picture"  # for the app's own program, where it was made into one file with its Python

Problem = Literal[
    "not-a-picture", "unreadable", "too-large", "heic", "damaged", "no-code", "no-invite", "too-slow", "broken"
]
translate = QCoreApplication.translate


class Answer(msgspec.Struct, frozen=True):
    """The line that the reading program prints."""

    texts: tuple[str, ...] = ()
    problem: str = ""


def problem_text(problem: Problem) -> str:
    """Say what was wrong with a picture, and what to do."""
    texts: dict[Problem, str] = {
        "not-a-picture": translate(
            "Wizard", "This is not a picture that can be read. Take a PNG, JPEG, WebP, BMP or GIF file."
        ),
        "unreadable": translate("Wizard", "This file cannot be opened. Copy it to your own folder and try again."),
        "too-large": translate("Wizard", "This picture is too large. Cut out the QR code, or take a smaller one."),
        "heic": translate(
            "Wizard",
            "Pictures of this kind (HEIC, AVIF) cannot be read. Send it as JPEG, or take a screenshot of it.",
        ),
        "damaged": translate("Wizard", "This picture is damaged. Save or send it once more."),
        "no-code": translate(
            "Wizard",
            "There is no QR code to be read in this picture. Take it again: whole, sharp and without glare.",
        ),
        "no-invite": translate(
            "Wizard", "The QR code in this picture is not an invite. Ask for the right picture."
        ),
        "too-slow": translate("Wizard", "Reading this picture took too long. Cut out the QR code and try again."),
    }
    return texts.get(
        problem, translate("Wizard", "This picture cannot be read. Paste the invite's link in its place.")
    )


def program() -> Sequence[str]:
    """Return how the reading program is started."""
    if getattr(sys, "frozen", False):
        return (sys.executable, FLAG)
    return (sys.executable, "-P", str(Path(__file__).with_name("qr_program.py")))


class PictureReader(QObject):
    """Reads one picture at a time: `found` carries an `invitation.Found`, `failed` a Problem."""

    found = Signal(object)
    failed = Signal(str)

    def __init__(
        self, parent: QObject | None = None, *, command: Sequence[str] | None = None, time_limit: float = TIME_LIMIT
    ) -> None:
        super().__init__(parent)
        self._command = tuple(command or program())
        self._process: QProcess | None = None
        self._output = b""
        self._timer = QTimer(self, singleShot=True, interval=int(time_limit * 1000))
        self._timer.timeout.connect(lambda: self._give_up("too-slow"))

    @property
    def busy(self) -> bool:
        return self._process is not None

    def read_file(self, path: str) -> None:
        """Start reading a file; an earlier picture is forgotten."""
        self._start([str(Path(path).absolute())], b"")

    def read_image(self, image: QImage) -> None:
        """Start reading a picture from the clipboard; what is in our own memory already is made small enough."""
        if max(image.width(), image.height()) > LARGEST_SIDE:
            image = image.scaled(LARGEST_SIDE, LARGEST_SIDE, Qt.AspectRatioMode.KeepAspectRatio)
        data = QByteArray()
        buffer = QBuffer(data)
        buffer.open(QIODevice.OpenModeFlag.WriteOnly)
        QImageWriter(buffer, QByteArray(b"bmp")).write(image.convertToFormat(QImage.Format.Format_Grayscale8))
        self._start(["-"], bytes(data.data()))

    def stop(self) -> None:
        """End the reading of a picture, if one is being read."""
        process, self._process = self._process, None
        self._timer.stop()
        if process is not None:
            process.kill()
            process.waitForFinished(KILL_MS)
            process.deleteLater()

    def _start(self, arguments: Sequence[str], data: bytes) -> None:
        self.stop()
        self._output = b""
        process = self._process = QProcess(self)
        process.setProgram(self._command[0])
        process.setArguments([*self._command[1:], *arguments])
        process.setStandardErrorFile(QProcess.nullDevice())
        process.readyReadStandardOutput.connect(lambda: self._hear(process))
        process.finished.connect(lambda *_: self._ended(process))
        process.errorOccurred.connect(lambda error: self._never_started(process, error))
        self._timer.start()
        process.start()
        process.write(data)
        process.closeWriteChannel()

    def _hear(self, process: QProcess) -> None:
        if process is not self._process:
            return
        self._output += bytes(process.readAllStandardOutput().data())
        if len(self._output) > MOST_OUTPUT:
            self._give_up("broken")

    def _never_started(self, process: QProcess, error: QProcess.ProcessError) -> None:
        if process is self._process and error == QProcess.ProcessError.FailedToStart:
            self._give_up("broken")

    def _ended(self, process: QProcess) -> None:
        self._hear(process)
        if process is not self._process:
            return
        self.stop()
        try:
            answer = msgspec.json.decode(self._output, type=Answer)
        except (msgspec.MsgspecError, UnicodeDecodeError):
            answer = Answer(problem="broken")
        invite = next((one for one in map(find_invite, answer.texts) if one is not None), None)
        if invite is not None:
            self.found.emit(invite)
        else:
            self.failed.emit(answer.problem or ("no-invite" if answer.texts else "no-code"))

    def _give_up(self, problem: Problem) -> None:
        self.stop()
        self.failed.emit(problem)
