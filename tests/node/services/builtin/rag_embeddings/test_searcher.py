"""Search in the kept library, with indexes that follow its changes."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from node.services.builtin.rag_embeddings import searcher as module
from node.services.builtin.rag_embeddings.library import Entry, Library
from node.services.builtin.rag_embeddings.ranking import Index
from node.services.builtin.rag_embeddings.searcher import Searcher


@pytest.fixture
def library(tmp_path: Path) -> Iterator[Library]:
    opened = Library(tmp_path / "library.db")
    yield opened
    opened.close()


def ids(searcher: Searcher, collection: str, question: str) -> list[str]:
    return [found.entry.id for found in searcher.search(collection, question, 5)[0]]


def test_changes_are_found_at_once(library: Library) -> None:
    searcher = Searcher(library)
    assert searcher.search("a", "bailiffs", 5) == ([], 0)
    library.put("a", [Entry("1", "bailiffs at the door", {})])
    assert ids(searcher, "a", "bailiffs") == ["1"]
    library.put("a", [Entry("1", "breathing space", {}), Entry("2", "bailiffs again", {})])
    assert ids(searcher, "a", "bailiffs") == ["2"]
    library.delete("a", "2")
    assert ids(searcher, "a", "bailiffs") == []


def test_an_index_is_built_once(library: Library, monkeypatch: pytest.MonkeyPatch) -> None:
    built: list[int] = []

    def counting(texts: list[str]) -> Index:
        built.append(len(texts))
        return Index(texts)

    monkeypatch.setattr(module, "Index", counting)
    searcher = Searcher(library)
    library.put("a", [Entry("1", "bailiffs", {})])
    for _ in range(3):
        ids(searcher, "a", "bailiffs")
    assert built == [1]


def test_few_indexes_are_kept(library: Library, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_INDEXES", 2)
    searcher = Searcher(library)
    for name in "abcd":
        library.put(name, [Entry(name, "bailiffs", {})])
        assert ids(searcher, name, "bailiffs") == [name]
    assert len(searcher._indexes) == 2
