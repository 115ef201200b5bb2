"""A letter's lines become headings, paragraphs, lists and tables."""

from node.services.builtin.notes_coa.blocks import Bullets, Heading, Paragraph, Table, parse_blocks, to_text

LETTER = """ Dear Ms Hale,

# Your debts
Two of them:
 and no more.

- one
- two

| Who | Amount
| Lloyds | £400.00
| Bank of | £1,500.00 | late
"""


def test_lines_become_blocks() -> None:
    assert parse_blocks(LETTER) == (
        Paragraph(("Dear Ms Hale,",)),
        Heading("Your debts"),
        Paragraph(("Two of them:", "and no more.")),
        Bullets(("one", "two")),
        Table((("Who", "Amount", ""), ("Lloyds", "£400.00", ""), ("Bank of", "£1,500.00", "late"))),
    )


def test_a_value_after_a_space_is_never_markup() -> None:
    assert parse_blocks(" # not a heading\n - nor an item") == (Paragraph(("# not a heading", "- nor an item")),)


def test_plain_text_lines_up_amounts() -> None:
    assert to_text(parse_blocks(LETTER)).endswith(
        "  Who         Amount\n  ------------------------\n  Lloyds     £400.00\n  Bank of  £1,500.00  late\n"
    )
