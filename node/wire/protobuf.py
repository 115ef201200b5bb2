"""The little of Protocol Buffers' wire format that Nebula's certificates need: varints and fields of bytes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

VARINT, BYTES = 0, 2  # wire types
LONGEST_VARINT = 10  # bytes, for 64 bits


class ProtobufError(ValueError):
    """Bytes that are no message of the kind we read; the text says why."""


def varint(number: int) -> bytes:
    """Encode a number from 0 to 2**64 - 1."""
    if not 0 <= number < 2**64:
        raise ValueError(f"{number} does not fit into 64 bits")
    out = bytearray()
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    out.append(number)
    return bytes(out)


def number_field(field: int, value: int) -> bytes:
    """Encode a number; proto3 leaves zero out."""
    return varint(field << 3 | VARINT) + varint(value) if value else b""


def bytes_field(field: int, value: bytes) -> bytes:
    """Encode bytes, text or an inner message, also where it is empty."""
    return varint(field << 3 | BYTES) + varint(len(value)) + value


def packed_field(field: int, values: Iterable[int]) -> bytes:
    """Encode a repeated number; proto3 leaves an empty one out."""
    packed = b"".join(map(varint, values))
    return bytes_field(field, packed) if packed else b""


def read_varint(data: bytes, at: int) -> tuple[int, int]:
    """Return the number that begins at a position, and the position after it; raise ProtobufError."""
    number = shift = 0
    for byte in data[at : at + LONGEST_VARINT]:
        at += 1
        number |= (byte & 0x7F) << shift
        if byte < 0x80:
            if number >= 2**64:
                raise ProtobufError("a number is too large")
            return number, at
        shift += 7
    raise ProtobufError("it ends within a number" if at >= len(data) else "a number is too long")


def fields(data: bytes) -> Iterator[tuple[int, int | bytes]]:
    """Yield each field's number and value, in the order in which they stand; raise ProtobufError."""
    at = 0
    while at < len(data):
        tag, at = read_varint(data, at)
        kind = tag & 7
        if kind == VARINT:
            number, at = read_varint(data, at)
            yield tag >> 3, number
        elif kind == BYTES:
            size, at = read_varint(data, at)
            if size > len(data) - at:
                raise ProtobufError("it ends within a field")
            yield tag >> 3, data[at : at + size]
            at += size
        else:
            raise ProtobufError(f"field {tag >> 3} is of a kind that has no place here")


def packed_numbers(data: bytes) -> list[int]:
    """Return the numbers of a packed repeated field; raise ProtobufError."""
    found, at = [], 0
    while at < len(data):
        number, at = read_varint(data, at)
        found.append(number)
    return found
