"""Cuts an adviser's notes into statements and says what each is about: by its heading, else by its words."""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

Topic = Literal["client", "situation", "income", "expenditure", "debts", "options", "advice", "actions"]

NAMES: dict[Topic, str] = {
    "client": "client, client details, client name, name, adviser, advisor, date, date of appointment, "
    "appointment, address, personal details, contact, phone, email, reference, ref, case ref, "
    "case reference, ni number",
    "situation": "circumstances, situation, background, summary, household, notes, vulnerability, health",
    "income": "income, monthly income, weekly income, money in",
    "expenditure": "expenditure, outgoings, spending, expenses, monthly expenditure, monthly outgoings, bills, "
    "money out, essential spending",
    "debts": "debts, debt, creditors, owes, priority debts, non-priority debts, non priority debts, liabilities",
    "options": "options, options discussed, debt options",
    "advice": "advice, advice given, our advice, recommendation, recommendations, recommended, advised",
    "actions": "actions, action, action plan, next steps, agreed, agreed actions, to do, follow up, follow-up",
}
HEADINGS: dict[str, Topic] = {name: topic for topic, names in NAMES.items() for name in names.split(", ")}

# What a sentence without a heading is about: the first of these that it has a word of.
WORDS: dict[Topic, str] = {
    "advice": r"advised?|recommend(?:ed)?|suggested|told (?:him|her|them|client)",
    "actions": r"(?:will|to) (?:send|call|ring|apply|complete|bring|contact|write|phone|return|gather|submit|check|"
    r"provide|post|email|open|set up|claim)|agreed to|action",
    "debts": r"owes?|owed|owing|debts?|arrears|overdraft|loan|credit cards?|catalogue|ccj|default(?:ed)?|"
    r"overpayment|parking fines?|payday|bailiffs?|store card",
    "options": r"options?|discussed|considered|eligible|dro|iva|dmp|bankruptcy|breathing space|debt relief order|"
    r"debt management plan",
    "income": r"income|wages?|salary|earns?|earning|paid|pension|universal credit|uc|pip|esa|jsa|dla|child benefit|"
    r"carer'?s allowance|benefits?|maintenance received|tax credits?",
    "expenditure": r"rent|mortgage|council tax|food|housekeeping|groceries|gas|electric(?:ity)?|energy|water|phone|"
    r"mobile|broadband|internet|tv licence|travel|bus|petrol|fuel|car|insurance|childcare|school|clothing|"
    r"outgoings|spends?|bills?|pays",
}
PATTERNS: dict[Topic, re.Pattern[str]] = {
    topic: re.compile(rf"\b(?:{words})\b", re.IGNORECASE) for topic, words in WORDS.items()
}
NEEDS_MONEY: frozenset[Topic] = frozenset({"debts", "income", "expenditure"})

HEADING = re.compile(r"^[\s#*_=-]{0,8}(?P<name>[A-Za-z][A-Za-z /-]{1,30}?)[ \t*_]{0,4}(?::[*_ \t]{0,4}|$)")
BULLET = re.compile(r"^[ \t]{0,20}(?:[-*•–·]|\d{1,2}[.)])?[ \t]{1,20}|^[-*•–·]")
SENTENCE_END = re.compile(r"(?<!\bMr)(?<!\bMrs)(?<!\bMs)(?<!\bDr)(?<!\bNo)(?<!\bRef)(?<!\b[A-Z])[.!?]\s+(?=[A-Z£])")


@dataclass(frozen=True, slots=True)
class Statement:
    """One piece of the notes, what it is about, and the heading that it stood under, if any."""

    start: int
    end: int
    text: str
    topic: Topic
    heading: str = ""


def statements(notes: str, money: Sequence[tuple[int, int]]) -> list[Statement]:
    """Cut the notes; `money` are the places of amounts, by which a list of them is told from a sentence."""
    found: list[Statement] = []
    topic: Topic | None = None
    heading = ""
    for start, line in _lines(notes):
        named = heading_of(line)
        skipped = 0
        if named is not None:
            topic, heading, skipped = named
        for piece_start, piece in _pieces(start + skipped, line[skipped:], headed=topic is not None):
            about = topic or topic_of(piece, has_money=_any_within(money, piece_start, piece_start + len(piece)))
            found.append(Statement(piece_start, piece_start + len(piece), piece, about, heading))
        if topic == "client":  # such a heading is for its own line only
            topic, heading = None, ""
    return found


def heading_of(line: str) -> tuple[Topic, str, int] | None:
    """Return a line's topic, heading and how much of the line that is; None where it has no known heading."""
    match = HEADING.match(line)
    if match is None:
        return None
    name = " ".join(match["name"].lower().split())
    topic = HEADINGS.get(name)
    return (topic, name, match.end()) if topic is not None else None


def topic_of(text: str, *, has_money: bool) -> Topic:
    """Guess what a sentence is about; what is about money needs an amount."""
    for topic, pattern in PATTERNS.items():
        if (has_money or topic not in NEEDS_MONEY) and pattern.search(text):
            return topic
    return "situation"


def _lines(notes: str) -> Iterator[tuple[int, str]]:
    start = 0
    for line in notes.splitlines(keepends=True):
        yield start, line.rstrip("\r\n\x0b\x0c\x1c\x1d\x1e\x85\u2028\u2029")
        start += len(line)


def _pieces(start: int, line: str, *, headed: bool) -> Iterator[tuple[int, str]]:
    """Cut a line into sentences, or take it whole where it is an item below a heading."""
    bullet = BULLET.match(line)
    begin = bullet.end() if bullet else 0
    cuts = [] if headed and bullet else [match.start() + 1 for match in SENTENCE_END.finditer(line, begin)]
    for left, right in zip([begin, *cuts], [*cuts, len(line)], strict=True):
        piece = line[left:right]
        text = piece.strip()
        if any(letter.isalnum() for letter in text):
            yield start + left + len(piece) - len(piece.lstrip()), text


def _any_within(places: Sequence[tuple[int, int]], start: int, end: int) -> bool:
    """Say whether one of the places, which are in their order, lies between two others."""
    first = bisect_left(places, (start, start))
    return first < len(places) and places[first][1] <= end
