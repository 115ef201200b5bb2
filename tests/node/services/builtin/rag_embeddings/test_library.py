"""The library on disk."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from node.services.builtin.rag_embeddings import library as module
from node.services.builtin.rag_embeddings.library import CollectionStats, Entry, Library, LibraryFull


@pytest.fixture
def library(tmp_path: Path) -> Iterator[Library]:
    opened = Library(tmp_path / "library.db")
    yield opened
    opened.close()


def test_documents_are_kept_replaced_and_deleted(library: Library) -> None:
    assert library.put("a", [Entry("1", "one", {"page": 3}), Entry("2", "two", {})]) == 0
    assert library.put("a", [Entry("2", "TWO", {}), Entry("3", "three", {})]) == 1
    assert library.get("a", ["2", "1", "9"]) == [Entry("2", "TWO", {}), Entry("1", "one", {"page": 3})]
    assert library.delete("a", "2") and not library.delete("a", "2")
    assert library.texts("a")[1] == [("1", "one"), ("3", "three")]


def test_the_same_id_twice_in_one_request_is_one_document(library: Library) -> None:
    assert library.put("a", [Entry("1", "old", {}), Entry("1", "new", {})]) == 0
    assert library.get("a", ["1"])[0].text == "new"


def test_collections_are_apart(library: Library) -> None:
    library.put("a", [Entry("1", "one", {})])
    library.put("b", [Entry("1", "uno", {}), Entry("2", "dos", {})])
    assert library.stats() == [CollectionStats("a", 1, 3), CollectionStats("b", 2, 6)]
    assert library.get("b", ["1"])[0].text == "uno"


def test_every_change_gives_a_new_version(library: Library) -> None:
    assert library.version("a") == 0
    library.put("a", [Entry("1", "one", {})])
    before = library.version("a")
    library.delete("a", "no such")
    assert library.version("a") == before > 0
    library.delete("a", "1")
    assert library.version("a") > before


def test_a_full_library_stores_nothing_of_the_request(library: Library, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_DOCUMENTS", 2)
    library.put("a", [Entry("1", "one", {})])
    with pytest.raises(LibraryFull, match="2 documents"):
        library.put("a", [Entry("2", "two", {}), Entry("3", "three", {})])
    assert [row[0] for row in library.texts("a")[1]] == ["1"]


def test_it_is_there_after_a_restart(tmp_path: Path) -> None:
    for number in range(3):
        opened = Library(tmp_path / "library.db")
        assert len(opened.texts("a")[1]) == number
        opened.put("a", [Entry(str(number), "text", {})])
        opened.close()
