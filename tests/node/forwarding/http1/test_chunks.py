"""Bodies in chunks: any split gives the same, and what is not exactly right is refused."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from node.forwarding.http1.chunks import LAST, BadChunk, ChunkDecoder, chunk, chunk_parts


def decode(*pieces: bytes) -> tuple[bytes, bool, bytes]:
    """Return content, whether it is complete, and what is behind it."""
    decoder, content, rest = ChunkDecoder(), b"", b""
    for piece in pieces:
        if decoder.complete:
            rest += piece
            continue
        content += decoder.feed(piece)
        rest = decoder.rest
    return content, decoder.complete, rest


def outcome(*pieces: bytes) -> object:
    try:
        return decode(*pieces)
    except BadChunk:
        return "refused"


def test_chunks_are_joined_and_what_follows_is_left() -> None:
    assert decode(b"3\r\nabc\r\nA;x=y\r\n0123456789\r\n0\r\nT: v\r\n\r\nGET") == (b"abc0123456789", True, b"GET")
    assert decode(b"0\r\n\r\n") == (b"", True, b"")
    assert decode(b"00003\r\nabc\r\n0\r\n") == (b"abc", False, b"")


def test_what_is_written_can_be_read() -> None:
    data = bytes(range(256)) * 5
    assert chunk(data) == b"".join(chunk_parts(data))
    assert decode(chunk(data) + chunk(b"x") + LAST) == (data + b"x", True, b"")


BROKEN = [
    b"\r\nabc\r\n", b"g\r\n", b"0x3\r\nabc\r\n", b"-1\r\n", b"+3\r\nabc\r\n", b" 3\r\nabc\r\n", b"3 \r\nabc\r\n",
    b"3\nabc\r\n", b"3\r\nabcd\r\n", b"3\r\nabc\n0\r\n\r\n", b"3\r\nabc\r0", b"3\rabc\r\n", b"3;\x00\r\nabc\r\n",
    b"1" * 16 + b"\r\n", b"3;a\nb\r\nabc\r\n", b"0\r\nbad trailer\r\n\r\n", b"0\r\n folded: x\r\n\r\n",
    b"0\r\nA: b\n\r\n",
    b"3_0\r\n", b"\xb3\r\n",
]  # fmt: skip


@pytest.mark.parametrize("raw", BROKEN)
def test_broken_framing_is_refused(raw: bytes) -> None:
    with pytest.raises(BadChunk):
        decode(raw)
    assert outcome(*(raw[at : at + 1] for at in range(len(raw)))) == "refused"


def test_what_is_around_the_chunks_is_limited() -> None:
    with pytest.raises(BadChunk, match="around"):
        decode((b"1;" + b"x" * 4000 + b"\r\na\r\n") * 5)
    with pytest.raises(BadChunk, match="around"):
        decode(b"0\r\n" + (b"T: " + b"x" * 4000 + b"\r\n") * 5)
    with pytest.raises(BadChunk, match="long"):
        decode(b"1;" + b"x" * 5000)
    with pytest.raises(BadChunk, match="long"):
        decode(b"1;" + b"x" * 5000 + b"\r\n")


PARTS = st.lists(
    st.sampled_from(
        [
            b"3\r\nabc\r\n",
            b"1;e=f\r\nx\r\n",
            b"0\r\n\r\n",
            b"0\r\n",
            b"T: v\r\n",
            b"\r\n",
            b"\r",
            b"\n",
            b"5",
            b"zz",
            b"ab",
        ]
    ),
    max_size=8,
).map(b"".join)


@given(PARTS, st.lists(st.integers(0, 40), max_size=6))
def test_any_split_gives_the_same(raw: bytes, cuts: list[int]) -> None:
    places = sorted({min(cut, len(raw)) for cut in cuts} | {0, len(raw)})
    pieces = [raw[start:end] for start, end in itertools.pairwise(places)]
    whole, split = outcome(raw), outcome(*pieces)
    if whole == "refused" or split == "refused":
        # A broken line may be noticed before its end has come, but the end cannot mend it.
        assert outcome(raw + b"\r\n\r\n\r\n") == outcome(*pieces, b"\r\n\r\n\r\n") == "refused"
    else:
        assert whole == split
