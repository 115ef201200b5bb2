"""Runs every rule over a text and settles overlaps."""

from __future__ import annotations

from collections import Counter

import msgspec

from node.services.builtin.ner_extraction.contacts import find_emails, find_phones
from node.services.builtin.ner_extraction.dates import find_dates
from node.services.builtin.ner_extraction.identifiers import (
    find_ni_numbers,
    find_postcodes,
    find_references,
    find_sort_codes,
)
from node.services.builtin.ner_extraction.money import find_money
from node.services.builtin.ner_extraction.names import find_people
from node.services.builtin.ner_extraction.rules import Entity, EntityType, Rule, settle

RULES: dict[EntityType, Rule] = {
    "email": find_emails,
    "ni_number": find_ni_numbers,
    "postcode": find_postcodes,
    "money": find_money,
    "sort_code": find_sort_codes,
    "date": find_dates,
    "reference": find_references,
    "phone": find_phones,
    "person": find_people,
}


class Extraction(msgspec.Struct, frozen=True, kw_only=True):
    """What one text holds; `text_length` counts Unicode characters."""

    entities: list[Entity]
    counts: dict[str, int]
    text_length: int


def extract(text: str, types: frozenset[EntityType] | None = None) -> Extraction:
    """Find the entities of the wanted types, or of all. Overlaps are settled among all types first."""
    entities = settle(entity for rule in RULES.values() for entity in rule(text))
    if types is not None:
        entities = [entity for entity in entities if entity.type in types]
    counts = Counter[str](entity.type for entity in entities)
    return Extraction(entities=entities, counts=dict(sorted(counts.items())), text_length=len(text))
