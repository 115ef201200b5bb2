"""Joining: sent once, with the rules; asked again where others can read along; watched, stopped, explained."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec
import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QPushButton
from pytestqt.qtbot import QtBot

from app.intents import EnrolmentWish
from app.node_model import NodeModel
from app.picture import Notice, Picture
from app.widgets.question import Question
from app.wizard.join import JoinPage
from node.rules.settings import Rules
from node.wire.invites import InviteLink, make_invite
from tests.support import samples
from tests.support.samples import LONG, picture
from tests.support.widgets import narrow_enough, texts

INVITE = make_invite(bytes(10), bytes(32))
LINK = InviteLink("https://mesh.example.org", INVITE).url
OPEN_LINK = InviteLink("http://192.168.1.5:8080", INVITE).url
REFUSED = Notice("enroll", "This invite does not work", "It has been used up.", "Ask for a new one.")


@pytest.fixture
def sent(model: NodeModel, monkeypatch: pytest.MonkeyPatch) -> list[EnrolmentWish]:
    wishes: list[EnrolmentWish] = []
    monkeypatch.setattr(model, "enroll", wishes.append)
    return wishes


@pytest.fixture
def page(model: NodeModel, sent: list[EnrolmentWish], qtbot: QtBot) -> Iterator[JoinPage]:
    model.picture = picture(samples.UNENROLLED)
    made = JoinPage(model)
    made.resize(800, 600)
    made.show()
    made.open()
    made.draw(model.picture)
    yield made
    made.invite.stop()
    made.close()
    made.deleteLater()


def questions(page: JoinPage) -> list[Question]:
    return [one for one in page.window().findChildren(Question) if one.isVisible()]


def press(question: Question, text: str) -> None:
    next(one for one in question.findChildren(QPushButton) if one.text() == text).click()


def test_an_invite_is_sent_with_name_and_rules(page: JoinPage, sent: list[EnrolmentWish]) -> None:
    assert not page.ready
    page.join()
    assert sent == []
    page.invite.invite.setText(LINK)
    page.invite.name.setText(" Reception  PC")
    page.permissions._boxes["notes-coa"].click()
    assert page.ready
    QTest.keyClick(page.invite.name, Qt.Key.Key_Return)
    rules = Rules(services_off=("notes-coa",))
    assert sent == [EnrolmentWish("https://mesh.example.org", INVITE.code, "Reception PC", rules)]
    assert questions(page) == []


def test_without_encryption_the_volunteer_is_asked(page: JoinPage, sent: list[EnrolmentWish], qtbot: QtBot) -> None:
    page.invite.invite.setText(OPEN_LINK)
    page.join()
    (question,) = questions(page)
    assert "192.168.1.5:8080" in question.accessibleDescription()
    press(question, "Do not join")
    assert sent == []
    page.join()
    press(questions(page)[-1], "Join anyway")
    assert [one.coordinator for one in sent] == ["http://192.168.1.5:8080"]


def test_this_computers_own_coordinator_needs_no_question(page: JoinPage, sent: list[EnrolmentWish]) -> None:
    page.invite.invite.setText(InviteLink("http://127.0.0.1:8080", INVITE).url)
    page.join()
    assert len(sent) == 1


def test_while_joining_the_form_rests(page: JoinPage, model: NodeModel) -> None:
    page.invite.invite.setText(LINK)
    page.join()
    page.draw(picture(samples.UNENROLLED, pending=frozenset({"enroll"})))
    assert "Asking mesh.example.org to let this computer in." in texts(page)
    assert not page.invite.invite.isEnabled()
    assert not page.permissions.isEnabled()
    assert page.pending
    assert not page.ready
    page.draw(picture(samples.UNENROLLED))
    assert "Asking" not in texts(page)
    assert page.ready
    assert page.invite.invite.text() == LINK


def test_a_coordinator_that_lets_nobody_in_for_the_moment_is_waited_for(page: JoinPage) -> None:
    state = msgspec.structs.replace(
        samples.UNENROLLED, phase="joining", enrolling=True, enrolment_delay="Full.", enrolment_again_at=9e8
    )
    page.draw(picture(state, pending=frozenset({"enroll"})))
    assert "It is asked again by itself at" in texts(page)
    assert page.pending


def test_somebody_elses_enrolment_is_watched_too(page: JoinPage) -> None:
    page.draw(picture(msgspec.structs.replace(samples.UNENROLLED, phase="joining", enrolling=True)))
    assert "Asking the coordinator" in texts(page)
    assert page.pending


def test_a_refusal_stays_until_something_is_typed_and_what_was_typed_stays(
    page: JoinPage, model: NodeModel
) -> None:
    page.invite.invite.setText(LINK)
    page.invite.name.setText("PC")
    model.picture = picture(samples.UNENROLLED, notices=(REFUSED,))
    page.draw(model.picture)
    assert page._error.accessibleName() == "This invite does not work. It has been used up. Ask for a new one."
    assert (page.invite.invite.text(), page.invite.name.text()) == (LINK, "PC")
    assert page.ready, "it may be tried again"
    page.invite.name.setText("PC 2")
    assert model.picture.notices == ()


def test_an_error_of_an_earlier_try_is_shown(page: JoinPage) -> None:
    failed = msgspec.structs.replace(samples.UNENROLLED, enrolment_error="The coordinator does not answer.")
    page.draw(picture(failed))
    assert "does not answer" in page._error.accessibleName()


def test_without_a_node_joining_is_not_possible(page: JoinPage) -> None:
    page.invite.invite.setText(LINK)
    page.draw(picture(samples.UNENROLLED, connected=False))
    assert not page.ready
    page.draw(Picture())
    assert not page.ready


def test_a_used_invite_is_forgotten(page: JoinPage) -> None:
    page.invite.invite.setText(LINK)
    page.draw(picture(samples.ONLINE))
    assert page.invite.invite.text() == ""


@pytest.mark.parametrize("width", [560, 800, 1920])
@pytest.mark.parametrize("scale", [1, 2])
def test_nothing_is_cut_off(page: JoinPage, width: int, scale: int, qapp: QApplication) -> None:
    before, large = qapp.font(), qapp.font()
    try:
        large.setPointSizeF(large.pointSizeF() * scale)
        qapp.setFont(large)
        page.resize(width * (1 if scale == 1 or width > 600 else 2), 420)
        page.invite.invite.setText(InviteLink(f"https://{LONG[:60]}.example.org", INVITE).url)
        page.draw(picture(samples.UNENROLLED, notices=(REFUSED,)))
        narrow_enough(page)
    finally:
        qapp.setFont(before)
