"""The DOCX is one that a word processor opens: headings, lists and tables are real."""

import datetime
import io

import docx

from node.services.builtin.notes_coa.blocks import Bullets, Heading, Paragraph, Table
from node.services.builtin.notes_coa.docx_letter import to_docx

BLOCKS = (
    Paragraph(("Dear Ms Hale,", "second line")),
    Heading("Your debts"),
    Bullets(("one & <two>",)),
    Table((("Who", "Amount"), ("Lloyds", "£400.00"))),
)


def test_every_block_is_there() -> None:
    made = docx.Document(io.BytesIO(to_docx(BLOCKS, "Confirmation of advice", "Sam", datetime.date(2025, 3, 13))))
    styles = [(one.style.name if one.style else "", one.text) for one in made.paragraphs if one.text]
    assert styles == [
        ("Normal", "Dear Ms Hale,\nsecond line"),
        ("Heading 2", "Your debts"),
        ("List Bullet", "one & <two>"),
    ]
    assert [[cell.text for cell in row.cells] for row in made.tables[0].rows] == [
        ["Who", "Amount"],
        ["Lloyds", "£400.00"],
    ]
    assert (made.core_properties.title, made.core_properties.author) == ("Confirmation of advice", "Sam")
    assert made.core_properties.created is not None and made.core_properties.created.year == 2025
