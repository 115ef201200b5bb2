"""Amounts, what they are for and how often they come."""

from decimal import Decimal

import pytest

from node.services.builtin.notes_coa.items import amounts_of, monthly, period_of
from node.services.builtin.notes_coa.notes import Statement
from tests.support.notes import mentions_in


def read(text: str) -> list[tuple[str, str, str | None, str | None]]:
    statement = Statement(0, len(text), text, "debts")
    return [
        (one.words, str(one.amount), one.reference, one.period) for one in amounts_of(statement, mentions_in(text))
    ]


@pytest.mark.parametrize(
    ("text", "words", "amount", "reference", "period"),
    [
        ("Northmoor credit card £4,310.77, ref NM/22-1187", "Northmoor credit card", "4310.77", "NM/22-1187", None),
        ("owes £800 to Lloyds", "Lloyds", "800.00", None, None),
        ("Council tax arrears of about £612", "Council tax arrears", "612.00", None, None),
        ("Rent: £600 pcm", "Rent", "600.00", None, "month"),
        ("£43.05 per week Child Benefit", "Child Benefit", "43.05", None, "week"),
        ("He earns £1,450 a month", "Wages", "1450.00", None, "month"),
        ("Barclaycard (account no 4929 1234) - £99", "Barclaycard", "99.00", "4929 1234", None),
        ("£5", "", "5.00", None, None),
    ],
)  # fmt: skip
def test_one_amount(text: str, words: str, amount: str, reference: str | None, period: str | None) -> None:
    assert read(text) == [(words, amount, reference, period)]


def test_a_list_in_one_sentence() -> None:
    text = "Owes Barclaycard £2,340.50 (ref 4929 1234), Lloyds £800 and council tax £612, and gas and electric £90"
    assert read(text) == [
        ("Barclaycard", "2340.50", "4929 1234", None),
        ("Lloyds", "800.00", None, None),
        ("Council tax", "612.00", None, None),
        ("Gas and electric", "90.00", None, None),
    ]


@pytest.mark.parametrize(
    ("text", "period"),
    [
        ("£5 pw", "week"),
        ("£5/wk", "week"),
        ("£5 every 4 weeks", "four weeks"),
        ("£5 4-weekly", "four weeks"),
        ("£5 fortnightly", "fortnight"),
        ("£5 p.c.m.", "month"),
        ("£5 per calendar month", "month"),
        ("£5 quarterly", "quarter"),
        ("£5 p.a.", "year"),
        ("£5 at once", None),
        ("Monthly income", "month"),
        ("Palm Street pawn shop", None),
    ],
)
def test_periods(text: str, period: str | None) -> None:
    assert period_of(text) == period


def test_monthly_amounts() -> None:
    assert monthly(Decimal("43.05"), "week") == Decimal("186.55")
    assert monthly(Decimal(212), "four weeks") == Decimal("229.67")
    assert monthly(Decimal(1200), "year") == Decimal("100.00")
