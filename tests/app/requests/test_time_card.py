"""Routing over minutes and over a day, also in words."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from pytestqt.qtbot import QtBot

from app.past_model import RoutingSight
from app.requests.time_card import TimeCard
from tests.support.pasts import routing


@pytest.fixture
def card(qtbot: QtBot) -> Iterator[TimeCard]:
    made = TimeCard()
    made.resize(800, 500)
    made.show()
    yield made
    made.close()
    made.deleteLater()


def test_without_requests_it_says_so(card: TimeCard) -> None:
    card.draw(RoutingSight())
    assert card._sentence.text() == "There were no requests in this time."
    assert card.latency.accessibleDescription() == "half: –; 95 of 100: –; 99 of 100: –"
    assert not card.grab().isNull()


def test_five_minutes_and_a_day(card: TimeCard) -> None:
    card.draw(routing(3))
    assert card._sentence.text().startswith("897 requests, 51 of them failed, 0 tries were repeated;")
    assert card.latency.accessibleDescription() == "half: 15 ms; 95 of 100: 105 ms; 99 of 100: 505 ms"
    assert card.known.accessibleDescription() == "found in memory: 78 %"
    assert card.requests.told_at(1.0).splitlines()[1:] == ["requests: 9", "failed: 0"]
    recent = card.grab().toImage()
    card.span.setCurrentIndex(1)
    assert card._sentence.text().startswith("4,315 requests")
    assert card.grab().toImage() != recent
