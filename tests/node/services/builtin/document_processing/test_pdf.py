"""Real PDFs, and files that only look like some."""

from pathlib import Path

import pytest

from node.services.builtin.document_processing.documents import DocumentError
from node.services.builtin.document_processing.pdf import clean, iso_date, read_pdf
from tests.support.builtin_services import DEMO, make_pdf

LETTER = (DEMO / "debt-letter.pdf").read_bytes()
ENCRYPTED = Path(__file__).with_name("encrypted.pdf").read_bytes()


def test_reads_the_demonstration_letter() -> None:
    document = read_pdf(LETTER)
    assert document.page_count == 3
    first, second, third = (page.text for page in document.pages)
    assert "Dear Mrs O'Neill-Hart," in first and "£4,310.77" in first
    assert "Statement of account" in second and "01/10/2024 Balance brought forward £3,912.40" in second
    assert "Household budget" in third
    assert document.metadata["title"] == "Northmoor Finance: default notice and statement"
    assert document.metadata["author"] == "Northmoor Finance Ltd"
    assert document.warnings == ()


def test_a_page_without_text_is_said() -> None:
    document = read_pdf(make_pdf("Hello", ""))
    assert [page.text for page in document.pages] == ["Hello", ""]
    assert "page 2" in document.warnings[0] and "vision-ocr" in document.warnings[0]


@pytest.mark.parametrize(
    ("data", "code", "words"),
    [
        (b"", "empty", "no bytes arrived"),
        (b"hello", "not-a-pdf", "does not begin like one"),
        (b"\x89PNG" * 1000, "not-a-pdf", "does not begin like one"),
        (LETTER[: len(LETTER) // 2], "truncated", "its end is missing"),
        (LETTER[:-20], "truncated", "its end is missing"),
        (ENCRYPTED, "encrypted", "password"),
        (b"%PDF-1.7\n" + b"junk " * 100 + b"%%EOF", "broken", "damaged"),
    ],
)
def test_says_why_it_cannot_read(data: bytes, code: str, words: str) -> None:
    with pytest.raises(DocumentError) as caught:
        read_pdf(data)
    assert caught.value.code == code and words in caught.value.reason


def test_any_damage_is_a_document_or_a_reason() -> None:
    for place in range(0, len(LETTER), 37):
        damaged = LETTER[:place] + b"\xff\x00\xff\x00" + LETTER[place + 4 :]
        try:
            document = read_pdf(damaged)
        except DocumentError as error:
            assert error.code in ("broken", "not-a-pdf", "truncated")
        else:
            assert document.page_count >= 1


@pytest.mark.parametrize(
    ("written", "iso"),
    [
        ("D:20240312101500+01'00'", "2024-03-12T10:15:00+01:00"),
        ("D:20240312101500Z", "2024-03-12T10:15:00Z"),
        ("D:20240312", "2024-03-12"),
        ("yesterday", "yesterday"),
    ],
)
def test_dates_become_iso(written: str, iso: str) -> None:
    assert iso_date(written) == iso


def test_text_is_cleaned() -> None:
    assert clean("a \r\nwell\x02\r\nknown\x00\ufffe\n\n") == "a\nwell-\nknown-"
