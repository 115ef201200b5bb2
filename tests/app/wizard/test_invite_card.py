"""An invite comes in by hand, by the clipboard, as a file that is chosen or dropped, or from elsewhere."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from PySide6.QtCore import QMimeData, QPoint, Qt, QUrl
from PySide6.QtGui import QDragEnterEvent, QDropEvent, QPalette
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QFileDialog
from pytestqt.qtbot import QtBot

from app.appearance import colours_of, style_sheet
from app.wizard.invite_card import InviteCard
from node.wire.invites import InviteLink, make_invite
from tests.support.qr import qr_image
from tests.support.widgets import reachable, spoken, texts

INVITE = make_invite(bytes(range(10)), bytes(32))
LINK = InviteLink("https://mesh.example.org", INVITE).url
PATIENCE = 60_000  # ms


@pytest.fixture
def card(qtbot: QtBot) -> Iterator[InviteCard]:
    made = InviteCard()
    made.resize(500, 500)
    made.show()
    yield made
    made.stop()
    made.close()
    made.deleteLater()


def test_a_link_is_all_that_is_needed(card: InviteCard, qtbot: QtBot) -> None:
    with qtbot.waitSignal(card.edited):
        QTest.keyClicks(card.invite, LINK)
    assert not card.address.isVisible()
    assert "You are about to join the mesh of mesh.example.org." in texts(card)
    assert "fingerprint is 6668 7aad" in texts(card)
    assert card.draft.link == InviteLink("https://mesh.example.org", INVITE)
    with qtbot.waitSignal(card.entered):
        QTest.keyClick(card.invite, Qt.Key.Key_Return)


def test_a_code_asks_for_its_coordinator(card: InviteCard) -> None:
    card.invite.setText(INVITE.code.lower().replace("-", " "))
    assert card.address.isVisible()
    assert "also needs the address" in texts(card)
    card.address.setText("http://192.168.1.5:8080/")
    assert "You are about to join the mesh of 192.168.1.5:8080." in texts(card)
    assert "others on the way can read" in texts(card)
    card.invite.setText("hello")
    assert "a code starts with RMA-" in texts(card)
    assert "You are about" not in texts(card)


def test_a_whole_mail_is_pasted_by_button_or_keys(card: InviteCard) -> None:
    QApplication.clipboard().setText(f"Hello,\nplease click {LINK}.\nThanks")
    card.paste.click()
    assert card.invite.text() == LINK
    card.invite.clear()
    QApplication.clipboard().setText(f"Coordinator https://mesh.example.org\n\nCode:\n{INVITE.code}\n")
    QTest.keyClick(card.invite, Qt.Key.Key_V, Qt.KeyboardModifier.ControlModifier)
    assert card.invite.text() == INVITE.code
    assert card.address.text() == "https://mesh.example.org"
    assert card.draft.link is not None
    QApplication.clipboard().setText("nothing of use\nat all")
    card.paste.click()
    assert card.invite.text() == "nothing of use at all"
    assert "a code starts with RMA-" in texts(card)


def test_a_copied_picture_is_pasted(card: InviteCard, qtbot: QtBot) -> None:
    QApplication.clipboard().setImage(qr_image(LINK))
    card.paste.click()
    assert "Reading the picture." in texts(card)
    qtbot.waitUntil(lambda: card.invite.text() == LINK, timeout=PATIENCE)
    assert "Reading the picture." not in texts(card)


def test_an_empty_clipboard_is_said_to_be_empty(card: InviteCard) -> None:
    QApplication.clipboard().clear()
    card.paste.click()
    assert "neither text nor a picture" in texts(card)
    QTest.keyClicks(card.invite, "R")
    assert "neither text nor a picture" not in texts(card)


def test_a_picture_is_chosen_as_a_file(
    card: InviteCard, qtbot: QtBot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = str(tmp_path / "qr.png")
    qr_image(LINK).save(path)
    chosen = [("", ""), (path, "")]
    monkeypatch.setattr(QFileDialog, "getOpenFileName", lambda *_: chosen.pop(0))
    card.choose.click()
    assert not card._reader.busy, "nothing was chosen"
    card.choose.click()
    qtbot.waitUntil(lambda: card.invite.text() == LINK, timeout=PATIENCE)


def drop(card: InviteCard, data: QMimeData) -> bool:
    actions, left, none = Qt.DropAction.CopyAction, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier
    entering = QDragEnterEvent(QPoint(5, 5), actions, data, left, none)
    entering.ignore()
    QApplication.sendEvent(card, entering)
    if entering.isAccepted():
        QApplication.sendEvent(card, QDropEvent(QPoint(5, 5), actions, data, left, none))
    return entering.isAccepted()


def test_a_file_of_another_computer_is_not_fetched(card: InviteCard) -> None:
    data = QMimeData()
    data.setUrls([QUrl("file://evil.example/share/qr.png")])
    drop(card, data)
    assert not card._reader.busy, "a page may offer such a file to be dragged"


def test_files_pictures_and_texts_are_dropped(card: InviteCard, qtbot: QtBot, tmp_path: Path) -> None:
    file, text, picture = QMimeData(), QMimeData(), QMimeData()
    qr_image(LINK).save(str(tmp_path / "qr.png"))
    file.setUrls([QUrl.fromLocalFile(str(tmp_path / "qr.png"))])
    text.setText(f"see {LINK}")
    picture.setImageData(qr_image(LINK))
    for data in (file, text, picture):
        card.clear()
        assert drop(card, data)
        qtbot.waitUntil(lambda: card.invite.text() == LINK, timeout=PATIENCE)
    assert not drop(card, QMimeData())
    card.set_usable(usable=False)
    assert not card.acceptDrops()


def test_a_picture_that_is_no_use_is_explained_until_something_is_typed(
    card: InviteCard, qtbot: QtBot, tmp_path: Path
) -> None:
    (tmp_path / "a.png").write_text("no picture")
    card.invite.setText(LINK)
    card.read_picture(str(tmp_path / "a.png"))
    qtbot.waitUntil(lambda: "not a picture that can be read" in texts(card), timeout=PATIENCE)
    assert card.invite.text() == LINK, "what was there stays"
    card.name.setText("x")
    assert "not a picture" not in texts(card)


def test_what_is_wrong_with_an_invite_looks_like_an_error_and_a_hint_does_not(card: InviteCard) -> None:
    card.setStyleSheet(style_sheet(colours_of(card.palette()), 10.0))
    error = colours_of(card.palette()).tones["bad"].text.name()

    def colour() -> str:
        return card._says.palette().color(QPalette.ColorRole.WindowText).name()

    assert colour() != error, "how to begin is a hint"
    card.invite.setText("hello")
    assert colour() == error
    card.invite.setText(INVITE.code)
    assert colour() != error, "nothing is wrong with a code whose address is not there yet"
    card.address.setText("mesh.example")
    assert colour() == error
    card.invite.clear()
    QApplication.clipboard().clear()
    card.paste.click()
    assert colour() == error


def test_a_flood_of_text_is_cut(card: InviteCard) -> None:
    card.take_text("rma-mesh://enroll?" + "x" * 1_000_000)
    assert len(card.invite.text()) <= 64 * 1024


def test_everything_has_a_name_and_is_reached_by_tab(card: InviteCard) -> None:
    card.invite.setText(INVITE.code)
    names = [spoken(one) for one in reachable(card)]
    assert names == [
        "Invite link or code",
        "Paste",
        "Choose a picture…",
        "Coordinator's address",
        "Name of this computer, as others see it",
    ]
