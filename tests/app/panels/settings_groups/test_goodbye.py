"""The ways out ask first, say exactly what is lost, and say why one of them is closed."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
from PySide6.QtWidgets import QApplication, QLabel
from pytestqt.qtbot import QtBot

from app.goodbye import Goodbye
from app.node_model import NodeModel
from app.panels.settings_groups.goodbye import GoodbyeCard
from app.panels.settings_groups.goodbye_dialog import GoodbyeDialog
from app.picture import NodeLife, Picture
from app.widgets.question import Question
from tests.support import samples
from tests.support.samples import picture

FOLDER = Path("/home/ann/.local/share/rma-mesh")


@pytest.fixture
def asked(model: NodeModel, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    heard: list[str] = []
    monkeypatch.setattr(model, "leave", lambda: heard.append("leave"))
    monkeypatch.setattr(model.goodbye, "start", lambda: heard.append("delete"))
    return heard


@pytest.fixture
def card(model: NodeModel, asked: list[str], qtbot: QtBot) -> Iterator[GoodbyeCard]:
    made = GoodbyeCard(model, FOLDER)
    made.show()
    yield made
    made.close()
    made.deleteLater()


def question(card: GoodbyeCard) -> Question:
    return next(box for box in card.findChildren(Question) if box.isVisible())


def text_of(box: Question) -> str:
    return "\n".join(one.text() for one in box.findChildren(QLabel))


def test_leaving_asks_first(card: GoodbyeCard, asked: list[str]) -> None:
    card.draw(picture(samples.ONLINE))
    assert "mesh.debtadvice.example, as w-7f3a9c21d4" in card.text.text()
    card.leaving.click()
    assert "your rules stay" in text_of(question(card))
    question(card).no.click()
    card.leaving.click()
    question(card).yes.click()
    assert asked == ["leave"]


def test_deleting_says_exactly_what_is_lost(card: GoodbyeCard, asked: list[str]) -> None:
    card.draw(picture(samples.ONLINE))
    card.deleting.click()
    text = text_of(question(card))
    for words in (
        "place in the mesh of mesh.debtadvice.example", "keys, in the system's keyring", "All rules, the schedule",
        "library of documents", "start at login", str(FOLDER), "stays installed",
    ):  # fmt: skip
        assert words in text
    question(card).no.click()
    assert asked == []
    card.deleting.click()
    question(card).yes.click()
    assert asked == ["delete"]
    dialog = card.findChild(GoodbyeDialog)
    assert dialog is not None
    assert dialog.isVisible()
    dialog.draw(Goodbye("done"))
    dialog.hide()


@pytest.mark.parametrize(
    ("shown", "leaving", "deleting", "words"),
    [
        (picture(samples.ONLINE), True, True, ""),
        (picture(samples.ONLINE, connected=False, life=NodeLife("blocked")), False, True, "does not answer"),
        (picture(samples.ONLINE, life=NodeLife("running", ours=False)), True, False, "by somebody else"),
        (picture(samples.ONLINE, pending=frozenset({"leave"})), False, False, "leaving now"),
        (picture(msgspec.structs.replace(samples.ONLINE, leaving=True)), False, False, "leaving now"),
        (picture(samples.UNENROLLED), True, True, ""),
        (Picture(), False, True, "does not answer"),
    ],
)
def test_a_way_that_is_closed_says_why(
    card: GoodbyeCard, shown: Picture, leaving: bool, deleting: bool, words: str
) -> None:
    card.draw(shown)
    QApplication.processEvents()
    assert card.leaving.isEnabled() is leaving
    assert card.leaving.isVisible() is shown.enrolled
    assert card.deleting.isEnabled() is deleting
    assert words in card.why.text
    assert card.why.isVisible() is bool(words)


def test_a_node_that_does_not_answer_tells_nobody(card: GoodbyeCard) -> None:
    card.draw(picture(samples.ONLINE, connected=False))
    assert any("no coordinator will be told" in line for line in card.losses())
    card.draw(picture(samples.UNENROLLED))
    assert not any("mesh of" in line for line in card.losses())
