"""The first step says what matters, in few words, at every size."""

from __future__ import annotations

from pytestqt.qtbot import QtBot

from app.wizard.about import AboutPage, in_charge, what_happens, who_sees
from tests.support.widgets import narrow_enough, texts


def test_it_says_what_runs_who_sees_what_and_how_to_stop(qtbot: QtBot) -> None:
    page = AboutPage()
    qtbot.addWidget(page)
    page.resize(800, 500)
    page.show()
    said = texts(page)
    for word in ("signed", "requests", "hardware", "network addresses", "name", "Pause", "Leave", "vetted"):
        assert word in said
    assert len(said.split()) < 350, "nobody reads more"


def test_every_line_has_a_title_and_a_sentence() -> None:
    for glyph, title, text in (*what_happens(), *who_sees(), *in_charge()):
        assert glyph
        assert title
        assert text.endswith(".")


def test_it_fits_into_the_smallest_window(qtbot: QtBot) -> None:
    page = AboutPage()
    qtbot.addWidget(page)
    page.resize(560, 300)
    page.show()
    narrow_enough(page)
