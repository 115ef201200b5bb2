"""Makes values of a wire type from any source of numbers: hypothesis, a fuzzer's bytes or a seeded generator.

Types are read with `msgspec.inspect`, so that a message that gets a new field gets it here too.
"""

from __future__ import annotations

import random
import re
import string
from functools import cache
from typing import Any, Protocol

from msgspec import inspect

LETTERS = string.ascii_letters + string.digits + "-._"
MOST_BYTES = 1200  # of a value without a limit of its own
MOST_ITEMS = 16
INT_MIN, INT_MAX = -(2**63), 2**64 - 1  # what MessagePack holds
BEGINNINGS = ("", "a", "https://")  # one of them makes text with a pattern begin right


class Source(Protocol):
    """Where choices come from."""

    def number(self, low: int, high: int) -> int:
        """Return a number from `low` to `high`, both included."""
        ...

    def data(self, size: int) -> bytes:
        """Return so many bytes."""
        ...


class RandomSource:
    """Choices of a seeded generator."""

    def __init__(self, rng: random.Random) -> None:
        self._rng = rng

    def number(self, low: int, high: int) -> int:
        return self._rng.randint(low, high)

    def data(self, size: int) -> bytes:
        return self._rng.randbytes(size)


@cache
def info_of(kind: Any) -> inspect.Type:
    return inspect.type_info(kind)


def make(kind: Any, source: Source) -> Any:
    """Return a valid value of a type, or of one of the types of a union."""
    return _make(info_of(kind), source)


def _make(info: inspect.Type, source: Source) -> Any:
    match info:
        case inspect.StructType(cls=cls, fields=fields):
            return cls(**{field.name: _make(field.type, source) for field in fields})
        case inspect.UnionType(types=types):
            return _make(_one_of(types, source), source)
        case inspect.VarTupleType(item_type=item):
            return tuple(_make(item, source) for _ in range(_size(info, source, MOST_ITEMS)))
        case inspect.BytesType():
            return source.data(_size(info, source, MOST_BYTES))
        case inspect.StrType(pattern=pattern):
            size = _size(info, source, MOST_BYTES)
            return _text(source, size) if pattern is None else _text_like(pattern, source, min(size, 20))
        case inspect.IntType() | inspect.FloatType():
            number = source.number(*_bounds(info))
            return number if isinstance(info, inspect.IntType) else float(number)
        case inspect.BoolType():
            return bool(source.number(0, 1))
        case inspect.NoneType():
            return None
        case inspect.LiteralType(values=values):
            return _one_of(values, source)
        case inspect.EnumType(cls=cls):
            return _one_of(tuple(cls), source)
    raise TypeError(f"no values of {info} are made here yet")


def _one_of(choices: tuple[Any, ...], source: Source) -> Any:
    return choices[source.number(0, len(choices) - 1)]


def _size(info: inspect.VarTupleType | inspect.BytesType | inspect.StrType, source: Source, most: int) -> int:
    return source.number(info.min_length or 0, most if info.max_length is None else info.max_length)


def _bounds(info: inspect.IntType | inspect.FloatType) -> tuple[int, int]:
    low = info.ge if info.ge is not None else INT_MIN if info.gt is None else info.gt + 1
    high = info.le if info.le is not None else INT_MAX if info.lt is None else info.lt - 1
    return int(low), int(high)


def _text(source: Source, size: int) -> str:
    """Return at most so many characters, among them such as take several bytes."""
    return source.data(size).decode("utf-8", "ignore") or "\u00e9" * (size // 2)


def _text_like(pattern: str, source: Source, size: int) -> str:
    letters = "".join(LETTERS[byte % len(LETTERS)] for byte in source.data(size))
    for text in (letters, *(begin + letters for begin in BEGINNINGS), *(begin + "a" for begin in BEGINNINGS)):
        lower = text.lower()
        for candidate in (text, lower, re.sub(r"[._]", "-", lower), re.sub(r"[-._]", "", lower)):
            if re.search(pattern, candidate):
                return candidate
    raise TypeError(f"no text like {pattern} is made here yet")
