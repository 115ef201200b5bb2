"""Prints what the admin API answered for people: aligned columns of plain text, with control characters removed.

Where a table is wider than the terminal its widest cells are broken into lines; elsewhere it is as wide as it is.
"""

from __future__ import annotations

import os
import sys
import time
import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import zip_longest
from math import log10
from typing import Any, TextIO

from node.program.durations import say_duration

Column = tuple[str, str]  # heading, key of the row
MOMENTS = ("_at", "_since", "last_seen")  # how names of Unix times end
BYTES = "_bytes"
UNITS = ("kB", "MB", "GB", "TB")
GAP = "  "
WHOLE = 12  # columns up to which a word is not broken: ids have as many


def tell(text: str) -> None:
    """Say one line to the person at the terminal."""
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def print_table(rows: Sequence[Mapping[str, Any]], columns: Sequence[Column], empty: str, stream: TextIO) -> None:
    """Print one line per row below the headings, or the sentence for no rows."""
    if not rows:
        print(empty, file=stream)
        return
    table = [[heading for heading, _ in columns], *([say(row.get(key)) for _, key in columns] for row in rows)]
    for line in table_lines(table, width_of(stream)):
        print(line, file=stream)


def table_lines(table: Sequence[Sequence[str]], most: int | None) -> Iterator[str]:
    """Return the lines of a table, with cells broken where it is wider than `most` columns."""
    columns = list(zip(*table, strict=True))
    widths = narrowed([max(map(cells, column)) for column in columns], most, [_least(column) for column in columns])
    for row in table:
        broken = [wrapped(cell, width) for cell, width in zip(row, widths, strict=True)]
        for parts in zip_longest(*broken, fillvalue=""):
            yield GAP.join(padded(part, width) for part, width in zip(parts, widths, strict=True)).rstrip()


def width_of(stream: TextIO) -> int | None:
    """Return how many columns a terminal has, None for anything else."""
    try:
        return max(20, os.get_terminal_size(stream.fileno()).columns) if stream.isatty() else None
    except OSError:
        return None


def narrowed(widths: Sequence[int], most: int | None, least: Sequence[int]) -> list[int]:
    """Take from the widest columns until all fit into `most`, but leave each what it needs at least."""
    left = list(widths)
    while most is not None and sum(left) + len(GAP) * (len(left) - 1) > most:
        index = max(range(len(left)), key=lambda index: left[index] if left[index] > least[index] else -1)
        if left[index] <= least[index]:
            break
        left[index] -= 1
    return left


def wrapped(text: str, width: int) -> list[str]:
    """Break a text into lines of so many columns: between words, else after a hyphen, else anywhere."""
    lines = [""]
    for word in text.split(" "):
        longer = f"{lines[-1]} {word}" if lines[-1] else word
        if cells(longer) <= width:
            lines[-1] = longer
            continue
        *heads, rest = _broken(word, width)
        lines += [*heads, rest]
    return lines if lines[0] or len(lines) == 1 else lines[1:]


def _broken(word: str, width: int) -> Iterator[str]:
    while cells(word) > width:
        part = word[0]
        for letter in word[1:]:
            if cells(part + letter) > width:
                break
            part += letter
        part = part[: part.rfind("-") + 1] or part
        yield part
        word = word[len(part) :]
    yield word


def _least(column: Iterable[str]) -> int:
    return max(min(WHOLE, cells(word)) for cell in column for word in cell.split(" "))


def cells(text: str) -> int:
    """Return how many columns a terminal needs for a text."""
    return sum(_columns(letter) for letter in text)


def padded(text: str, width: int, *, right: bool = False) -> str:
    space = " " * max(0, width - cells(text))
    return space + text if right else text + space


def _columns(letter: str) -> int:
    if unicodedata.combining(letter):
        return 0
    return 2 if unicodedata.east_asian_width(letter) in ("W", "F") else 1


def print_fields(document: Mapping[str, Any], stream: TextIO) -> None:
    """Print `name: value` lines, nested values indented below their name."""
    for line in _fields(document, ""):
        print(line, file=stream)


def say(value: Any) -> str:
    """Return a value on one line, safe for a terminal whatever a stranger has put into it."""
    if value is None or value in ("", [], {}):
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.2f}"
    if isinstance(value, list | tuple):
        return ", ".join(say(part) for part in value)
    return plain(str(value))


def plain(text: str) -> str:
    """Replace control, format and surrogate characters: a worker's name must not steer a terminal."""
    return "".join("\ufffd" if unicodedata.category(letter) in ("Cc", "Cf", "Cs") else letter for letter in text)


def ago(seen: float | None, now: float | None = None) -> str:
    """Return how long ago a Unix time was."""
    if not seen:
        return "never"
    return say_duration(max(0.0, (time.time() if now is None else now) - seen)) + " ago"


def when(moment: float | None) -> str:
    """Return a Unix time as local date and time, or `never`."""
    return time.strftime("%Y-%m-%d %H:%M", time.localtime(moment)) if moment else "never"


def _fields(document: Mapping[str, Any], indent: str) -> Iterable[str]:
    for key, value in document.items():
        label = f"{indent}{_name(str(key))}:"
        if isinstance(value, Mapping) and value:
            yield label
            yield from _fields(value, indent + "  ")
        elif isinstance(value, list) and value and all(isinstance(part, Mapping) for part in value):
            yield label
            for part in value:
                yield f"{indent}  - " + ", ".join(
                    f"{_name(str(name))} {_said(str(name), item)}" for name, item in part.items()
                )
        else:
            yield f"{label} {_said(str(key), value)}"


def _name(key: str) -> str:
    return plain(key.removesuffix(BYTES)).replace("_", " ")


def _said(name: str, value: Any) -> str:
    """Return a field's value on one line, a moment as date and time, bytes in a unit that is read at a glance."""
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    if is_number and name.endswith(BYTES):
        return say_bytes(value)
    return when(value) if is_number and name.endswith(MOMENTS) else say(value)


def say_bytes(count: float) -> str:
    """Return a number of bytes as people say it, as 25.3 GB."""
    if count < 1000:
        return f"{count:.0f} bytes"
    step = min(int(log10(count)) // 3, len(UNITS))
    return f"{count / 1000**step:.1f} {UNITS[step - 1]}"
