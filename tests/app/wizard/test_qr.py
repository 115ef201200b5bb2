"""Pictures of QR codes: read in a process of its own, which may crash, hang or talk nonsense."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from PySide6.QtGui import QImage
from pytestqt.qtbot import QtBot

from app.wizard.invitation import Found
from app.wizard.qr import PictureReader, problem_text
from node.wire.invites import InviteLink, make_invite
from tests.support.qr import on_a_page, qr_image, see_through

INVITE = make_invite(bytes(range(10)), bytes(32))
LINK = InviteLink("https://mesh.debtadvice.example", INVITE).url
PATIENCE = 60_000  # ms


@pytest.fixture
def reader() -> Iterator[PictureReader]:
    made = PictureReader()
    yield made
    made.stop()
    made.deleteLater()


def read(qtbot: QtBot, reader: PictureReader, path: Path) -> object:
    """Return the Found, or the word for what was wrong."""
    heard: list[object] = []
    reader.found.connect(heard.append)
    reader.failed.connect(heard.append)
    reader.read_file(str(path))
    qtbot.waitUntil(lambda: bool(heard), timeout=PATIENCE)
    assert not reader.busy
    return heard[0]


@pytest.mark.parametrize(
    "kind", ["clean.png", "screenshot.png", "photo.jpg", "see-through.png", "large.jpg", "x.bmp"]
)
def test_every_usual_kind_of_picture_is_read(
    qtbot: QtBot, reader: PictureReader, tmp_path: Path, kind: str
) -> None:
    code = qr_image(LINK)
    pictures = {
        "screenshot.png": lambda: on_a_page(code, 1920, 1080),
        "photo.jpg": lambda: on_a_page(code, 1200, 900, turned=17, dim=True),
        "see-through.png": lambda: see_through(code),
        "large.jpg": lambda: on_a_page(qr_image(LINK, 24), 6000, 4000, turned=-8),
    }
    path = tmp_path / kind
    assert pictures.get(kind, lambda: code)().save(str(path))
    assert read(qtbot, reader, path) == Found(LINK)


def test_a_picture_from_the_clipboard_is_read(qtbot: QtBot, reader: PictureReader) -> None:
    for image in (qr_image(LINK), on_a_page(qr_image(LINK, 20), 9000, 3000)):
        with qtbot.waitSignal(reader.found, timeout=PATIENCE) as heard:
            reader.read_image(image)
        assert heard.args == [Found(LINK)]


def test_the_right_one_of_several_codes_is_taken(qtbot: QtBot, reader: PictureReader, tmp_path: Path) -> None:
    page = on_a_page(qr_image("https://example.org/menu"), 1600, 700)
    both = QImage(1600, 1400, QImage.Format.Format_RGB32)
    both.fill(0)
    from PySide6.QtGui import QPainter

    painter = QPainter(both)
    painter.drawImage(0, 0, page)
    painter.drawImage(0, 700, on_a_page(qr_image(LINK), 1600, 700))
    painter.end()
    both.save(str(tmp_path / "both.png"))
    assert read(qtbot, reader, tmp_path / "both.png") == Found(LINK)


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"", "not-a-picture"),
        (b"<svg xmlns='http://www.w3.org/2000/svg' width='9' height='9'/>", "not-a-picture"),
        (b"\x00\x00\x00\x18ftypheic" + bytes(50), "heic"),
        (b"\x89PNG\r\n\x1a\n" + bytes(50), "damaged"),
        (None, "unreadable"),
    ],
)
def test_what_cannot_be_read_is_named(
    qtbot: QtBot, reader: PictureReader, tmp_path: Path, content: bytes | None, problem: str
) -> None:
    path = tmp_path / "picture.png"
    if content is not None:
        path.write_bytes(content)
    assert read(qtbot, reader, path) == problem


def test_pictures_without_an_invite_are_told_apart(qtbot: QtBot, reader: PictureReader, tmp_path: Path) -> None:
    blank = QImage(300, 300, QImage.Format.Format_RGB32)
    blank.fill(0xFFFFFF)
    blank.save(str(tmp_path / "blank.png"))
    qr_image("https://example.org").save(str(tmp_path / "other.png"))
    assert read(qtbot, reader, tmp_path / "blank.png") == "no-code"
    reader.found.disconnect()
    reader.failed.disconnect()
    assert read(qtbot, reader, tmp_path / "other.png") == "no-invite"


@pytest.mark.parametrize(
    ("program", "problem"),
    [
        ("import os; os.abort()", "broken"),
        ("print('nonsense')", "broken"),
        ("print('{\"texts\": []}')", "no-code"),
        ("print('{\"texts\": 5}')", "broken"),
        ("while True: print('x' * 10000)", "broken"),
        ("import time; time.sleep(1000)", "too-slow"),
    ],
)
def test_whatever_the_reading_program_does_it_ends(
    qtbot: QtBot, tmp_path: Path, program: str, problem: str
) -> None:
    limit = 0.5 if problem == "too-slow" else 60.0
    reader = PictureReader(command=(sys.executable, "-c", program), time_limit=limit)
    assert read(qtbot, reader, tmp_path / "x.png") == problem
    assert not [one for one in psutil.Process().children() if program in " ".join(one.cmdline())]
    reader.deleteLater()


def test_a_program_that_is_not_there_is_no_mystery(qtbot: QtBot, tmp_path: Path) -> None:
    reader = PictureReader(command=(str(tmp_path / "none"),))
    assert read(qtbot, reader, tmp_path / "x.png") == "broken"
    reader.deleteLater()


def test_a_newer_picture_takes_the_place_of_an_older_one(
    qtbot: QtBot, reader: PictureReader, tmp_path: Path
) -> None:
    qr_image(LINK).save(str(tmp_path / "a.png"))
    reader.read_file(str(tmp_path / "none.png"))
    assert reader.busy
    assert read(qtbot, reader, tmp_path / "a.png") == Found(LINK)


def test_every_problem_has_words() -> None:
    words = (
        "not-a-picture",
        "unreadable",
        "too-large",
        "heic",
        "damaged",
        "no-code",
        "no-invite",
        "too-slow",
        "broken",
    )
    assert len({problem_text(word) for word in words}) == len(words)  # type: ignore[arg-type]
