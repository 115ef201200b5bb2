"""Finds documents of the library; a collection's index is built when first asked for and after a change."""

from __future__ import annotations

import threading
from collections import OrderedDict
from dataclasses import dataclass

from node.services.builtin.rag_embeddings.library import Entry, Library
from node.services.builtin.rag_embeddings.ranking import Index

MAX_INDEXES = 16  # collections whose index is kept in memory


@dataclass(frozen=True, slots=True)
class Found:
    """A document and its score."""

    entry: Entry
    score: float


@dataclass(frozen=True, slots=True)
class _Indexed:
    version: int
    ids: list[str]
    index: Index


class Searcher:
    """Its methods block and may be called from any thread; one index is built at a time."""

    def __init__(self, library: Library) -> None:
        self._library = library
        self._indexes: OrderedDict[str, _Indexed] = OrderedDict()
        self._lock = threading.Lock()

    def search(self, collection: str, question: str, count: int) -> tuple[list[Found], int]:
        """Return the best documents and how many there are in all."""
        indexed = self._indexed(collection)
        scores = {indexed.ids[hit.place]: hit.score for hit in indexed.index.rank(question, count)}
        found = [Found(entry, scores[entry.id]) for entry in self._library.get(collection, scores)]
        return found, len(indexed.ids)

    def _indexed(self, collection: str) -> _Indexed:
        with self._lock:
            known = self._indexes.get(collection)
            if known is None or known.version != self._library.version(collection):
                version, rows = self._library.texts(collection)
                known = _Indexed(version, [row[0] for row in rows], Index([row[1] for row in rows]))
                self._indexes[collection] = known
            self._indexes.move_to_end(collection)
            while len(self._indexes) > MAX_INDEXES:
                self._indexes.popitem(last=False)
            return known
