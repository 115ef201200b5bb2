"""Prints the QR codes of one picture as a line of JSON; a program of its own, for pictures may be evil.

It is run by path with nothing of ours beside it. Whoever starts it gives it a file's name, or `-` and the picture
on its input, and ends it after some seconds. Before it reads anything it limits its own memory and time.
"""

from __future__ import annotations

import contextlib
import json
import os
import stat
import sys
from pathlib import Path

from PySide6.QtCore import QBuffer, QByteArray, QIODevice, QSize, Qt
from PySide6.QtGui import QImage, QImageReader

MOST_BYTES = 32 * 2**20  # of a file
MOST_PIXELS = 200_000_000  # of a picture as its head tells; a large phone photo has 108 million
WORK_PIXELS = 12_000_000  # that are looked at: larger pictures are made smaller while they are read
ALLOCATION = 512  # MiB for one picture
MEMORY = 2 * 2**30  # bytes of address space, libraries included
SECONDS = 15  # of processor time
MOST_CODES, LONGEST = 8, 8192
FORMATS = frozenset({b"png", b"jpeg", b"jpg", b"webp", b"bmp", b"gif"})
HEIC = (b"ftypheic", b"ftypheix", b"ftyphevc", b"ftypmif1", b"ftypavif")


class UnusablePicture(Exception):  # noqa: N818 - the word for why stands in it
    """Why there is nothing to read: one of the words that `app.wizard.qr` has sentences for."""


def main(arguments: list[str]) -> int:
    limit_ourselves()
    try:
        answer: dict[str, object] = {"texts": read_codes(read_bytes(arguments[0]))}
    except UnusablePicture as problem:
        answer = {"problem": str(problem)}
    except MemoryError:
        answer = {"problem": "too-large"}
    print(json.dumps(answer), flush=True)  # noqa: T201 - the line that our parent process reads
    return 0


def limit_ourselves() -> None:
    """Have the system end us before we take the computer's memory or time; Windows has no such limits."""
    if sys.platform == "win32":
        return
    import resource

    for kind, most in ((resource.RLIMIT_AS, MEMORY), (resource.RLIMIT_CPU, SECONDS), (resource.RLIMIT_CORE, 0)):
        with contextlib.suppress(ValueError, OSError):  # macOS knows no limit of the address space
            resource.setrlimit(kind, (most, most))


def read_bytes(place: str) -> bytes:
    """Return the picture's bytes; raise UnusablePicture."""
    if place == "-":
        data = sys.stdin.buffer.read(MOST_BYTES + 1)
    else:
        try:
            if not stat.S_ISREG(Path(place).stat().st_mode):
                raise UnusablePicture("not-a-picture")
            with open(os.open(place, os.O_RDONLY | getattr(os, "O_BINARY", 0)), "rb") as file:  # noqa: PTH123
                data = file.read(MOST_BYTES + 1)
        except OSError:
            raise UnusablePicture("unreadable") from None
    if len(data) > MOST_BYTES:
        raise UnusablePicture("too-large")
    return data


def read_codes(data: bytes) -> list[str]:
    """Return the texts of the QR codes in a picture; raise UnusablePicture."""
    import zxingcpp

    grey = load(data)
    rows = memoryview(grey.constBits()).cast("B", (grey.height(), grey.bytesPerLine()))
    found = zxingcpp.read_barcodes(rows, formats=zxingcpp.BarcodeFormats(zxingcpp.BarcodeFormat.QRCode))
    texts = [code.text[:LONGEST] for code in found[:MOST_CODES] if code.valid]
    if not texts:
        raise UnusablePicture("no-code")
    return texts


def load(data: bytes) -> QImage:
    """Decode a picture, made smaller where it is large, to shades of grey on white; raise UnusablePicture."""
    if data[4:12] in HEIC:
        raise UnusablePicture("heic")
    buffer = QBuffer()
    buffer.setData(QByteArray(data))
    buffer.open(QIODevice.OpenModeFlag.ReadOnly)
    QImageReader.setAllocationLimit(ALLOCATION)
    reader = QImageReader()
    reader.setDecideFormatFromContent(True)
    reader.setDevice(buffer)
    if not reader.canRead() or reader.format().data() not in FORMATS:
        raise UnusablePicture("not-a-picture")
    size = reader.size()
    if size.isValid():
        _make_smaller(reader, size)
    image = reader.read()
    if image.isNull():
        raise UnusablePicture("damaged")
    return _on_white(image)


def _make_smaller(reader: QImageReader, size: QSize) -> None:
    pixels = size.width() * size.height()
    if pixels > MOST_PIXELS:
        raise UnusablePicture("too-large")
    if pixels > WORK_PIXELS:
        share = (WORK_PIXELS / pixels) ** 0.5
        reader.setScaledSize(QSize(max(1, int(size.width() * share)), max(1, int(size.height() * share))))


def _on_white(image: QImage) -> QImage:
    if image.hasAlphaChannel():
        from PySide6.QtGui import QPainter

        ground = QImage(image.size(), QImage.Format.Format_RGB32)
        ground.fill(Qt.GlobalColor.white)
        painter = QPainter(ground)
        painter.drawImage(0, 0, image)
        painter.end()
        image = ground
    return image.convertToFormat(QImage.Format.Format_Grayscale8)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
