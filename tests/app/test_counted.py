"""Texts with a number in them have the form that the number asks for."""

from __future__ import annotations

import inspect

from app.counted import Counted, counted
from app.figures import number


def test_one_and_many_have_forms_of_their_own() -> None:
    assert [counted.requests(count) for count in (0, 1, 2)] == ["0 requests", "1 request", "2 requests"]
    assert counted.helping(1) == "Helping with 1 service."
    assert counted.days_ago(3) == "3 days ago"


def test_no_text_shows_how_it_is_made() -> None:
    texts = [one for name, one in vars(Counted).items() if inspect.isfunction(one) and not name.startswith("_")]
    assert len(texts) > 10
    for text in texts:
        for count in (0, 1, 2, 1234):
            said = text(counted, count)
            assert "(s)" not in said, said
            assert "%" not in said, said
            assert number(count) in said or count == 1, said
