"""One service's card: what is there for one at work here and for others, and how switch and buttons are named."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from pytestqt.qtbot import QtBot

from app.panels.service_card import ServiceCard
from app.panels.service_words import ServiceLine
from node.vitals.values import NOTHING, Counted, ServiceVitals
from node.wire.messages import ServiceReport

HERE = ServiceLine(
    "ner", "Facts", "Finds facts.", "Running", "good", "", report=ServiceReport(name="ner", state="running")
)


@pytest.fixture
def card(qtbot: QtBot) -> Iterator[ServiceCard]:
    made = ServiceCard("ner")
    qtbot.addWidget(made)
    made.show()
    yield made


def test_who_is_not_here_has_no_figures_but_a_switch(card: ServiceCard) -> None:
    card.draw(ServiceLine("ner", "Facts", state="Switched off", allowed=False), usable=True, switchable=True)
    assert card.figures is None
    assert not card.allowed.isChecked()
    assert "Switch it on" in card.allowed.toolTip()
    card.draw_figures(None, NOTHING, stale=False)
    card.draw(ServiceLine("ner", "Facts", may_allow=False, allowed=False), usable=True, switchable=True)
    assert not card.allowed.isEnabled()
    assert "changes nothing" in card.allowed.accessibleDescription()


def test_buttons_and_switch_say_which_service_they_are_for(card: ServiceCard, qtbot: QtBot) -> None:
    card.draw(HERE, usable=True, switchable=True)
    assert card.figures is not None
    assert card.figures.restart.accessibleName() == "Restart Facts"
    assert card.figures.log.accessibleName() == "Log of Facts"
    assert card.allowed.accessibleName() == "Allow Facts on this computer"
    for button, signal in (
        (card.figures.restart, card.restart_wanted),
        (card.figures.log, card.log_wanted),
        (card.allowed, card.switched),
    ):
        with qtbot.waitSignal(signal, timeout=20_000) as caught:
            button.click()
        assert caught.args == ["ner", "Facts"]


def test_it_has_the_name_that_other_pages_know_it_by(card: ServiceCard) -> None:
    card.draw(HERE, usable=True, switchable=True)
    assert card.name.isVisible()
    assert card.name.accessibleName() == "ner"
    card.draw(ServiceLine("ner", "ner"), usable=True, switchable=True)
    assert not card.name.isVisible()


def test_figures_and_what_is_not_known(card: ServiceCard) -> None:
    card.draw(HERE, usable=True, switchable=True)
    assert card.figures is not None
    names = ("today", "p50", "p95", "memory", "cpu")
    assert {card.figures.text(name).partition(": ")[2] for name in names} == {"–"}
    vitals = ServiceVitals(name="ner", latency_ms={"p50": 3.0, "p95": 1500.0}, memory_bytes=2**30, cpu=1.5)
    card.draw_figures(vitals, Counted(requests=1234), stale=True)
    told = [card.figures.text(name).partition(": ")[2] for name in names]
    assert told == ["1,234", "3.0 ms", "1.5 s", "1.0 GB", "150 %"]
    assert card.figures._stats["cpu"]._value.property("tone") == "quiet"
