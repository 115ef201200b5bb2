"""Services: a card each, kept while it lasts; what is switched, restarted and read; emptiness is explained."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec
import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QDialog, QPushButton
from pytestqt.qtbot import QtBot

from app.node_model import NodeModel
from app.panels.service_card import ServiceFigures
from app.panels.services import ServicesPanel, why_nothing
from app.picture import Notice, Picture
from app.vitals_model import Sight
from app.widgets.question import Question
from node.rules.settings import Rules
from node.wire.messages import Assignment
from tests.support import samples, vitals
from tests.support.samples import NOW, picture


@pytest.fixture
def panel(model: NodeModel, qtbot: QtBot) -> Iterator[ServicesPanel]:
    made = ServicesPanel(model)
    made.resize(624, 500)
    made.show()
    yield made
    made.close()
    made.deleteLater()


@pytest.fixture
def restarted(model: NodeModel, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    names: list[str] = []
    monkeypatch.setattr(model, "_intend", lambda about, path, body=None, wait=10.0: names.append(path))
    return names


def show(panel: ServicesPanel, model: NodeModel, shown: Picture, sight: Sight | None = None) -> None:
    """Draw as the window does; what the node tells of itself comes after."""
    model.picture = shown
    panel.draw(shown, NOW)
    if sight is not None:
        model.vitals.sight = sight
        model.vitals.changed.emit()


def figures_of(panel: ServicesPanel, name: str) -> ServiceFigures:
    found = panel._cards[name].figures
    assert found is not None
    return found


def answer(panel: ServicesPanel, text: str) -> None:
    box = next(box for box in panel.findChildren(Question) if box.isVisible())
    next(b for b in box.findChildren(QPushButton) if b.text() == text).click()


def test_each_service_has_a_card_with_its_state_and_what_to_do(panel: ServicesPanel, model: NodeModel) -> None:
    show(panel, model, picture(samples.DEGRADED))
    card = panel._cards["ner-extraction"]
    assert card.accessibleName() == "Finding facts: Failed"
    assert "exit code 1" in card.why.text()
    assert "its log may say why" in card.why.text()
    assert list(panel._cards) == ["document-processing", "ner-extraction", "rag-embeddings", "notes-coa"]
    assert panel._cards["notes-coa"].figures is None
    assert not panel._empty.isVisible()


def test_figures_come_from_what_the_node_tells(panel: ServicesPanel, model: NodeModel) -> None:
    show(panel, model, picture(samples.ONLINE))
    assert figures_of(panel, "ner-extraction").text("today") == "requests today: –"
    show(panel, model, picture(samples.ONLINE), vitals.sight())
    told = figures_of(panel, "ner-extraction")
    names = ("today", "p50", "p95", "memory", "cpu")
    assert [told.text(name).partition(": ")[2] for name in names] == ["128", "4.2 ms", "11 ms", "64 MB", "2 %"]
    assert figures_of(panel, "rag-embeddings").text("p50") == "usual answer: –"


def test_what_is_old_is_said_to_be(panel: ServicesPanel, model: NodeModel) -> None:
    show(panel, model, picture(samples.ONLINE), vitals.sight())
    assert not panel._old.isVisible()
    show(panel, model, picture(samples.ONLINE, connected=False), vitals.sight(lost=True))
    assert panel._old.isVisible()
    assert figures_of(panel, "ner-extraction").text("today") == "requests today: 128"
    assert not panel._cards["ner-extraction"].allowed.isEnabled()


def test_cards_are_kept_and_stand_in_order(panel: ServicesPanel, model: NodeModel) -> None:
    show(panel, model, picture(samples.ONLINE))
    before = dict(panel._cards)
    show(panel, model, picture(samples.DEGRADED))
    assert panel._cards == before
    fewer = msgspec.structs.replace(samples.ONLINE, services=samples.ONLINE.services[1:])
    show(panel, model, picture(fewer))
    assert list(panel._cards) == ["ner-extraction", "rag-embeddings", "document-processing", "notes-coa"]
    assert [panel._here.indexOf(panel._cards[name]) for name in panel._cards] == [0, 1, -1, -1]
    assert panel._others.indexOf(panel._cards["document-processing"]) == 0
    assert not figures_of(panel, "document-processing").isVisible()
    show(panel, model, picture(samples.ONLINE))
    assert [panel._here.indexOf(card) for card in panel._cards.values()] == [0, 1, 2, -1]
    assert panel._cards == before


def test_a_service_is_switched_off_and_on_by_the_volunteer(
    panel: ServicesPanel, model: NodeModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    changes: list[object] = []
    monkeypatch.setattr(model.rules, "change", lambda what, change: changes.append((what, change)))
    show(panel, model, picture(samples.ONLINE))
    switch = panel._cards["ner-extraction"].allowed
    assert switch.isChecked()
    assert switch.accessibleName() == "Allow Finding facts on this computer"
    switch.setFocus()
    QTest.keyClick(switch, Qt.Key.Key_Space)
    off = msgspec.structs.replace(samples.ONLINE, rules=Rules(services_off=("ner-extraction", "notes-coa")))
    show(panel, model, picture(off))
    assert not switch.isChecked()
    assert panel._cards["notes-coa"].accessibleName() == "Advice letters: Switched off"
    switch.click()
    assert changes == [
        ("Finding facts", {"services_off": ("ner-extraction",)}),
        ("Finding facts", {"services_off": ("notes-coa",)}),
    ]


def test_a_refusal_of_the_switch_is_shown(panel: ServicesPanel, model: NodeModel) -> None:
    show(panel, model, picture(samples.ONLINE))
    model.rules.refusal = Notice("rules", "The rule was not changed", "The disk is full.")
    model.rules.changed.emit()
    assert panel._refusal.isVisible()
    model.rules.dismiss()
    assert not panel._refusal.isVisible()


def test_a_restart_asks_only_where_it_would_cut_off_requests(
    panel: ServicesPanel, model: NodeModel, restarted: list[str]
) -> None:
    show(panel, model, picture(samples.ONLINE), vitals.sight())
    figures_of(panel, "ner-extraction").restart.click()
    assert restarted.pop() == "/services/ner-extraction/restart"
    for text, expected in (("Leave it running", 0), ("Restart", 1)):
        figures_of(panel, "document-processing").restart.click()
        answer(panel, text)
        assert len(restarted) == expected
    assert restarted == ["/services/document-processing/restart"]


def test_where_nothing_is_told_requests_anywhere_count(
    panel: ServicesPanel, model: NodeModel, restarted: list[str]
) -> None:
    show(panel, model, picture(msgspec.structs.replace(samples.ONLINE, in_flight=1)))
    figures_of(panel, "ner-extraction").restart.click()
    assert restarted == []
    answer(panel, "Restart")
    assert restarted == ["/services/ner-extraction/restart"]


def test_restart_rests_while_it_cannot_help(panel: ServicesPanel, model: NodeModel) -> None:
    show(panel, model, picture(samples.ONLINE, pending=frozenset({"service:document-processing"})))
    assert not figures_of(panel, "document-processing").restart.isEnabled()
    assert figures_of(panel, "ner-extraction").restart.isEnabled()
    assert not figures_of(panel, "rag-embeddings").restart.isEnabled()
    show(panel, model, picture(samples.ONLINE, connected=False))
    assert not figures_of(panel, "ner-extraction").restart.isEnabled()


@pytest.mark.parametrize("width", [400, 624, 1700])
def test_very_many_and_very_long_names_fit(panel: ServicesPanel, model: NodeModel, width: int) -> None:
    panel.resize(width, 500)
    show(panel, model, picture(samples.LONG_NAMES), vitals.sight())
    QApplication.processEvents()
    assert len(panel._cards) == 20
    card = panel._cards["service-0"]
    assert card.width() <= panel.viewport().width()
    assert panel.horizontalScrollBar().maximum() == 0
    assert width > 1000 or card.title.toolTip().startswith("Service 0 with a very long title")


def test_the_log_opens_in_a_window_of_its_own(panel: ServicesPanel, model: NodeModel, qtbot: QtBot) -> None:
    show(panel, model, picture(samples.ONLINE))
    figures_of(panel, "ner-extraction").log.click()
    dialog = next(one for one in panel.findChildren(QDialog) if one.isVisible())
    assert dialog.windowTitle() == "Log of Finding facts"
    dialog.close()


def test_it_is_measured_only_while_the_page_can_be_seen(panel: ServicesPanel, model: NodeModel) -> None:
    assert model.vitals.watched
    panel.hide()
    assert not model.vitals.watched


@pytest.mark.parametrize(
    ("state", "title"),
    [
        (None, "Not known yet"),
        (samples.UNENROLLED, "No services yet"),
        (samples.PAUSED, "Nothing runs while paused"),
        (msgspec.structs.replace(samples.ON_BATTERY, services=()), "Nothing runs while this computer rests"),
        (msgspec.structs.replace(samples.ONLINE, services=()), "Nothing to do at the moment"),
    ],
)
def test_emptiness_is_explained(panel: ServicesPanel, state: object, title: str) -> None:
    panel.draw(Picture() if state is None else picture(state), NOW)  # type: ignore[arg-type]
    assert panel._empty.isVisible()
    assert panel._empty._title.text() == title
    assert panel._empty._text.text()


def test_the_coordinators_own_words_come_first() -> None:
    state = msgspec.structs.replace(
        samples.ONLINE, services=(), assignment=Assignment(role="cpu", detail="Waiting for approval.")
    )
    assert why_nothing(state)[1] == "Waiting for approval."


def test_a_service_that_is_not_in_the_catalogue_shows_its_name(panel: ServicesPanel) -> None:
    panel.draw(picture(msgspec.structs.replace(samples.ONLINE, catalogue=samples.UNENROLLED.catalogue)), NOW)
    assert panel._cards["ner-extraction"].accessibleName() == "ner-extraction: Running"
