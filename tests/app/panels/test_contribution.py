"""What was given, in a table and as bars: nothing yet, typical, failed, not saved, old."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec
import pytest
from pytestqt.qtbot import QtBot

from app.panels.contribution import ContributionCard
from app.vitals_model import Sight
from node.vitals.values import Contribution
from tests.support import vitals
from tests.support.samples import NOW


@pytest.fixture
def card(qtbot: QtBot) -> Iterator[ContributionCard]:
    made = ContributionCard()
    qtbot.addWidget(made)
    made.show()
    yield made


def column(card: ContributionCard, number: int) -> list[str]:
    return [card.cells[row, number].text() for row in ("requests", "cpu", "gpu", "energy")]


def test_today_this_week_and_in_all(card: ContributionCard) -> None:
    card.draw(vitals.sight(), has_gpu=True, now=NOW)
    assert column(card, 0) == ["133", "17 min", "4 min", "12 Wh"]
    assert column(card, 1) == ["1,403", "3.1 h", "47 min", "132 Wh"]
    assert column(card, 2) == ["2,723", "6.0 h", "1.5 h", "257 Wh"]
    assert card.cells["energy", 2].accessibleName() == "Energy, estimated, In all: 257 Wh"
    assert "8 W for a busy core" in card.cells["energy", 0].toolTip()
    assert card.cells["requests", 0].toolTip().endswith(": 3")
    assert card.bars.isVisible()
    assert card.bars.accessibleName().endswith("133")


def test_nothing_yet_is_said(card: ContributionCard) -> None:
    card.draw(vitals.sight(contribution=Contribution()), has_gpu=False, now=NOW)
    assert column(card, 0) == ["0", "0 s", "0 s", "0 Wh"]
    assert not card.cells["gpu", 0].isVisible()
    assert card._caption.text().startswith("Nothing yet.")
    assert not card.bars.isVisible()


def test_until_it_is_known_there_are_dashes(card: ContributionCard) -> None:
    card.draw(Sight(lost=True), has_gpu=False, now=NOW)
    assert column(card, 2) == ["–"] * 4
    assert card._caption.text().startswith("Waiting")
    assert not card._when.isVisible()


def test_gpu_time_of_a_card_that_is_gone_still_counts(card: ContributionCard) -> None:
    card.draw(vitals.sight(), has_gpu=False, now=NOW)
    assert card.cells["gpu", 2].isVisible()


def test_what_cannot_be_saved_and_what_is_old_are_said(card: ContributionCard) -> None:
    told = msgspec.structs.replace(vitals.given(), trouble="The disk is full.")
    card.draw(vitals.sight(contribution=told, lost=True), has_gpu=True, now=NOW)
    assert card._trouble.text() == "The disk is full."
    assert card._when.text().startswith("As of ")
    card.draw(vitals.sight(), has_gpu=True, now=NOW)
    assert not card._trouble.isVisible()
    assert not card._when.isVisible()
