"""Between transport and protocol: order, back-pressure, patience and ends, on a transport that only takes notes."""

from __future__ import annotations

import asyncio
from typing import Any

from node.forwarding.bandwidth.gate import Gate
from node.forwarding.bandwidth.shaped import HIGH, PATIENCE, PIECE, Shaped
from tests.support.waiting import eventually

NEVER = float("inf")


class Below(asyncio.Transport):
    """Notes what is done with it."""

    def __init__(self) -> None:
        super().__init__()
        self.protocol: Any = None
        self.written = b""
        self.notes: list[str] = []
        self.closing = False

    def set_protocol(self, protocol: asyncio.BaseProtocol) -> None:
        self.protocol = protocol

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.written += data

    def pause_reading(self) -> None:
        self.notes.append("pause")

    def resume_reading(self) -> None:
        self.notes.append("resume")

    def close(self) -> None:
        self.notes.append("close")
        self.closing = True

    def abort(self) -> None:
        self.notes.append("abort")
        self.closing = True

    def can_write_eof(self) -> bool:
        return True

    def write_eof(self) -> None:
        self.notes.append("eof")

    def is_closing(self) -> bool:
        return self.closing

    def get_write_buffer_size(self) -> int:
        return 7

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        return name


class Inner(asyncio.Protocol):
    """Notes what it is told."""

    def __init__(self) -> None:
        self.deadline = NEVER
        self.got = b""
        self.notes: list[str] = []

    def data_received(self, data: bytes) -> None:
        self.got += data

    def eof_received(self) -> None:
        self.notes.append("eof")

    def connection_lost(self, error: Exception | None) -> None:
        self.notes.append(f"lost {error}")

    def pause_writing(self) -> None:
        self.notes.append("full")

    def resume_writing(self) -> None:
        self.notes.append("room")


class Scene:
    """One shaped connection."""

    def __init__(self, down: int | None = None, up: int | None = None, **how: bool) -> None:
        loop = asyncio.get_running_loop()
        self.down, self.up = Gate(loop), Gate(loop)
        self.down.change(down)
        self.up.change(up)
        self.below, self.inner = Below(), Inner()
        self.shaped = Shaped(self.below, self.inner, self.down, self.up, **how)
        assert self.below.protocol is self.shaped


async def test_within_the_limit_everything_passes_as_it_is() -> None:
    scene = Scene(10**9, 10**9)
    scene.shaped.write(b"one")
    scene.shaped.writelines([b"two", b"three"])
    scene.shaped.data_received(b"four")
    assert (scene.below.written, scene.inner.got) == (b"onetwothree", b"four")
    assert scene.below.notes == scene.inner.notes == []
    assert scene.shaped.get_write_buffer_size() == 7
    assert scene.shaped.get_extra_info("socket") == "socket"
    assert scene.shaped.get_protocol() is scene.inner
    scene.shaped.close()
    assert scene.below.notes == ["close"]


async def test_reading_pauses_while_there_is_a_debt_and_the_other_side_loses_no_time() -> None:
    scene = Scene(100_000)
    loop = asyncio.get_running_loop()
    limit = scene.inner.deadline = loop.time() + 1000
    scene.shaped.data_received(bytes(20_000))
    assert scene.below.notes == ["pause"]
    assert len(scene.inner.got) == 20_000
    assert scene.inner.deadline == limit + PATIENCE
    await eventually(lambda: scene.below.notes == ["pause", "resume"], "the end of the pause")
    assert limit < scene.inner.deadline < limit + PATIENCE / 2


async def test_another_deadline_that_was_set_meanwhile_counts() -> None:
    scene = Scene(100_000)
    scene.inner.deadline = asyncio.get_running_loop().time() + 1000
    scene.shaped.data_received(bytes(20_000))
    scene.inner.deadline = NEVER  # as for a tunnel that was opened
    await eventually(lambda: "resume" in scene.below.notes, "the end of the pause")
    assert scene.inner.deadline == NEVER


async def test_reading_goes_on_only_when_neither_debt_nor_protocol_is_against_it() -> None:
    scene = Scene(100_000)
    scene.shaped.data_received(bytes(20_000))
    scene.shaped.pause_reading()
    await eventually(lambda: len(scene.down) == 0, "the end of the debt")
    assert scene.below.notes == ["pause"]
    scene.shaped.resume_reading()
    assert scene.below.notes == ["pause", "resume"]
    scene.shaped.pause_reading()
    scene.shaped.pause_reading()
    assert not scene.shaped.is_reading()
    assert scene.below.notes == ["pause", "resume", "pause"]


async def test_what_is_too_much_waits_in_order_and_the_protocol_hears_of_it() -> None:
    scene = Scene(None, 10_000_000)
    data = bytes(range(256)) * 20_000
    for start in range(0, len(data), 500_000):
        scene.shaped.write(data[start : start + 500_000])
    assert scene.inner.notes == ["full"]
    assert scene.shaped.get_write_buffer_size() > HIGH
    scene.shaped.write_eof()
    scene.shaped.close()
    assert scene.shaped.is_closing()
    assert scene.below.notes == []
    await eventually(lambda: scene.below.written == data, "the last of it")
    assert scene.below.notes == ["close"]


async def test_the_end_of_what_is_said_comes_behind_it() -> None:
    scene = Scene(None, 1_000_000)
    scene.up.spend(300_000)
    scene.shaped.write(b"word")
    scene.shaped.write_eof()
    assert scene.below.notes == []
    await eventually(lambda: scene.below.notes == ["eof"], "the end")
    assert scene.below.written == b"word"


async def test_there_is_room_again_when_little_waits() -> None:
    scene = Scene(None, 1_000_000)
    scene.shaped.write(bytes(PIECE * 5))
    assert scene.inner.notes == ["full"]
    await eventually(lambda: scene.inner.notes == ["full", "room"], "room")


async def test_a_full_transport_gets_nothing_more_until_it_has_room() -> None:
    scene = Scene(None, 10**9, full=True)
    scene.shaped.write(bytes(PIECE * 3))
    assert len(scene.up) == 0
    assert scene.below.written == b""
    scene.shaped.resume_writing()
    await eventually(lambda: len(scene.below.written) == PIECE * 3, "all of it")
    assert scene.inner.notes[-1] == "room"
    scene.shaped.pause_writing()
    assert scene.inner.notes[-1] == "full"


async def test_after_the_end_nobody_waits_any_more() -> None:
    scene = Scene(1000, 1000)
    scene.inner.deadline = asyncio.get_running_loop().time() + 1000
    scene.shaped.data_received(bytes(50_000))
    scene.shaped.write(bytes(500_000))
    assert (len(scene.down), len(scene.up)) == (1, 1)
    scene.shaped.eof_received()
    scene.shaped.connection_lost(None)
    assert (len(scene.down), len(scene.up)) == (0, 0)
    assert scene.inner.notes == ["full", "eof", "lost None"]


async def test_who_is_cut_off_says_nothing_more() -> None:
    scene = Scene(None, 1000)
    scene.shaped.write(bytes(500_000))
    scene.shaped.abort()
    scene.shaped.write(b"more")
    assert scene.below.notes == ["abort"]
    assert len(scene.up) == 0
    scene.shaped.data_received(b"late")
    assert scene.inner.got == b""
