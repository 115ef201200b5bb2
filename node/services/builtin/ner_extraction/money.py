"""Amounts of money: £1,234.56, GBP 20, 1.2k, 50p, 300 pounds, €1.234,56."""

from __future__ import annotations

import re
from collections.abc import Iterator
from decimal import Decimal

from node.services.builtin.ner_extraction.rules import Entity

NUMBER = r"\d{1,3}(?:,\d{3}){1,5}(?:\.\d{1,2})?|\d{1,3}(?:\.\d{3}){1,4},\d{2}|\d{1,12}(?:\.\d{1,4})?"
END = r"(?![.,]?\d)"
SCALE = r"(?P<scale>k|K|m|M|bn|[ ]?(?:thousand|million|billion|mn|bn))?(?![A-Za-z])"
SCALES = {"k": 10**3, "thousand": 10**3, "m": 10**6, "mn": 10**6, "million": 10**6, "bn": 10**9, "billion": 10**9}
CURRENCIES = {
    "£": "GBP", "gbp": "GBP", "pound": "GBP", "pounds": "GBP", "sterling": "GBP", "quid": "GBP",
    "€": "EUR", "eur": "EUR", "euro": "EUR", "euros": "EUR",
    "$": "USD", "usd": "USD", "dollar": "USD", "dollars": "USD",
}  # fmt: skip

BEFORE = re.compile(
    r"(?<![\w£€$])(?P<sign>[-−])?(?P<currency>[£€$]|(?:GBP|EUR|USD)(?![A-Za-z]))[ ]?"
    rf"(?P<number>{NUMBER}){END}{SCALE}"
)
AFTER = re.compile(
    rf"(?<![\w.,£€$-])(?P<number>{NUMBER}){END}{SCALE}[ ]?"
    r"(?P<currency>GBP|EUR|USD|€|(?i:pounds?(?: sterling)?|sterling|quid|euros?|dollars?))(?!\w)"
)
PENCE = re.compile(r"(?<![\w.,£€$-])(?P<number>\d{1,4})[ ]?(?:p|pence)(?!\w)")
THOUSANDS = re.compile(r"(?<![\w.,£€$-])(?P<number>\d{1,4}(?:\.\d{1,2})?)k(?!\w)")


def find_money(text: str) -> Iterator[Entity]:
    """Yield amounts; `value` is a decimal number with two places, in the currency that is said or in pounds."""
    for pattern, confidence in ((BEFORE, 0.99), (AFTER, 0.95)):
        for match in pattern.finditer(text):
            currency = CURRENCIES[match["currency"].lower().split()[0]]
            amount = _amount(match["number"]) * _scale(match["scale"])
            negative = pattern is BEFORE and match["sign"] is not None
            yield _money(match, -amount if negative else amount, currency, confidence)
    for match in PENCE.finditer(text):
        yield _money(match, Decimal(match["number"]) / 100, "GBP", 0.8)
    for match in THOUSANDS.finditer(text):
        yield _money(match, _amount(match["number"]) * 1000, "GBP", 0.5)


def _amount(number: str) -> Decimal:
    if "," in number and number.rfind(",") > number.rfind(".") and "." in number:  # 1.234,56
        return Decimal(number.replace(".", "").replace(",", "."))
    return Decimal(number.replace(",", ""))


def _scale(scale: str | None) -> int:
    return SCALES[scale.strip().lower()] if scale else 1


def _money(match: re.Match[str], amount: Decimal, currency: str, confidence: float) -> Entity:
    return Entity(
        type="money",
        text=match[0],
        start=match.start(),
        end=match.end(),
        value=f"{amount:.2f}",
        confidence=confidence,
        currency=currency,
    )
