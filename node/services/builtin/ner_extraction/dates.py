"""Dates as people in the UK write them; day first, and ISO 8601 out."""

from __future__ import annotations

import datetime
import re
from collections.abc import Iterator

from node.services.builtin.ner_extraction.rules import Entity

MONTHS = (
    "january", "february", "march", "april", "may", "june", "july", "august", "september", "october", "november",
    "december",
)  # fmt: skip
NAMES = "|".join([*MONTHS, "sept", *(month[:3] for month in MONTHS if month != "may")])
CAPITAL = "|".join(
    f"{name.capitalize()}|{name.upper()}" for name in [*MONTHS, "sept", *(m[:3] for m in MONTHS if m != "may")]
)
PIVOT = 70  # a two-digit year from here on is in the last century
YEARS = range(1900, 2101)

NUMERIC = re.compile(
    r"(?<![\w/.-])(?P<day>\d{1,2})(?P<mark>[/.-])(?P<month>\d{1,2})(?P=mark)(?P<year>\d{4}|\d{2})(?![\w/-]|\.\d)"
)
ISO = re.compile(r"(?<![\w/-])(?P<year>\d{4})(?P<mark>[-/])(?P<month>\d\d)(?P=mark)(?P<day>\d\d)(?![\d/-])")
DAY_FIRST = re.compile(
    rf"(?<![\w/.,£€$-])(?P<day>\d{{1,2}})(?:st|nd|rd|th)?(?:\s{{1,2}}day)?(?:\s{{1,2}}of)?[\s-]{{1,2}}"
    rf"(?P<month>{NAMES})\b(?:\.?,?[\s-]{{1,2}}'?(?P<year>\d{{4}}|\d\d)(?![\w:]|[.,/-]\d))?",
    re.IGNORECASE,
)
MONTH_FIRST = re.compile(
    rf"\b(?P<month>{CAPITAL})\b\.?\s{{1,2}}(?P<day>\d{{1,2}})(?:st|nd|rd|th)?(?:,?\s{{1,2}}(?P<year>\d{{4}}))?(?![\w:/])"
)
MONTH_YEAR = re.compile(rf"\b(?P<month>{CAPITAL})\b\.?,?\s{{1,2}}(?P<year>\d{{4}})(?!\w)")


def find_dates(text: str) -> Iterator[Entity]:
    """Yield dates; without a year the value is `--MM-DD`, without a day `YYYY-MM` (ISO 8601)."""
    for match in NUMERIC.finditer(text):
        day, month, year = int(match["day"]), int(match["month"]), _year(match["year"])
        swapped = month > 12 >= day
        if swapped:  # only the American order makes sense
            day, month = month, day
        yield from _date(match, year, month, day, 0.7 if swapped else 0.95)
    for match in ISO.finditer(text):
        yield from _date(match, int(match["year"]), int(match["month"]), int(match["day"]), 0.99)
    for pattern in (DAY_FIRST, MONTH_FIRST):
        for match in pattern.finditer(text):
            stated = _year(match["year"]) if match["year"] else None
            confidence = 0.7 if stated is None else 0.99
            yield from _date(match, stated, _month(match["month"]), int(match["day"]), confidence)
    for match in MONTH_YEAR.finditer(text):
        if int(match["year"]) in YEARS:
            yield _entity(match, f"{match['year']}-{_month(match['month']):02}", 0.8)


def _date(match: re.Match[str], year: int | None, month: int, day: int, confidence: float) -> Iterator[Entity]:
    """Yield nothing for a day that no calendar has; a leap year stands in for an unknown one."""
    try:
        date = datetime.date(2024 if year is None else year, month, day)
    except ValueError:
        return
    if date.year in YEARS:
        value = date.isoformat() if year is not None else f"--{month:02}-{day:02}"
        yield _entity(match, value, confidence)


def _entity(match: re.Match[str], value: str, confidence: float) -> Entity:
    return Entity(
        type="date", text=match[0], start=match.start(), end=match.end(), value=value, confidence=confidence
    )


def _month(name: str) -> int:
    return next(number for number, month in enumerate(MONTHS, 1) if month.startswith(name[:3].lower()))


def _year(digits: str) -> int:
    year = int(digits)
    if len(digits) == 4:
        return year
    return year + (1900 if year >= PIVOT else 2000)
