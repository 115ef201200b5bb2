"""Chooses which of a key's entries go into one datagram: news, the least loaded more often, and only what fits."""

from __future__ import annotations

import random
from collections.abc import Container, Sequence

from node.dht.messages import mark_of
from node.dht.verifier import Checked

HEADER_BYTES = 3  # of MessagePack around each entry


def sample(
    entries: Sequence[Checked], room: int, rng: random.Random, known: Container[bytes] = frozenset()
) -> list[Checked]:
    """Return entries of at most `room` bytes together.

    Tombstones, and after them entries whose marks are `known`, are among them only where the others leave room.
    Weighted sampling without replacement (Efraimidis and Spirakis 2006): the entries with the largest
    u^(1/weight) are drawn, which is one pass and needs no sums.
    """
    if sum(size(entry) for entry in entries) <= room:
        return list(entries)
    ranked = sorted(entries, key=lambda entry: _draw(entry, rng, known), reverse=True)
    chosen = []
    for entry in ranked:
        if size(entry) <= room:
            room -= size(entry)
            chosen.append(entry)
    return chosen


def weight(load: float) -> float:
    """Return how likely an entry is drawn relative to others: 1 when idle, about 1/20 when full."""
    return 1.05 - min(max(load, 0.0), 1.0)


def size(entry: Checked) -> int:
    return len(entry.data) + HEADER_BYTES


def _draw(entry: Checked, rng: random.Random, known: Container[bytes]) -> tuple[bool, bool, float]:
    return mark_of(entry.data) not in known, entry.payload is not None, rng.random() ** (1 / weight(entry.load))
