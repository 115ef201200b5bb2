"""Facts hide while they have no value; banners say it to screen readers and can be closed."""

from __future__ import annotations

from pytestqt.qtbot import QtBot

from app.picture import Notice
from app.widgets.frames import Banner, Card, EmptyState, Fact, Page, ReasonLine, line
from app.widgets.glyphs import IconButton


def test_a_fact_without_a_value_is_hidden(qtbot: QtBot) -> None:
    card, fact = Card("This computer"), Fact("gpu", "Graphics")
    qtbot.addWidget(card)
    card.body.addWidget(fact)
    card.body.addWidget(line())
    card.show()
    assert card.accessibleName() == "This computer"
    assert not fact.isVisible()
    fact.show_value("GeForce")
    assert fact.isVisible()
    assert fact.value.accessibleName() == "Graphics: GeForce"
    fact.show_value("")
    assert not fact.isVisible()


def test_a_banner_shows_a_notice_and_can_be_closed(qtbot: QtBot) -> None:
    banner = Banner()
    qtbot.addWidget(banner)
    assert not banner.isVisible()
    banner.show_notice(Notice("pause", "Pausing did not work", "No.", "Try again."))
    assert banner.isVisible()
    assert banner.accessibleName() == "Pausing did not work. No. Try again."
    with qtbot.waitSignal(banner.closed) as heard:
        banner.findChildren(IconButton)[0].click()
    assert heard.args == ["pause"]
    banner.show_notice(None)
    assert not banner.isVisible()


def test_a_banner_that_must_stay_has_no_button(qtbot: QtBot) -> None:
    banner = Banner(closable=False)
    qtbot.addWidget(banner)
    assert banner.findChildren(IconButton) == []


def test_an_empty_state_says_why(qtbot: QtBot) -> None:
    empty = EmptyState("services")
    qtbot.addWidget(empty)
    empty.show_text("No services yet", "Join a mesh first.")
    empty.show_glyph("bad", "bad")
    assert (empty._title.text(), empty._text.text()) == ("No services yet", "Join a mesh first.")


def test_a_reason_has_an_icon_of_its_tone_or_of_its_own(qtbot: QtBot) -> None:
    reason = ReasonLine()
    qtbot.addWidget(reason)
    reason.show_reason("Paused", "By you.", "rest")
    assert reason._glyph._name == "rest"
    reason.show_icon("leave", "good")
    assert reason._glyph._name == "leave"


def test_a_page_never_scrolls_sideways(qtbot: QtBot) -> None:
    page = Page()
    qtbot.addWidget(page)
    page.resize(300, 200)
    for _ in range(30):
        page.column.addWidget(EmptyState("peers"))
    page.show()
    assert page.horizontalScrollBar().maximum() == 0
    assert page.verticalScrollBar().maximum() > 0
