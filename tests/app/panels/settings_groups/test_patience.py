"""The two pauses are seconds that are asked for as they are."""

from __future__ import annotations

from pytestqt.qtbot import QtBot

from app.panels.settings_groups.patience import PatienceCard
from node.rules.settings import Rules
from tests.support.settings import Asked, facts


def test_both_are_shown_and_asked_for(qtbot: QtBot) -> None:
    asked = Asked()
    card = PatienceCard(asked)
    qtbot.addWidget(card)
    card.draw(facts(Rules(grace_seconds=20, resume_after_seconds=90)))
    assert (card.grace_seconds.text(), card.resume_seconds.text()) == ("20 s", "90 s")
    card.grace_seconds.stepUp()
    card.resume_seconds.stepDown()
    assert asked.changes == [{"grace_seconds": 25}, {"resume_after_seconds": 80}]
    card.draw(facts(Rules(), usable=False))
    assert not card.grace_seconds.isEnabled()
