"""Plain text, page by page."""

import pytest

from node.services.builtin.document_processing.documents import DocumentError
from node.services.builtin.document_processing.plain import read_plain


def test_a_form_feed_begins_a_page() -> None:
    document = read_plain("one\f£two".encode(), None)
    assert [page.text for page in document.pages] == ["one", "£two"]


def test_wide_encodings_are_text() -> None:
    assert read_plain("£5".encode("utf-16"), None).text == "£5"
    assert read_plain("£5".encode("utf-16-le"), "utf-16-le").text == "£5"


@pytest.mark.parametrize(("data", "code"), [(b"", "empty"), (b" \n ", "empty"), (b"a\x00b", "not-text")])
def test_refuses(data: bytes, code: str) -> None:
    with pytest.raises(DocumentError) as caught:
        read_plain(data, None)
    assert caught.value.code == code
