"""Reads amounts out of one statement: what each is for, how often it comes, to whom it is owed."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from itertools import pairwise
from typing import Literal

from node.services.builtin.notes_coa.mentions import Mention, within
from node.services.builtin.notes_coa.notes import Statement

Period = Literal["week", "fortnight", "four weeks", "month", "quarter", "year"]

PER_YEAR: dict[Period, int] = {"week": 52, "fortnight": 26, "four weeks": 13, "month": 12, "quarter": 4, "year": 1}
EACH = r"(?:per|a|each|every)"
WRITTEN: dict[Period, str] = {  # in the order in which they are looked for
    "four weeks": r"(?:every |per )?(?:4|four)[ -]?week(?:s|ly)\b",
    "fortnight": rf"(?:{EACH} )?fortnight(?:ly)?\b|every (?:2|two) weeks\b",
    "week": rf"{EACH} week\b|weekly\b|p\.?/?w\b\.?",
    "quarter": rf"{EACH} quarter\b|quarterly\b",
    "month": rf"{EACH} (?:calendar )?month\b|monthly\b|p\.?/?c?\.?m\b\.?",
    "year": rf"{EACH} year\b|(?:yearly|annually|annual|per annum)\b|p\.?/?a\b\.?",
}
SLASHED: dict[Period, str] = {"week": r"/ ?w(?:ee)?k\b", "month": r"/ ?m(?:on)?th\b", "year": r"/ ?y(?:ea)?r\b"}
PERIODS: dict[Period, re.Pattern[str]] = {
    period: re.compile(rf"\b(?:{words})|{SLASHED.get(period, '(?!)')}", re.IGNORECASE)
    for period, words in WRITTEN.items()
}
SEPARATOR = re.compile(r";|,(?!\d)|\s\+\s|\s(?:and|plus)\s", re.IGNORECASE)
LABEL = re.compile(
    r"[(\[]?\b(?:(?:our|your|their|account|acct|acc|a/c|customer|card|agreement|case|invoice|policy|loan)[ ])?"
    r"(?:ref(?:erence)?|number|no|a/c|account|acct|id|ending(?: in)?)\b\.?[ :#]{0,3}$",
    re.IGNORECASE,
)
EDGE_WORDS = (
    r"a|about|also|an|and|approx|approximately|are|around|at|balance|be|been|being|by|client|client's|currently|due|"
    r"for|from|gets|getting|had|has|have|he|her|his|in|is|it|just|of|on|or|outstanding|owe|owed|owes|owing|paid|pay|"
    r"paying|pays|receives|receiving|roughly|she|since|still|that|the|their|them|there|they|to|totalling|was|were|with"
)
EDGES = re.compile(rf"^(?:(?:{EDGE_WORDS})\b[\s:]*)+", re.IGNORECASE)
TAIL = re.compile(rf"(?:[\s:]+(?:{EDGE_WORDS}))+$", re.IGNORECASE)
FRINGE = " \t,;:.-–—=()[]*/&+"
EARNING = frozenset({"earns", "earning", "earned", "i earn"})
MAX_WORDS = 120  # characters of a description
MAX_SEARCHED = 300  # characters before or after an amount in which it is described


@dataclass(frozen=True, slots=True)
class Amount:
    """One amount of a statement: the words before and after it, a reference near it, and its period if said."""

    before: str
    after: str
    amount: Decimal
    currency: str
    reference: str | None
    period: Period | None

    @property
    def words(self) -> str:
        """What the amount is for: the words before it, else those after."""
        words = self.before or self.after
        return "Wages" if words.lower() in EARNING else words


def amounts_of(statement: Statement, mentions: Sequence[Mention]) -> list[Amount]:
    """Return the amounts in the order of the text; a list such as `rent £600, food £300` gives one for each."""
    money = within(mentions, statement.start, statement.end, "money")
    return [
        _amount(start, end, one, statement, mentions) for (start, end), one in _shares(statement, money, mentions)
    ]


def monthly(amount: Decimal, period: Period) -> Decimal:
    return (amount * PER_YEAR[period] / 12).quantize(Decimal("0.01"), ROUND_HALF_UP)


def period_of(text: str) -> Period | None:
    return next((period for period, pattern in PERIODS.items() if pattern.search(text)), None)


def _shares(
    statement: Statement, money: Sequence[Mention], mentions: Sequence[Mention]
) -> list[tuple[tuple[int, int], Mention]]:
    """Give each amount its share of the statement."""
    cuts: list[int] = []
    for left, right in pairwise(money):
        references = within(mentions, left.end, right.start, "reference")
        start = references[-1].end if references else left.end
        cuts.append(start + _cut(statement.text[start - statement.start : right.start - statement.start]))
    starts, ends = [statement.start, *cuts], [*cuts, statement.end]
    return [((start, end), one) for start, end, one in zip(starts, ends, money, strict=False)]


def _cut(between: str) -> int:
    """Return where the words of the next amount begin: after the last comma, else after the first `and`."""
    separators = [cut for cut in SEPARATOR.finditer(between) if re.search(r"[A-Za-z]{2}", between[cut.end() :])]
    marks = [cut for cut in separators if cut[0] in ",;"]
    chosen = marks[-1:] or separators[:1]
    return chosen[0].end() if chosen else 0


def _amount(start: int, end: int, money: Mention, statement: Statement, mentions: Sequence[Mention]) -> Amount:
    references = within(mentions, start, end, "reference")
    text = statement.text[start - statement.start : end - statement.start]
    known = [one for kind in ("reference", "date", "money") for one in within(mentions, start, end, kind)]
    before = _words(statement, max(start, money.start - MAX_SEARCHED), money.start, known)
    after = _words(statement, money.end, min(end, money.end + MAX_SEARCHED), known)
    return Amount(
        before=before,
        after=after,
        amount=Decimal(money.value),
        currency=money.currency or "GBP",
        reference=references[0].text if references else None,
        period=period_of(text),
    )


def _words(statement: Statement, start: int, end: int, known: Sequence[Mention]) -> str:
    """Return the words between two places without entities, their labels, periods and filler at the edges."""
    text, position = "", start
    for one in sorted(known, key=lambda mention: mention.start):
        if position <= one.start and one.end <= end:
            text += LABEL.sub("", statement.text[position - statement.start : one.start - statement.start]) + " "
            position = one.end
    text += statement.text[position - statement.start : end - statement.start]
    for pattern in PERIODS.values():
        text = pattern.sub(" ", text)
    text = " ".join(text.split()).strip(FRINGE)
    text = TAIL.sub("", EDGES.sub("", text)).strip(FRINGE)
    text = re.sub(r"\s*\(\s*\)|\(\s*$", "", text)
    return (text[:1].upper() + text[1:])[:MAX_WORDS].strip()
