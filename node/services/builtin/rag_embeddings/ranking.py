"""Scores documents against a question with BM25 (Robertson and Zaragoza, 2009), in Lucene's variant."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import bm25s
import numpy as np

from node.services.builtin.rag_embeddings.terms import terms_of

NOTHING = "\x00"  # stands in for a text without words: bm25s wants at least one


@dataclass(frozen=True, slots=True)
class Hit:
    """One document, by its place in the sequence that was indexed, and its score."""

    place: int
    score: float


class Index:
    """An immutable index over some texts."""

    def __init__(self, texts: Sequence[str]) -> None:
        self._size = len(texts)
        self._bm25 = bm25s.BM25(method="lucene")
        if texts:
            self._bm25.index([terms_of(text) or [NOTHING] for text in texts], show_progress=False)

    def rank(self, question: str, count: int) -> list[Hit]:
        """Return at most `count` documents that share a word with the question, the best first."""
        terms = sorted(set(terms_of(question)))
        if not terms or not self._size:
            return []
        scores = self._bm25.get_scores(terms)
        best = np.argsort(-scores, kind="stable")[:count]
        return [Hit(int(place), round(float(scores[place]), 6)) for place in best if scores[place] > 0]
