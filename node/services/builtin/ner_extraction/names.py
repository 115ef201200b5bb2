"""Names of people: after a title, or after a label such as `Client:` at the beginning of a line."""

from __future__ import annotations

import re
from collections.abc import Iterator

from node.services.builtin.ner_extraction.rules import Entity

TITLES = ("Mr", "Mrs", "Ms", "Miss", "Mx", "Dr", "Prof", "Professor", "Sir", "Dame", "Lady", "Lord", "Rev", "Cllr")
TITLE_WORDS = "|".join(f"{title}|{title.upper()}" for title in TITLES)
TITLE = re.compile(
    rf"(?<!\w)(?P<title>(?:{TITLE_WORDS})\b\.?(?:[ ](?:and|&|or)[ ](?:{TITLE_WORDS})\b\.?)?)[ \t]{{1,2}}"
)
LABEL = re.compile(
    r"^[ \t*-]{0,4}(?:client|client name|name|full name|customer|customer name|applicant|partner|client's name)"
    r"[ \t]{0,2}:[ \t]{0,2}",
    re.IGNORECASE | re.MULTILINE,
)
WORD = re.compile(r"[^\W\d_]+(?:['’-][^\W\d_]+){0,3}")
INITIALS = re.compile(r"(?:[^\W\d_]\.){1,4}|[^\W\d_](?![\w'’-])")
GAP = re.compile(r"[ \t]{1,2}")
PARTICLES = frozenset(
    {"de", "da", "di", "del", "della", "la", "le", "van", "von", "der", "den", "bin", "al", "el", "ap"}
)
NOT_NAMES = """
account address adviser and april august balance bank card case client council court date dear debt december
email england february for friday from has he her his i if in is january july june letter ltd march may mobile
monday my national ni november number october of on our owes payment phone plc please postcode re ref reference
regards saturday says scotland september she street sunday tel telephone thank the their they this thursday to
tuesday wales was we wednesday who with yours your
"""
NEVER = frozenset(NOT_NAMES.split())
MAX_WORDS = 5
MAX_WORD = 40


def find_people(text: str) -> Iterator[Entity]:
    """Yield people; the value is the name without its title."""
    for match in TITLE.finditer(text):
        end, words = _read_name(text, match.end())
        if words:
            confidence = 0.95 if len(words) > 1 else 0.9
            name = text[match.end() : end]
            yield _person(text[match.start() : end], match.start(), name, confidence, match["title"])
    for match in LABEL.finditer(text):
        end, words = _read_name(text, match.end())
        if len(words) > 1:
            name = text[match.end() : end]
            yield _person(name, match.end(), name, 0.75)


def _person(text: str, start: int, name: str, confidence: float, title: str | None = None) -> Entity:
    return Entity(
        type="person",
        text=text,
        start=start,
        end=start + len(text),
        value=re.sub(r"[ \t]+", " ", name),
        confidence=confidence,
        title=title.replace(".", "") if title else None,
    )


def _read_name(text: str, position: int) -> tuple[int, list[str]]:
    """Return where the name ends and its words: initials, particles and capitalised words, with a surname last."""
    words: list[str] = []
    end = start = position
    while len(words) < MAX_WORDS:
        match = INITIALS.match(text, start) or WORD.match(text, start)
        if match is None or not _may_be_name(match[0]):
            break
        words.append(match[0])
        if len(match[0].rstrip(".")) > 1 and "." not in match[0] and match[0].lower() not in PARTICLES:
            end, complete = match.end(), len(words)
        gap = GAP.match(text, match.end())
        if gap is None:
            break
        start = gap.end()
    return (end, words[:complete]) if end > position else (position, [])


def _may_be_name(word: str) -> bool:
    if len(word) > MAX_WORD or word.lower() in NEVER:
        return False
    return word[0].isupper() or word in PARTICLES or word[:2] in ("d'", "d’", "O'", "O’")
