"""Amounts in the ways that people write them."""

import pytest

from node.services.builtin.ner_extraction.money import find_money


@pytest.mark.parametrize(
    ("text", "value", "currency"),
    [
        ("£1,234.56", "1234.56", "GBP"),
        ("£ 20", "20.00", "GBP"),
        ("-£20.50", "-20.50", "GBP"),
        ("£1.2k", "1200.00", "GBP"),
        ("£3m", "3000000.00", "GBP"),
        ("£2.5 million", "2500000.00", "GBP"),
        ("1.2k", "1200.00", "GBP"),
        ("300 pounds", "300.00", "GBP"),
        ("20 quid", "20.00", "GBP"),
        ("50p", "0.50", "GBP"),
        ("99 pence", "0.99", "GBP"),
        ("GBP 2,000", "2000.00", "GBP"),
        ("2,000 GBP", "2000.00", "GBP"),
        ("€1.234,56", "1234.56", "EUR"),
        ("20 euros", "20.00", "EUR"),
        ("EUR20", "20.00", "EUR"),
        ("$15", "15.00", "USD"),
        ("£5.", "5.00", "GBP"),
        ("£500,000", "500000.00", "GBP"),
    ],
)
def test_is_money(text: str, value: str, currency: str) -> None:
    found = list(find_money(f"It is {text} in all"))
    assert [(one.value, one.currency) for one in found] == [(value, currency)]
    assert found[0].text == text.rstrip(".")


@pytest.mark.parametrize(
    "text", ["12 March", "£", "5m away", "flat 3", "1.2.3", "10kg", "2024", "£1,2345", "step 2p3"]
)
def test_is_no_money(text: str) -> None:
    assert list(find_money(text)) == []
