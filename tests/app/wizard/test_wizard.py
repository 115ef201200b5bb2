"""The three steps: forth, back, with the keys alone, with a link from outside, cancelled."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QPushButton, QWidget
from pytestqt.qtbot import QtBot

from app.intents import EnrolmentWish
from app.node_model import NodeModel
from app.picture import NodeLife, Picture
from app.widgets.question import Question
from app.wizard import join
from app.wizard.survey_model import Look
from app.wizard.wizard import ABOUT, JOIN, MACHINE, Wizard, what_cancel_does
from node.wire.invites import InviteLink, make_invite
from tests.support import samples
from tests.support.samples import NOW, picture
from tests.support.surveys import GOOD
from tests.support.widgets import narrow_enough, reachable, spoken, texts

INVITE = make_invite(bytes(10), bytes(32))
LINK = InviteLink("https://mesh.example.org", INVITE).url


@pytest.fixture
def asked(model: NodeModel, monkeypatch: pytest.MonkeyPatch) -> list[object]:
    """Keep what the node would be asked: looks at the computer and enrolments."""
    heard: list[object] = []
    monkeypatch.setattr(model, "enroll", heard.append)
    monkeypatch.setattr(model, "cancel_enrolment", lambda: heard.append("stop"))
    monkeypatch.setattr(model.survey, "look_again", lambda: heard.append("look"))
    monkeypatch.setattr(join, "SETTLING", 0.0)
    return heard


@pytest.fixture
def wizard(model: NodeModel, asked: list[object], qtbot: QtBot) -> Iterator[Wizard]:
    made = Wizard(model)
    made.resize(800, 600)
    made.show()
    draw(made, picture(samples.UNENROLLED))
    made.setFocus()
    yield made
    made.join.invite.stop()
    made.close()
    made.deleteLater()


def draw(wizard: Wizard, shown: Picture) -> None:
    wizard._model.picture = shown
    wizard.draw(shown, NOW)


def questions(wizard: Wizard) -> list[Question]:
    return [one for one in wizard.window().findChildren(Question) if one.isVisible()]


def press(question: Question, text: str) -> None:
    next(one for one in question.findChildren(QPushButton) if one.text() == text).click()


def key(widget: QWidget, which: Qt.Key) -> None:
    QTest.keyClick(widget.window().focusWidget() or widget, which)


def test_it_goes_forth_and_back(wizard: Wizard, asked: list[object]) -> None:
    assert wizard.step == ABOUT
    assert not wizard.back.isVisible()
    assert asked == [], "nothing is looked at before somebody wants to know"
    wizard.next.click()
    assert wizard.step == MACHINE
    assert "Step 2 of 3" in texts(wizard)
    assert asked == ["look"]
    wizard.next.click()
    assert wizard.step == JOIN
    assert wizard.next.text() == "Join"
    assert not wizard.next.isEnabled()
    wizard.back.click()
    wizard.back.click()
    assert wizard.step == ABOUT
    assert wizard.next.isEnabled()


def test_before_the_node_answers_one_may_read_and_type_on(wizard: Wizard, asked: list[object]) -> None:
    draw(wizard, picture(samples.UNENROLLED, connected=False))
    wizard.next.click()
    assert asked == []
    assert "Waiting for the part" in texts(wizard)
    draw(wizard, picture(samples.UNENROLLED))
    assert asked == ["look"]


def test_by_keys_alone(wizard: Wizard, asked: list[object], qtbot: QtBot) -> None:
    wizard.activateWindow()
    assert wizard.window().focusWidget() is wizard.next
    key(wizard, Qt.Key.Key_Return)
    key(wizard, Qt.Key.Key_Space)
    assert wizard.step == JOIN
    field = wizard.window().focusWidget()
    assert field is wizard.join.invite.invite
    QTest.keyClicks(field, LINK)
    assert wizard.next.isEnabled()
    key(wizard, Qt.Key.Key_Return)
    assert isinstance(asked[-1], EnrolmentWish)
    key(wizard, Qt.Key.Key_Escape)
    assert questions(wizard)


def test_everything_has_a_name_and_is_reached_by_tab(wizard: Wizard) -> None:
    for step in (ABOUT, MACHINE, JOIN):
        wizard.go_to(step)
        wizard.join.invite.invite.setText(LINK)
        controls = reachable(wizard)
        assert {wizard.cancel, wizard.next} <= set(controls)
        assert all(spoken(one) for one in controls)
        assert wizard.accessibleName().startswith(f"Step {step + 1} of 3: ")
    assert controls.index(wizard.join.invite.invite) < controls.index(wizard.back) < controls.index(wizard.next)


def test_a_link_waits_until_the_first_step_was_read(wizard: Wizard, asked: list[object]) -> None:
    wizard.offer_link(LINK)
    assert wizard.step == ABOUT
    assert wizard.join.invite.invite.text() == LINK
    wizard.next.click()
    assert wizard.step == JOIN
    assert wizard.next.isEnabled()
    assert wizard.next.hasFocus() or wizard.window().focusWidget() is wizard.next
    assert not [one for one in asked if isinstance(one, EnrolmentWish)], "it never joins by itself"
    wizard.back.click()
    assert wizard.step == MACHINE, "the second step can be read too"
    wizard.offer_link(LINK)
    assert wizard.step == JOIN, "the first was read already"
    wizard.next.click()
    assert isinstance(asked[-1], EnrolmentWish)


def test_no_page_can_change_the_invite_under_the_pointer(
    wizard: Wizard, asked: list[object], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(join, "SETTLING", 0.7)
    now = [100.0]
    monkeypatch.setattr(wizard.join, "_clock", lambda: now[0])
    wizard.offer_link(LINK)
    wizard.next.click()
    wizard.next.click()
    assert wizard.step == JOIN
    assert asked == [], "a double click"
    now[0] += 1.0
    wizard.offer_link(InviteLink("https://evil.example.org", INVITE).url)
    wizard.next.click()
    wizard.join.invite.entered.emit()
    assert asked == [], "a page opens its link just before the volunteer presses"
    now[0] += 1.0
    wizard.next.click()
    assert isinstance(asked[-1], EnrolmentWish), "seen by now"


def test_cancel_asks_and_says_what_it_does(wizard: Wizard, qtbot: QtBot) -> None:
    for step in (ABOUT, MACHINE, JOIN):
        wizard.go_to(step)
        with qtbot.assertNotEmitted(wizard.cancelled):
            wizard.cancel.click()
            assert "deletes what it made" in questions(wizard)[-1].accessibleDescription()
            press(questions(wizard)[-1], "Go on")
        wizard.cancel.click()
        with qtbot.waitSignal(wizard.cancelled):
            press(questions(wizard)[-1], "Stop and quit")


def test_somebody_elses_node_is_left_alone(wizard: Wizard) -> None:
    draw(wizard, picture(samples.UNENROLLED, life=NodeLife("running", ours=False)))
    wizard.cancel.click()
    assert questions(wizard)[-1].accessibleDescription() == what_cancel_does(ours=False)


def test_while_joining_cancel_stops_that_first(wizard: Wizard, asked: list[object], qtbot: QtBot) -> None:
    wizard.offer_link(LINK)
    wizard.go_to(JOIN)
    draw(wizard, picture(samples.UNENROLLED, pending=frozenset({"enroll"})))
    assert wizard.cancel.text() == "Stop joining"
    assert not wizard.back.isEnabled()
    assert not wizard.next.isEnabled()
    with qtbot.assertNotEmitted(wizard.cancelled):
        wizard.cancel.click()
    assert asked[-1] == "stop"
    assert questions(wizard) == []
    draw(wizard, picture(samples.UNENROLLED))
    assert wizard.cancel.text() == "Cancel"
    assert wizard.join.invite.invite.text() == LINK


def test_a_second_return_does_not_stop_joining(wizard: Wizard, asked: list[object]) -> None:
    wizard.offer_link(LINK)
    wizard.go_to(JOIN)
    key(wizard, Qt.Key.Key_Return)
    draw(wizard, picture(samples.UNENROLLED, pending=frozenset({"enroll"})))
    assert wizard.window().focusWidget() is wizard.join.working
    key(wizard, Qt.Key.Key_Return)
    assert asked[-1] != "stop"
    key(wizard, Qt.Key.Key_Escape)
    assert asked[-1] == "stop"
    draw(wizard, picture(samples.UNENROLLED))
    assert wizard.window().focusWidget() is wizard.next


def test_who_joins_from_a_field_finds_the_keyboard_there_again(wizard: Wizard, asked: list[object]) -> None:
    """Fields that rest meanwhile lose the focus: a new invite that is pasted then would go nowhere."""
    wizard.go_to(JOIN)
    field = wizard.join.invite.invite
    QTest.keyClicks(field, LINK)
    key(wizard, Qt.Key.Key_Return)
    assert isinstance(asked[-1], EnrolmentWish)
    draw(wizard, picture(samples.UNENROLLED, pending=frozenset({"enroll"})))
    assert wizard.window().focusWidget() is wizard.join.working, "so that it is read aloud"
    draw(wizard, picture(samples.UNENROLLED))
    assert wizard.window().focusWidget() is field


def test_a_link_that_comes_while_joining_waits(wizard: Wizard, asked: list[object]) -> None:
    other = InviteLink("https://other.example.org", INVITE).url
    wizard.offer_link(LINK)
    wizard.go_to(JOIN)
    draw(wizard, picture(samples.UNENROLLED, pending=frozenset({"enroll"})))
    wizard.cancel.setFocus()
    wizard.offer_link(other)
    assert wizard.join.invite.invite.text() == LINK
    draw(wizard, picture(samples.UNENROLLED))
    assert wizard.join.invite.invite.text() == other
    assert wizard.window().focusWidget() is wizard.next, "a stray Return shall not cancel"
    assert asked == []


def test_once_joined_it_is_ready_for_another_time(wizard: Wizard) -> None:
    wizard.offer_link(LINK)
    wizard.go_to(JOIN)
    draw(wizard, picture(samples.ONLINE))
    assert wizard.step == ABOUT
    assert wizard.join.invite.invite.text() == ""
    draw(wizard, picture(samples.UNENROLLED))
    wizard.next.click()
    assert wizard.step == MACHINE, "the link from before does not count any more"


@pytest.mark.parametrize(("width", "height"), [(560, 420), (800, 600), (1920, 1080)])
@pytest.mark.parametrize("direction", [Qt.LayoutDirection.LeftToRight, Qt.LayoutDirection.RightToLeft])
def test_every_step_fits_at_every_size_in_both_directions(
    wizard: Wizard, width: int, height: int, direction: Qt.LayoutDirection
) -> None:
    wizard.resize(width, height)
    wizard.setLayoutDirection(direction)
    wizard._model.survey.look = Look(GOOD)
    wizard._model.survey.changed.emit(Look(GOOD))
    for step, page in ((ABOUT, wizard.about), (MACHINE, wizard.machine), (JOIN, wizard.join)):
        wizard.go_to(step)
        narrow_enough(page)
        begins_left = wizard.cancel.mapTo(wizard, QPoint()).x() < wizard.next.mapTo(wizard, QPoint()).x()
        assert begins_left == (direction == Qt.LayoutDirection.LeftToRight)
        assert wizard.rect().contains(wizard.next.geometry()), "the way on is always in sight"


def test_large_letters(wizard: Wizard, qapp: QApplication) -> None:
    before, large = qapp.font(), qapp.font()
    try:
        large.setPointSizeF(large.pointSizeF() * 2)
        qapp.setFont(large)
        for step, page in ((ABOUT, wizard.about), (MACHINE, wizard.machine), (JOIN, wizard.join)):
            wizard.go_to(step)
            narrow_enough(page)
            assert wizard.rect().contains(wizard.next.geometry())
    finally:
        qapp.setFont(before)
