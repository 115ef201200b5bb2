"""Prints what the admin API answered for people: aligned columns of plain text, with control characters removed."""

from __future__ import annotations

import sys
import time
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TextIO

from node.program.durations import say_duration

Column = tuple[str, str]  # heading, key of the row
MOMENTS = ("_at", "_since", "last_seen")  # how names of Unix times end


def tell(text: str) -> None:
    """Say one line to the person at the terminal."""
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def print_table(rows: Sequence[Mapping[str, Any]], columns: Sequence[Column], empty: str, stream: TextIO) -> None:
    """Print one line per row below the headings, or the sentence for no rows."""
    if not rows:
        print(empty, file=stream)
        return
    lines = [[heading for heading, _ in columns]]
    lines += [[say(row.get(key)) for _, key in columns] for row in rows]
    widths = [max(len(line[index]) for line in lines) for index in range(len(columns))]
    for line in lines:
        print("  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip(), file=stream)


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
        label = f"{indent}{plain(str(key)).replace('_', ' ')}:"
        if isinstance(value, Mapping) and value:
            yield label
            yield from _fields(value, indent + "  ")
        elif isinstance(value, list) and value and all(isinstance(part, Mapping) for part in value):
            yield label
            for part in value:
                yield f"{indent}  - " + ", ".join(
                    f"{plain(str(name)).replace('_', ' ')} {_said(str(name), item)}" for name, item in part.items()
                )
        else:
            yield f"{label} {_said(str(key), value)}"


def _said(name: str, value: Any) -> str:
    """Return a field's value on one line, a moment as date and time."""
    is_moment = name.endswith(MOMENTS) and isinstance(value, int | float) and not isinstance(value, bool)
    return when(value) if is_moment else say(value)
