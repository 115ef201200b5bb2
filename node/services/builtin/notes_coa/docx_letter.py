"""Writes a letter's blocks as a DOCX file."""

from __future__ import annotations

import datetime
import io
from collections.abc import Iterable

import docx
from docx.document import Document
from docx.enum.text import WD_ALIGN_PARAGRAPH
from docx.shared import Cm, Pt

from node.services.builtin.notes_coa.blocks import Block, Bullets, Heading, Paragraph, Table, is_amount

CONTENT_TYPE = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"
FONT = "Arial"
SIZE = 11  # points


def to_docx(blocks: Iterable[Block], title: str, author: str, today: datetime.date) -> bytes:
    """Return the file's bytes: A4, a plain font, real headings, lists and tables for screen readers."""
    document = docx.Document()
    _set_up(document, title, author, today)
    for block in blocks:
        _add(document, block)
    buffer = io.BytesIO()
    document.save(buffer)
    return buffer.getvalue()


def _set_up(document: Document, title: str, author: str, today: datetime.date) -> None:
    section = document.sections[0]
    section.page_width, section.page_height = Cm(21.0), Cm(29.7)
    section.left_margin = section.right_margin = Cm(2.5)
    section.top_margin = section.bottom_margin = Cm(2.2)
    style = document.styles["Normal"]
    style.font.name, style.font.size = FONT, Pt(SIZE)
    properties = document.core_properties
    properties.title, properties.author, properties.language = title[:255], author[:255], "en-GB"
    properties.created = properties.modified = datetime.datetime.combine(today, datetime.time(12))
    properties.comments = ""


def _add(document: Document, block: Block) -> None:
    if isinstance(block, Heading):
        heading = document.add_heading(block.text, level=2)
        for run in heading.runs:
            run.font.name = FONT
    elif isinstance(block, Paragraph):
        paragraph = document.add_paragraph()
        for number, text in enumerate(block.lines):
            if number:
                paragraph.add_run().add_break()
            paragraph.add_run(text)
    elif isinstance(block, Bullets):
        for item in block.items:
            document.add_paragraph(item, style="List Bullet")
    else:
        _add_table(document, block)


def _add_table(document: Document, block: Table) -> None:
    table = document.add_table(rows=len(block.rows), cols=len(block.rows[0]), style="Light Grid Accent 1")
    for row, texts in zip(table.rows, block.rows, strict=True):
        for cell, text in zip(row.cells, texts, strict=True):
            cell.text = text
            if is_amount(text):
                cell.paragraphs[0].alignment = WD_ALIGN_PARAGRAPH.RIGHT
    document.add_paragraph()
