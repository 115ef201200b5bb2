"""Email addresses and phone numbers."""

from __future__ import annotations

import re
from collections.abc import Iterator

import phonenumbers

from node.services.builtin.ner_extraction.rules import Entity

REGION = "GB"
EMAIL = re.compile(
    r"(?<![A-Za-z0-9._%+'-])[A-Za-z0-9](?:[A-Za-z0-9._%+'-]{0,62}[A-Za-z0-9_+-])?@"
    r"(?:[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?\.){1,8}[A-Za-z]{2,24}(?![A-Za-z0-9-])"
)
PHONE = re.compile(
    r"(?<![\w.,£€$/-])(?:\+\d{1,3}[ ]?\(0\)[ ]?\d{2,12}|\+\d{1,15}|\(0\d{2,5}\)[ ]?\d{2,10}|0\d{2,14})"
    r"(?:[ .-]{1,2}\d{1,10}){0,5}(?!\w)"
)
CUT = re.compile(r"(?<=\d)(?=[ .-])")
MIN_DIGITS, MAX_NATIONAL, MAX_DIGITS = 9, 11, 17


def find_emails(text: str) -> Iterator[Entity]:
    """Yield email addresses; the value has its domain in lower case."""
    for match in EMAIL.finditer(text):
        if ".." in match[0]:
            continue
        local, _, domain = match[0].rpartition("@")
        value = f"{local}@{domain.lower()}"
        yield Entity(
            type="email", text=match[0], start=match.start(), end=match.end(), value=value, confidence=0.99
        )


def find_phones(text: str) -> Iterator[Entity]:
    """Yield UK and international numbers as E.164; a number that only could exist has a low confidence."""
    position = 0
    while (match := PHONE.search(text, position)) is not None:
        found = _longest_number(match[0])
        if found is None:
            position = match.start() + 2
            continue
        written, value, confidence = found
        position = match.start() + len(written)
        yield Entity(
            type="phone", text=written, start=match.start(), end=position, value=value, confidence=confidence
        )


def _longest_number(candidate: str) -> tuple[str, str, float] | None:
    """Return the longest beginning that is a number, since another number may follow after a space."""
    ends = [len(candidate), *(cut.start() for cut in reversed(list(CUT.finditer(candidate))))]
    national = not candidate.startswith(("+", "00"))
    possible: tuple[str, str, float] | None = None
    for end in ends:
        written = candidate[:end]
        digits = sum(letter.isdigit() for letter in written)
        if digits < MIN_DIGITS:
            break
        if digits > (MAX_NATIONAL if national else MAX_DIGITS):
            continue
        try:
            number = phonenumbers.parse(written, REGION)
        except phonenumbers.NumberParseException:
            continue
        value = phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)
        if phonenumbers.is_valid_number(number):
            return written, value, 0.95
        if possible is None and len(str(number.national_number)) >= 9 and phonenumbers.is_possible_number(number):
            possible = (written, value, 0.6)
    return possible
