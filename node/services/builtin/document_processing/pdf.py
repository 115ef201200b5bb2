"""Reads a PDF with PDFium. To be called from one thread of one process only: PDFium is not thread-safe."""

from __future__ import annotations

import re

import pypdfium2 as pdfium  # type: ignore[import-untyped]

from node.services.builtin.document_processing.documents import MAX_PAGES, Document, DocumentError, make_document

CONTENT_TYPE = "application/pdf"
HEAD = 1024  # bytes within which a PDF must begin (ISO 32000-1, annex H.3.4.1)
TAIL = 16 * 1024  # bytes within which it must end; some programs append junk
METADATA = {
    "Title": "title", "Author": "author", "Subject": "subject", "Keywords": "keywords", "Creator": "creator",
    "Producer": "producer", "CreationDate": "created", "ModDate": "modified",
}  # fmt: skip
REASONS = {
    3: ("broken", "The file is damaged or is not a PDF: it cannot be opened. Please export or download it again."),
    4: ("encrypted", "The PDF is protected with a password. Please remove the password and send it again."),
    5: (
        "encrypted",
        "The PDF is encrypted in a way that cannot be opened. Please print it to a new PDF first.",
    ),
}
PDF_DATE = re.compile(r"^D:(\d{4})(\d\d)?(\d\d)?(\d\d)?(\d\d)?(\d\d)?(Z|[+-]\d\d)?'?(\d\d)?")


def read_pdf(data: bytes) -> Document:
    """Return the text of every page; raise DocumentError."""
    check_outline(data)
    try:
        document = pdfium.PdfDocument(data)
    except pdfium.PdfiumError as error:
        raise DocumentError(*REASONS.get(error.err_code or 3, REASONS[3])) from None
    with document:
        count = len(document)
        if count == 0:
            raise DocumentError("broken", "The PDF has no pages that can be read. It is probably damaged.")
        warnings: list[str] = []
        texts = [_read_page(document, index, warnings) for index in range(min(count, MAX_PAGES))]
        texts += [""] * (count - len(texts))
        _warn_of_scans(texts[:MAX_PAGES], warnings)
        return make_document(CONTENT_TYPE, texts, _metadata(document), warnings)


def check_outline(data: bytes) -> None:
    """Refuse what is empty, not a PDF, or cut off: PDFium would repair the latter and silently lose pages."""
    if not data:
        raise DocumentError("empty", "The document is empty: no bytes arrived.")
    if b"%PDF-" not in data[:HEAD]:
        raise DocumentError("not-a-pdf", "The file is not a PDF: it does not begin like one.")
    if b"%%EOF" not in data[-TAIL:]:
        text = f"The PDF is cut off: after {len(data)} bytes its end is missing. Please send the whole file again."
        raise DocumentError("truncated", text)


def clean(text: str) -> str:
    """Give lines their usual ends, hyphens their usual sign, and drop what no text should hold."""
    text = text.replace("\r\n", "\n").replace("\r", "\n").replace("\x02", "-").replace("\ufffe", "-")
    text = "".join(letter for letter in text if letter >= " " or letter in "\n\t")
    text = text.encode("utf-8", "replace").decode()
    return "\n".join(line.rstrip() for line in text.split("\n")).strip("\n")


def iso_date(value: str) -> str:
    """Turn a PDF date (`D:20240312101500+01'00'`) into ISO 8601; keep anything else as it is."""
    match = PDF_DATE.match(value)
    if match is None:
        return value
    year, month, day, hour, minute, second, zone, zone_minutes = match.groups()
    date = "-".join(filter(None, (year, month, day)))
    if hour is None:
        return date
    offset = "" if zone is None else zone if zone == "Z" else f"{zone}:{zone_minutes or '00'}"
    return f"{date}T{hour}:{minute or '00'}:{second or '00'}{offset}"


def _read_page(document: pdfium.PdfDocument, index: int, warnings: list[str]) -> str:
    try:
        page = document[index]
        try:
            text_page = page.get_textpage()
            try:
                return clean(text_page.get_text_bounded())
            finally:
                text_page.close()
        finally:
            page.close()
    except pdfium.PdfiumError:
        warnings.append(f"Page {index + 1} is damaged and was left out.")
        return ""


def _warn_of_scans(texts: list[str], warnings: list[str]) -> None:
    empty = [str(number) for number, text in enumerate(texts, 1) if not text.strip()]
    if empty:
        pages = ", ".join(empty[:20]) + (", …" if len(empty) > 20 else "")
        warnings.append(f"No text on page {pages}: if it is a scan, the service vision-ocr can read it.")


def _metadata(document: pdfium.PdfDocument) -> dict[str, str]:
    found: dict[str, str] = {}
    for key, name in METADATA.items():
        value = clean(document.get_metadata_value(key) or "")[:1000]
        if value:
            found[name] = iso_date(value) if key.endswith("Date") else value
    return found
