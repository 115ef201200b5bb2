"""The form of what this computer may do: defaults, choices, what it leaves alone."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from app.wizard.offers import Offer, usual_offers
from app.wizard.permissions_card import PermissionsCard
from node.rules.settings import Caps, Rules, Schedule
from tests.support.samples import LONG
from tests.support.widgets import reachable, spoken, texts


@pytest.fixture
def card(qtbot: QtBot) -> Iterator[PermissionsCard]:
    made = PermissionsCard()
    made.resize(420, 700)
    made.show_offers(usual_offers())
    made.show()
    yield made
    made.close()
    made.deleteLater()


def test_untouched_it_gives_the_rules_that_are_good_for_most(card: PermissionsCard) -> None:
    assert card.rules() == Rules()
    said = texts(card)
    for offer in usual_offers():
        assert offer.title in said
    assert "Use at most 80 % of the processor" in said
    assert "In the hours that were set before" not in said


def test_every_choice_is_in_the_rules(card: PermissionsCard) -> None:
    QTest.keyClick(card._boxes["ner-extraction"], Qt.Key.Key_Space)
    card._hours["free-time"].button.click()
    card._active["all"].button.click()
    card._battery.click()
    card._metered.click()
    card._cpu.setFocus()
    QTest.keyClick(card._cpu, Qt.Key.Key_End)
    assert "Use all of the processor" in texts(card)
    rules = card.rules()
    assert rules.services_off == ("ner-extraction",)
    assert rules.schedule == Schedule(enabled=True)
    assert rules.user_active_scope == "all"
    assert not rules.on_battery
    assert not rules.metered
    assert rules.caps.cpu_percent is None
    QTest.keyClick(card._cpu, Qt.Key.Key_Home)
    assert card.rules().caps.cpu_percent == 10
    assert card._cpu.accessibleName() == "Use at most 10 % of the processor"


def test_it_starts_from_the_rules_that_hold_and_keeps_what_was_ticked(card: PermissionsCard) -> None:
    own = Schedule(enabled=True, days=(((1, 2),), *((),) * 6))
    card.know_rules(Rules(services_off=("notes-coa", "unheard-of"), schedule=own))
    assert not card._boxes["notes-coa"].isChecked()
    assert card._hours["own"].isVisible()
    assert card.rules().schedule == own
    card._boxes["rag-embeddings"].click()
    card.know_rules(Rules())
    assert card.rules().services_off == ("notes-coa", "rag-embeddings", "unheard-of")


@pytest.mark.parametrize("percent", [3, 10, 85, 99])
def test_a_limit_between_two_steps_stays_until_somebody_moves_it(card: PermissionsCard, percent: int) -> None:
    card.know_rules(Rules(caps=Caps(cpu_percent=percent)))
    assert card.rules().caps.cpu_percent == percent
    assert f"Use at most {percent} % of the processor" in texts(card)
    QTest.keyClick(card._cpu, Qt.Key.Key_End)
    assert card.rules().caps.cpu_percent is None


def test_another_catalogue_keeps_what_was_switched_off(card: PermissionsCard) -> None:
    card._boxes["notes-coa"].click()
    card.show_offers((Offer("llm", f"Model & more {LONG}", "Talks."), Offer("notes-coa", "Notes", "")))
    QApplication.processEvents()
    assert set(card._boxes) == {"llm", "notes-coa"}
    assert not card._boxes["notes-coa"].isChecked()
    assert f"Model & more {LONG}" in texts(card)
    assert card.minimumSizeHint().width() < 420
    box = card._boxes["llm"]
    assert box.height() >= box.sizeHint().height(), "there is room for what came later"
    card.show_offers(())
    assert card.rules().services_off == ("notes-coa",)


def test_everything_has_a_name_and_is_reached_by_tab(card: PermissionsCard) -> None:
    names = [spoken(one) for one in reachable(card)]
    assert all(names)
    assert {"Document processing", "Rest while it runs on battery", "Use at most 80 % of the processor"} <= set(
        names
    )
    assert len(names) >= 4 + 1 + 1 + 3
