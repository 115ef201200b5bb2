"""The version is told as it is, and how to update, for each way in which the app was got."""

from __future__ import annotations

import sys

import msgspec
import pytest
from pytestqt.qtbot import QtBot

from app.panels.settings_groups import updates
from app.panels.settings_groups.updates import UpdatesCard
from node import __version__
from tests.support import samples
from tests.support.samples import picture


def test_both_versions_are_told_where_they_differ(qtbot: QtBot) -> None:
    card = UpdatesCard()
    qtbot.addWidget(card)
    same = msgspec.structs.replace(samples.ONLINE, version=__version__)
    card.draw(picture(same))
    assert card.version.text() == f"This is RMA Mesh {__version__}."
    card.draw(picture(msgspec.structs.replace(samples.ONLINE, version="99.1")))
    assert "the node on this computer is of version 99.1" in card.version.text()
    card.draw(picture(None))
    assert card.version.text() == f"This is RMA Mesh {__version__}."


@pytest.mark.parametrize(
    ("frozen", "installed", "words"),
    [
        (True, False, "install a newer one over it"),
        (False, True, sys.executable),
        (False, False, "from its source in"),
    ],
)
def test_how_to_update_is_what_works_here(
    qtbot: QtBot, monkeypatch: pytest.MonkeyPatch, frozen: bool, installed: bool, words: str
) -> None:
    monkeypatch.setattr(sys, "frozen", frozen, raising=False)
    monkeypatch.setattr(updates, "is_installed", lambda: installed)
    card = UpdatesCard()
    qtbot.addWidget(card)
    assert words in card.how.text()
    assert "does not look for newer versions by itself" in card.how.text()
