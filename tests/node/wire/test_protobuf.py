"""Protocol Buffers' varints and fields: what is written is read again, and what is cut off is refused."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from node.wire.protobuf import (
    ProtobufError,
    bytes_field,
    fields,
    number_field,
    packed_field,
    packed_numbers,
    read_varint,
    varint,
)

NUMBERS = st.integers(0, 2**64 - 1)


@pytest.mark.parametrize(
    ("number", "data"),
    [
        (0, b"\x00"),
        (1, b"\x01"),
        (127, b"\x7f"),
        (128, b"\x80\x01"),
        (300, b"\xac\x02"),
        (2**64 - 1, b"\xff" * 9 + b"\x01"),
    ],
)
def test_numbers_are_written_as_the_documentation_says(number: int, data: bytes) -> None:
    assert varint(number) == data
    assert read_varint(data, 0) == (number, len(data))


@pytest.mark.parametrize("number", [-1, 2**64])
def test_a_number_of_more_than_64_bits_is_our_own_mistake(number: int) -> None:
    with pytest.raises(ValueError, match="64 bits"):
        varint(number)


@given(st.lists(st.tuples(st.integers(1, 200), st.one_of(NUMBERS.filter(bool), st.binary(max_size=300)))))
def test_fields_are_read_as_they_were_written(pairs: list[tuple[int, int | bytes]]) -> None:
    data = b"".join(
        number_field(field, value) if isinstance(value, int) else bytes_field(field, value)
        for field, value in pairs
    )
    assert list(fields(data)) == pairs


@given(st.lists(NUMBERS, min_size=1))
def test_packed_numbers_are_read_as_they_were_written(numbers: list[int]) -> None:
    ((field, packed),) = fields(packed_field(2, numbers))
    assert field == 2
    assert isinstance(packed, bytes)
    assert packed_numbers(packed) == numbers


def test_what_is_zero_or_empty_is_left_out() -> None:
    assert number_field(5, 0) == packed_field(2, []) == b""


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"\x80", "within a number"),
        (b"\x80" * 11, "too long"),
        (b"\xff" * 9 + b"\x02", "too large"),
        (b"\x0a\x05abcd", "within a field"),
        (b"\x0a\xff\xff\xff\xff\x7f", "within a field"),
        (b"\x0d\x01\x02\x03\x04", "no place here"),
        (b"\x0b\x0c", "no place here"),
    ],
)
def test_what_is_cut_off_or_of_another_kind_is_refused(data: bytes, why: str) -> None:
    with pytest.raises(ProtobufError, match=why):
        list(fields(data))


@given(st.binary(max_size=400))
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    try:
        found = list(fields(data))
    except ProtobufError:
        return
    assert sum(len(value) for _, value in found if isinstance(value, bytes)) <= len(data)
