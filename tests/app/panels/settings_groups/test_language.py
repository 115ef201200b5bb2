"""The choice shows what is kept, says when it holds, and says why where it cannot be kept."""

from __future__ import annotations

from pathlib import Path

import pytest
from pytestqt.qtbot import QtBot

from app import translations
from app.panels.settings_groups.language import LanguageCard
from app.translations import kept_language


def choose(card: LanguageCard, language: str) -> None:
    row = card.choice.findData(language)
    assert row >= 0
    card.choice.setCurrentIndex(row)
    card.choice.activated.emit(row)


def made(qtbot: QtBot, data_dir: Path | None) -> LanguageCard:
    card = LanguageCard(data_dir)
    qtbot.addWidget(card)
    card.show()
    return card


def test_it_is_the_systems_until_somebody_chooses(qtbot: QtBot, tmp_path: Path) -> None:
    card = made(qtbot, tmp_path)
    assert card.choice.currentData() == "system"
    choose(card, "de")
    assert kept_language(tmp_path) == "de"
    assert "next time" in card.status.text
    choose(card, "system")
    assert not card.status.text
    assert kept_language(tmp_path) == "system"


def test_the_next_start_shows_what_was_chosen(qtbot: QtBot, tmp_path: Path) -> None:
    choose(made(qtbot, tmp_path), "de")
    assert made(qtbot, tmp_path).choice.currentText() == "Deutsch"


def test_a_disk_that_takes_nothing_is_told_and_the_old_choice_is_shown(
    qtbot: QtBot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    card = made(qtbot, tmp_path)

    def full(_data_dir: Path, _language: str) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(translations, "keep_language", full)
    choose(card, "de")
    assert "No space left" in card.status.text
    assert card.choice.currentData() == "system"


def test_without_a_place_of_its_own_it_cannot_be_chosen(qtbot: QtBot) -> None:
    assert not made(qtbot, None).choice.isEnabled()
