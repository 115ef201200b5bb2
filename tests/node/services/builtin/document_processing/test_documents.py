"""Pages are numbered and joined, and cut beyond all measure."""

import pytest

from node.services.builtin.document_processing import documents
from node.services.builtin.document_processing.documents import make_document


def test_pages_are_numbered_and_joined() -> None:
    document = make_document("text/plain", ["one", "", "three"], {}, [])
    assert [(page.number, page.characters) for page in document.pages] == [(1, 3), (2, 0), (3, 5)]
    assert document.text == "one\n\nthree"
    assert document.page_count == 3


def test_what_is_too_long_is_cut_and_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(documents, "MAX_CHARACTERS", 5)
    monkeypatch.setattr(documents, "MAX_PAGES", 2)
    cut = make_document("text/plain", ["abc", "defg", "h"], {}, [])
    assert [page.text for page in cut.pages] == ["abc", "de"]
    assert cut.page_count == 3
    assert len(cut.warnings) == 2
