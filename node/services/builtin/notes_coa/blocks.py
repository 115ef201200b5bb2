"""A letter as a sequence of headings, paragraphs, lists and tables, read from the lines of a filled template.

A line that begins with `# ` is a heading, `- ` an item, `| ` a table row whose cells `|` divides; other lines
are text, and an empty line ends a paragraph. Values come into the template as one line each, and never at the
beginning of a line (a space goes before), so that notes cannot make markup.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import groupby


@dataclass(frozen=True, slots=True)
class Heading:
    """A heading."""

    text: str


@dataclass(frozen=True, slots=True)
class Paragraph:
    """Some lines that belong together."""

    lines: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Bullets:
    """A list."""

    items: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Table:
    """Rows of equally many cells; the first row is the header. Cells of amounts begin with £ or -£."""

    rows: tuple[tuple[str, ...], ...]


Block = Heading | Paragraph | Bullets | Table


def parse_blocks(text: str) -> tuple[Block, ...]:
    lines = [line.rstrip() for line in text.splitlines()]
    blocks: list[Block] = []
    for kind, group in groupby(lines, key=_kind):
        members = list(group)
        if kind == "heading":
            blocks += [Heading(line[2:]) for line in members]
        elif kind == "bullet":
            blocks.append(Bullets(tuple(line[2:] for line in members)))
        elif kind == "row":
            blocks.append(Table(_rows(members)))
        elif kind == "text":
            blocks.append(Paragraph(tuple(line.strip() for line in members)))
    return tuple(blocks)


def to_text(blocks: Iterable[Block]) -> str:
    """Render the letter as plain text."""
    return "\n\n".join(_as_text(block) for block in blocks) + "\n"


def is_amount(cell: str) -> bool:
    return cell.startswith(("£", "-£"))


def _kind(line: str) -> str:
    if not line:
        return "empty"
    return {"# ": "heading", "- ": "bullet", "| ": "row"}.get(line[:2], "text")


def _rows(lines: list[str]) -> tuple[tuple[str, ...], ...]:
    rows = [[cell.strip() for cell in line[1:].split("|")] for line in lines]
    width = max(map(len, rows))
    return tuple(tuple(row + [""] * (width - len(row))) for row in rows)


def _as_text(block: Block) -> str:
    if isinstance(block, Heading):
        return block.text + "\n" + "-" * len(block.text)
    if isinstance(block, Paragraph):
        return "\n".join(block.lines)
    if isinstance(block, Bullets):
        return "\n".join("  - " + item for item in block.items)
    return _table_as_text(block)


def _table_as_text(table: Table) -> str:
    widths = [max(map(len, column)) for column in zip(*table.rows, strict=True)]
    numeric = [any(map(is_amount, column[1:])) for column in zip(*table.rows, strict=True)]
    aligned: list[Callable[[str, int], str]] = [str.rjust if right else str.ljust for right in numeric]
    lines = [
        "  "
        + "  ".join(align(cell, width) for align, cell, width in zip(aligned, row, widths, strict=True)).rstrip()
        for row in table.rows
    ]
    return "\n".join([lines[0], "  " + "-" * (sum(widths) + 2 * len(widths) - 2), *lines[1:]])
