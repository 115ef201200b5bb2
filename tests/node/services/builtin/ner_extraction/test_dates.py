"""Dates in the ways that people in the UK write them."""

import pytest

from node.services.builtin.ner_extraction.dates import find_dates
from node.services.builtin.ner_extraction.rules import settle


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("12/03/2024", "2024-03-12"),
        ("1.2.24", "2024-02-01"),
        ("12-03-1999", "1999-03-12"),
        ("3/4/70", "1970-04-03"),
        ("2024-03-12", "2024-03-12"),
        ("12 March 2024", "2024-03-12"),
        ("12th of March, 2024", "2024-03-12"),
        ("1st Sept 99", "1999-09-01"),
        ("12-Mar-2024", "2024-03-12"),
        ("12 MARCH 2024", "2024-03-12"),
        ("March 12, 2024", "2024-03-12"),
        ("12th March", "--03-12"),
        ("May 2025", "2025-05"),
        ("03/25/2024", "2024-03-25"),
        ("29 February 2024", "2024-02-29"),
    ],
)
def test_is_a_date(text: str, value: str) -> None:
    found = settle(find_dates(f"On {text} they wrote"))
    assert [(one.text, one.value) for one in found] == [(text, value)]


@pytest.mark.parametrize(
    "text",
    ["31/02/2024", "29 February 2023", "1/2/3/4", "you may 10 times", "32 March 2024", "12/03/2924", "1.2.3.4"],
)
def test_is_no_date(text: str) -> None:
    assert [one.value for one in find_dates(text) if len(one.value) == 10] == []


def test_a_time_is_no_year() -> None:
    assert [one.text for one in find_dates("at 12 March 10:30")] == ["12 March"]
