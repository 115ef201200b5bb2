"""The chain of hashes: a line has one form whatever engine kept it, and a seal says what it was made of."""

from __future__ import annotations

import msgspec
import pytest

from coordinator_server.seals.chain import START, SealError, canonical, decode, encode, extend, mark_of, said
from tests.support.seals import Notary, line_of


def test_a_line_has_one_form_whether_its_time_came_back_whole_or_not() -> None:
    assert canonical(line_of(1, time=5.0)) == canonical(line_of(1, time=5))


@pytest.mark.parametrize(
    "changes",
    [{"number": 8}, {"time": 1.0}, {"actor": "a"}, {"action": "b"}, {"subject": "c"}, {"detail": "d"},
     {"address": "e"}, {"outcome": "refused"}],
)  # fmt: skip
def test_every_field_is_in_it(changes: dict[str, object]) -> None:
    line = line_of(7)
    other = msgspec.structs.replace(line, **changes)
    assert canonical(other) != canonical(line)
    assert extend(START, other) != extend(START, line)
    assert mark_of(other) != mark_of(line)


def test_what_stands_in_one_field_cannot_pass_for_two() -> None:
    one, two = line_of(1, actor="ab", action="c"), line_of(1, actor="a", action="bc")
    assert canonical(one) != canonical(two)


def test_a_seal_comes_back_as_it_was_and_follows_the_one_before() -> None:
    notary = Notary()
    first = notary.seal(None, [line_of(1), line_of(2)])
    second = notary.seal(first, [line_of(3)])
    assert decode(encode(second)) == second
    assert (second.number, second.first, second.last, second.previous) == (2, 3, 3, first.hash)
    assert second.mark(3) == mark_of(line_of(3))


def test_the_signature_is_over_everything_but_itself() -> None:
    seal = Notary().seal(None, [line_of(1)])
    assert said(msgspec.structs.replace(seal, signature=b"")) == said(seal)
    for change in ({"time": 0.5}, {"credential": "x"}, {"last": 9}):
        assert said(msgspec.structs.replace(seal, **change)) != said(seal)


@pytest.mark.parametrize("data", [b"", b"garbage", msgspec.msgpack.encode([1, 2])])
def test_what_is_no_seal_is_said_so(data: bytes) -> None:
    with pytest.raises(SealError):
        decode(data)
