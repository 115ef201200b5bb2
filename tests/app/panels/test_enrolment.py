"""Joining: what is pasted is understood, sent once, watched, cancelled; errors are plain."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec
import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from app.intents import EnrolmentWish
from app.node_model import NodeModel
from app.panels.enrolment import EnrolmentPanel, JoinCard, read_draft, travels_openly
from app.picture import Notice, Picture
from node.wire.invites import InviteLink, make_invite
from tests.support import samples
from tests.support.samples import NOW, picture

INVITE = make_invite(bytes(10), bytes(32))
LINK = InviteLink("https://mesh.example.org", INVITE).url


@pytest.fixture
def sent(model: NodeModel, monkeypatch: pytest.MonkeyPatch) -> list[EnrolmentWish]:
    wishes: list[EnrolmentWish] = []
    monkeypatch.setattr(model, "enroll", wishes.append)
    return wishes


@pytest.fixture
def panel(model: NodeModel, sent: list[EnrolmentWish], qtbot: QtBot) -> Iterator[EnrolmentPanel]:
    made = EnrolmentPanel(model)
    made.resize(800, 600)
    made.show()
    made.draw(picture(samples.UNENROLLED), NOW)
    yield made
    made.close()
    made.deleteLater()


@pytest.fixture
def form(panel: EnrolmentPanel) -> JoinCard:
    return panel._form


def test_a_link_is_all_that_is_needed(form: JoinCard, sent: list[EnrolmentWish], qtbot: QtBot) -> None:
    assert not form._join.isEnabled()
    QTest.keyClicks(form._invite, LINK)
    assert not form._address.isVisible()
    assert "mesh.example.org" in form._says.text()
    QTest.mouseClick(form._join, Qt.MouseButton.LeftButton)
    assert sent == [EnrolmentWish("https://mesh.example.org", INVITE.code)]


def test_a_code_asks_for_its_coordinator(form: JoinCard, sent: list[EnrolmentWish], qtbot: QtBot) -> None:
    form._invite.setText(INVITE.code.lower().replace("-", " "))
    assert form._address.isVisible()
    assert not form._join.isEnabled()
    form._address.setText("https://mesh.example.org/")
    form._name.setText("  Reception   PC ")
    QTest.keyClick(form._name, Qt.Key.Key_Return)
    assert sent == [EnrolmentWish("https://mesh.example.org", INVITE.code, "Reception PC")]


def test_the_clipboard_is_one_click_away(form: JoinCard, qtbot: QtBot) -> None:
    QApplication.clipboard().setText(f"  {LINK}\n")
    form._paste.click()
    assert form._invite.text() == LINK
    assert form._join.isEnabled()


@pytest.mark.parametrize(
    ("invite", "address", "says"),
    [
        ("hello", "", "a code starts with RMA-"),
        (INVITE.code[:-3], "", "not complete"),
        (INVITE.code.replace("RMA-A", "RMA-B"), "", "copy it again"),
        ("rma-mesh://else?x=1", "", "not an invite link"),
        ("rma-mesh://enroll?coordinator=ftp://x&invite=RMA-1", "", "not a coordinator's address"),
        (INVITE.code, "mesh", "not a coordinator's address"),
    ],
)
def test_what_cannot_be_an_invite_is_said_at_once(form: JoinCard, invite: str, address: str, says: str) -> None:
    form._invite.setText(invite)
    form._address.setText(address)
    assert says in form._says.text()
    assert not form._join.isEnabled()


def test_while_joining_fields_rest_and_it_can_be_cancelled(panel: EnrolmentPanel, form: JoinCard) -> None:
    form._invite.setText(LINK)
    panel.draw(picture(samples.UNENROLLED, pending=frozenset({"enroll"})), NOW)
    assert form._working.isVisible()
    assert form._cancel.isVisible()
    assert not form._invite.isEnabled()
    assert not form._join.isEnabled()
    panel.draw(picture(samples.UNENROLLED), NOW)
    assert not form._working.isVisible()
    assert form._join.isEnabled()


def test_somebody_elses_enrolment_is_watched_too(panel: EnrolmentPanel, form: JoinCard) -> None:
    panel.draw(picture(msgspec.structs.replace(samples.UNENROLLED, phase="joining", enrolling=True)), NOW)
    assert form._working.isVisible()
    assert not form._cancel.isVisible()


def test_a_refusal_stays_until_something_is_typed(panel: EnrolmentPanel, form: JoinCard, model: NodeModel) -> None:
    model.picture = picture(
        samples.UNENROLLED, notices=(Notice("enroll", "This invite does not work", "Used.", "Ask."),)
    )
    form._invite.setText(LINK)
    model.picture = picture(
        samples.UNENROLLED, notices=(Notice("enroll", "This invite does not work", "Used.", "Ask."),)
    )
    panel.draw(model.picture, NOW)
    assert form._error.isVisible()
    assert form._error.accessibleName() == "This invite does not work. Used. Ask."
    form._invite.setText("RMA-")
    assert model.picture.notices == ()


def test_an_error_of_an_earlier_try_is_shown(panel: EnrolmentPanel, form: JoinCard) -> None:
    failed = msgspec.structs.replace(
        samples.UNENROLLED, enrolment_error="The coordinator at http://x does not answer."
    )
    panel.draw(picture(failed), NOW)
    assert "does not answer" in form._error.accessibleName()


def test_without_a_node_joining_is_not_possible(panel: EnrolmentPanel, form: JoinCard) -> None:
    form._invite.setText(LINK)
    panel.draw(picture(samples.UNENROLLED, connected=False), NOW)
    assert not form._join.isEnabled()
    panel.draw(Picture(), NOW)
    assert not form._join.isEnabled()


def test_a_used_invite_is_forgotten(panel: EnrolmentPanel, form: JoinCard) -> None:
    form._invite.setText(LINK)
    panel.draw(picture(samples.ONLINE), NOW)
    assert form._invite.text() == ""


def test_a_link_from_outside_waits_for_the_volunteer(
    panel: EnrolmentPanel, form: JoinCard, sent: list[EnrolmentWish], qtbot: QtBot
) -> None:
    panel.activateWindow()
    panel.offer_link(LINK)
    assert sent == []
    QTest.keyClick(form._join, Qt.Key.Key_Space)
    assert len(sent) == 1


def test_a_flood_of_text_is_cut(form: JoinCard) -> None:
    form.offer_link("rma-mesh://enroll?" + "x" * 100_000)
    assert len(form._invite.text()) <= 4000


@pytest.mark.parametrize(
    ("url", "openly"),
    [
        ("http://mesh.example", True),
        ("https://mesh.example", False),
        ("http://127.0.0.1:8080", False),
        ("http://[::1]:1", False),
    ],
)
def test_a_way_that_others_can_read_is_known(url: str, openly: bool) -> None:
    assert travels_openly(url) == openly


def test_the_warning_about_an_open_way_is_shown_before_joining(form: JoinCard) -> None:
    form._invite.setText(InviteLink("http://mesh.example.org", INVITE).url)
    assert "others on the way can read" in form._says.text()


def test_nothing_typed_is_no_problem() -> None:
    assert read_draft("  ", "", "") == read_draft("", "x", "y")
    assert read_draft("", "", "").problem == ""
