"""The visible text of a web page, with its line breaks."""

import pytest

from node.services.builtin.document_processing.documents import DocumentError
from node.services.builtin.document_processing.html import read_html

PAGE = """<!doctype html><html><head><title>Your &amp; account</title><meta name="Author" content="Northmoor">
<style>p { color: red }</style></head><body><h1>Statement</h1><p>Dear <b>Ms</b> Hale,<br>you owe&nbsp;£5.</p>
<script>alert("no")</script><table><tr><td>Rent</td><td>£600</td></tr></table><ul><li>one<li>two</ul></body></html>"""


def test_reads_text_and_metadata() -> None:
    document = read_html(PAGE.encode(), None)
    assert "Statement\n" in document.text
    assert "Dear Ms Hale,\nyou owe £5." in document.text
    assert "Rent £600" in " ".join(document.text.split())
    assert "alert" not in document.text and "color" not in document.text
    assert document.metadata == {"title": "Your & account", "author": "Northmoor"}


def test_lines_break_where_a_browser_breaks_them() -> None:
    assert read_html(b"<p>one\ntwo</p><p>three<pre>four\nfive</pre>", None).text == "one two\n\nthree\nfour\nfive"


def test_the_declared_charset_counts() -> None:
    assert read_html("<p>£5</p>".encode("cp1252"), "windows-1252").text == "£5"
    assert read_html(b'<meta charset="iso-8859-1"><p>\xa35</p>', None).text == "£5"


def test_no_visible_text_is_said() -> None:
    assert read_html(b"<div></div>", None).warnings == ("The page has no visible text.",)


def test_an_empty_body_is_refused() -> None:
    with pytest.raises(DocumentError, match="empty"):
        read_html(b" \n", None)


def test_deep_nesting_is_read() -> None:
    assert read_html(b"<div>" * 20_000 + b"deep", None).text == "deep"
