"""The framing: the same bytes come out however it was cut, and what RFC 6455 forbids is refused."""

from __future__ import annotations

import random

import pytest

from node.forwarding.websocket.frames import (
    BINARY,
    CLOSE,
    CONTINUATION,
    PING,
    PONG,
    TEXT,
    BadFrame,
    Code,
    Frames,
    close_code,
    frame_header,
    masked,
)

KEY = b"\x11\x22\x33\x44"


def frame(opcode: int, payload: bytes, key: bytes = b"", *, end: bool = True) -> bytes:
    header = bytearray(frame_header(opcode, len(payload), key))
    if not end:
        header[0] &= 0x7F
    return bytes(header) + (bytes(masked(payload, key)) if key else payload)


@pytest.mark.parametrize("key", [b"", KEY])
@pytest.mark.parametrize("size", [0, 1, 125, 126, 127, 65_535, 65_536, 200_000])
def test_content_comes_out_as_it_went_in(size: int, key: bytes) -> None:
    content = random.Random(size).randbytes(size)
    frames = Frames(masked=bool(key))
    assert frames.feed(frame(BINARY, content, key)) == content
    assert frames.feed(frame(BINARY, b"more", key)) == b"more"
    assert frames.controls == []


@pytest.mark.parametrize("key", [b"", KEY])
def test_it_does_not_matter_where_the_bytes_are_cut(key: bytes) -> None:
    rng = random.Random(7)
    parts = [rng.randbytes(rng.choice((0, 1, 3, 125, 126, 300, 70_000))) for _ in range(12)]
    raw = b""
    for number, part in enumerate(parts):  # each message in two frames, with a ping between them
        half = len(part) // 2
        raw += frame(BINARY, part[:half], key, end=False) + frame(PING, b"%d" % number, key)
        raw += frame(CONTINUATION, part[half:], key)
    raw += frame(CLOSE, (1000).to_bytes(2, "big") + b"bye", key)
    for seed in range(20):
        rng, frames, found, at = random.Random(seed), Frames(masked=bool(key)), b"", 0
        while at < len(raw):
            step = rng.choice((1, 2, 3, 7, 100, 5000, 100_000))
            found += frames.feed(raw[at : at + step])
            at += step
        assert found == b"".join(parts)
        pings = [payload for opcode, payload in frames.controls if opcode == PING]
        assert pings == [b"%d" % number for number in range(len(parts))]
        assert close_code(frames.controls[-1][1]) == Code.NORMAL


def test_every_single_cut_of_a_small_stream_is_read_alike() -> None:
    raw = frame(BINARY, b"abc", KEY) + frame(PONG, b"p", KEY) + frame(BINARY, bytes(130), KEY)
    for cut in range(1, len(raw)):
        frames = Frames(masked=True)
        assert frames.feed(raw[:cut]) + frames.feed(raw[cut:]) == b"abc" + bytes(130)
        assert frames.controls == [(PONG, b"p")]


def test_content_is_given_out_before_its_frame_is_whole() -> None:
    raw = frame(BINARY, bytes(range(200)) * 1000, KEY)
    frames, found = Frames(masked=True), b""
    for at in range(0, len(raw), 777):
        found += frames.feed(raw[at : at + 777])
        assert len(found) >= min(at + 777, len(raw)) - 14
    assert found == bytes(range(200)) * 1000


@pytest.mark.parametrize(
    "raw",
    [
        frame(TEXT, b"hello", KEY),
        frame(CONTINUATION, b"of nothing", KEY),
        frame(BINARY, b"begun", KEY, end=False) + frame(BINARY, b"another", KEY),
        frame(BINARY, b"not masked"),
        frame(3, b"", KEY),
        frame(11, b"", KEY),
        frame(PING, bytes(126), KEY),
        frame(PING, b"in parts", KEY, end=False),
        frame(PING, b"", KEY) * 65,
        frame(PONG, b"nobody asked", KEY) * 65,
        bytes((0xC2, 0x80)) + KEY,
        bytes((0x82, 0xFF)) + b"\xff" * 8 + KEY,
    ],
)
def test_what_is_no_framing_of_a_byte_stream_is_refused(raw: bytes) -> None:
    with pytest.raises(BadFrame):
        Frames(masked=True).feed(raw)


def test_some_control_frames_may_come_at_once() -> None:
    frames = Frames(masked=True)
    for _ in range(3):
        assert frames.feed(frame(PING, b"", KEY) * 64 + frame(BINARY, b"a", KEY)) == b"a"
        assert frames.controls == [(PING, b"")] * 64
        frames.controls = []  # they have been answered


def test_a_server_may_not_mask() -> None:
    with pytest.raises(BadFrame):
        Frames(masked=False).feed(frame(BINARY, b"masked", KEY))


def test_nothing_behind_the_end_is_read() -> None:
    frames = Frames(masked=False)
    assert frames.feed(frame(BINARY, b"a") + frame(CLOSE, b"") + b"\xff" * 50) == b"a"
    assert frames.feed(b"\xff" * 50) == b""
    assert frames.controls == [(CLOSE, b"")]
    assert close_code(b"") == Code.UNSAID
