"""A node's words come out whole however they are cut; what is no framing of a server is refused."""

from __future__ import annotations

import struct

import pytest

from app.text_frames import CLOSE, MAX_MESSAGE, PING, PONG, TEXT, BadFrameError, TextFrames, client_frame


def frame(opcode: int, payload: bytes, *, whole: bool = True) -> bytes:
    """Build a frame as a server sends it."""
    size = len(payload)
    if size <= 125:
        length = bytes((size,))
    elif size <= 0xFFFF:
        length = b"\x7e" + struct.pack(">H", size)
    else:
        length = b"\x7f" + struct.pack(">Q", size)
    return bytes(((0x80 if whole else 0) | opcode,)) + length + payload


def unmasked(sent: bytes) -> tuple[int, bytes]:
    """Read a small frame as a server does; it must be masked."""
    assert sent[1] & 0x80
    key, payload = sent[2:6], sent[6:]
    assert sent[1] & 0x7F == len(payload)
    return sent[0] & 0x0F, bytes(byte ^ key[place % 4] for place, byte in enumerate(payload))


TOLD = [b"", b"one", b"x" * 126, b"y" * 70_000]
STREAM = b"".join(
    [
        frame(TEXT, TOLD[0]),
        frame(PING, b"are you there"),
        frame(TEXT, TOLD[1][:1], whole=False),
        frame(PONG, b""),
        frame(0, TOLD[1][1:2], whole=False),
        frame(0, TOLD[1][2:]),
        frame(TEXT, TOLD[2]),
        frame(TEXT, TOLD[3]),
        frame(CLOSE, b"\x03\xe8"),
        b"nothing behind it is read",
    ]
)


@pytest.mark.parametrize("step", [1, 2, 7, 1000, len(STREAM)])
def test_messages_come_out_whole_however_they_are_cut(step: int) -> None:
    frames, told, sent = TextFrames(), [], b""
    for at in range(0, len(STREAM), step):
        told += frames.feed(STREAM[at : at + step])
        sent, frames.to_send = sent + frames.to_send, b""
    assert told == TOLD
    assert frames.closed
    assert unmasked(sent) == (PONG, b"are you there")


@pytest.mark.parametrize(
    "bad",
    [
        b"\x81\x81aaaab",  # masked, which only clients do
        b"\xc1\x01b",  # a reserved bit, as for what is compressed
        frame(2, b"bytes"),
        frame(0, b"the next part of nothing"),
        frame(TEXT, b"a", whole=False) + frame(TEXT, b"b"),
        frame(PING, b"p" * 126),
        frame(3, b""),
        b"\x81\x7f" + struct.pack(">Q", MAX_MESSAGE + 1),
    ],
)
def test_what_a_node_never_says_is_refused(bad: bytes) -> None:
    with pytest.raises(BadFrameError):
        TextFrames().feed(bad)


def test_a_message_in_parts_has_an_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.text_frames.MAX_MESSAGE", 100)
    frames = TextFrames()
    frames.feed(frame(TEXT, b"a" * 60, whole=False))
    with pytest.raises(BadFrameError):
        frames.feed(frame(0, b"a" * 60, whole=False))


def test_what_we_send_is_masked() -> None:
    assert unmasked(client_frame(PING)) == (PING, b"")
    assert unmasked(client_frame(CLOSE, b"because")) == (CLOSE, b"because")
