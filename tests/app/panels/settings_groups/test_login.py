"""The switch shows what the system says, whatever was clicked, and says why where it does not let it be changed."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from pytestqt.qtbot import QtBot

from app.panels.settings_groups.login import LoginCard


class Place:
    """A system that may refuse, and that somebody else may change."""

    def __init__(self) -> None:
        self.on = False
        self.error: Exception | None = None
        self.unread: OSError | None = None

    def enabled(self) -> bool:
        if self.unread is not None:
            raise self.unread
        return self.on

    def enable(self) -> None:
        self._set(on=True)

    def disable(self) -> None:
        self._set(on=False)

    def _set(self, *, on: bool) -> None:
        if self.error is not None:
            raise self.error
        self.on = on


@pytest.fixture
def place() -> Place:
    return Place()


@pytest.fixture
def card(qtbot: QtBot, place: Place) -> Iterator[LoginCard]:
    made = LoginCard(place)
    made.show()
    yield made
    made.close()
    made.deleteLater()


def test_it_is_off_until_somebody_wants_it(card: LoginCard, place: Place) -> None:
    assert not card.row.switch.isChecked()
    card.row.switch.click()
    assert place.on
    assert card.row.switch.isChecked()
    card.row.switch.click()
    assert not place.on
    assert not card.row.switch.isChecked()


def test_what_was_changed_elsewhere_is_seen(card: LoginCard, place: Place) -> None:
    card.hide()
    place.on = True
    card.show()
    assert card.row.switch.isChecked()


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (PermissionError(13, "Permission denied"), "Permission denied"),
        (ValueError("it has a line break"), "line break"),
        (OSError("Windows starts no command of more than 260 characters"), "260"),
    ],
)
def test_a_refusal_says_why_and_shows_what_is_so(
    card: LoginCard, place: Place, error: Exception, words: str
) -> None:
    place.error = error
    card.row.switch.click()
    assert not card.row.switch.isChecked()
    assert words in card.row.status.text


def test_what_cannot_be_read_is_said(card: LoginCard, place: Place) -> None:
    place.unread = OSError(5, "Input/output error")
    card.look()
    assert "Input/output error" in card.row.status.text


def test_a_system_without_a_place_says_so(qtbot: QtBot) -> None:
    card = LoginCard(None)
    qtbot.addWidget(card)
    card.show()
    assert not card.row.switch.isEnabled()
    assert "no place" in card.row.status.text
