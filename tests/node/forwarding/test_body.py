from __future__ import annotations

import asyncio

import pytest

from node.forwarding.body import Body, BodyGoneError
from node.wire.problems import Problem


class Pieces:
    """A client's body, piece by piece; `gate` holds back the next one."""

    def __init__(self, *pieces: bytes | Exception) -> None:
        self._pieces = list(pieces)
        self.reads = 0
        self.gate = asyncio.Event()
        self.gate.set()

    async def readany(self) -> bytes:
        await self.gate.wait()
        self.reads += 1
        piece = self._pieces.pop(0) if self._pieces else b""
        if isinstance(piece, Exception):
            raise piece
        return piece


async def whole(body: Body) -> bytes:
    return b"".join([piece async for piece in body])


async def test_it_is_read_once_and_replayed() -> None:
    pieces = Pieces(b"ab", b"cd")
    body = Body(pieces, limit=100)
    assert await whole(body) == b"abcd"
    assert await whole(body) == b"abcd"
    assert (body.complete, body.received, pieces.reads) == (True, 4, 3)


async def test_a_second_try_takes_over_where_the_first_stopped() -> None:
    body = Body(Pieces(b"a", b"b", b"c"), limit=100)
    first = aiter(body)
    assert [await anext(first), await anext(first)] == [b"a", b"b"]
    assert await whole(body) == b"abc"


async def test_what_is_too_large_to_keep_cannot_be_replayed() -> None:
    body = Body(Pieces(b"aaaa", b"bbbb", b"c"), limit=100, keep=6)
    first = aiter(body)
    assert await anext(first) == b"aaaa"
    replayable = [body.replayable]
    assert await anext(first) == b"bbbb"
    replayable.append(body.replayable)
    assert replayable == [True, False]
    assert await anext(first) == b"c"
    with pytest.raises(StopAsyncIteration):
        await anext(first)
    with pytest.raises(BodyGoneError):
        await whole(body)


async def test_the_limit_is_enforced_while_it_streams() -> None:
    body = Body(Pieces(b"aaaa", b"bbbb"), limit=7)
    with pytest.raises(Problem) as refused:
        await whole(body)
    assert (refused.value.kind, refused.value.extra["limit_bytes"]) == ("payload-too-large", 7)
    assert body.problem is refused.value
    assert not body.replayable


async def test_a_client_that_breaks_off_is_at_fault_itself() -> None:
    body = Body(Pieces(b"a", ConnectionResetError("gone")), limit=7)
    with pytest.raises(Problem) as refused:
        await whole(body)
    assert refused.value.status == 400
    assert body.problem is refused.value


async def test_a_reader_that_is_cancelled_loses_nothing() -> None:
    pieces = Pieces(b"a", b"b")
    body = Body(pieces, limit=100)
    pieces.gate.clear()
    async with asyncio.TaskGroup() as group:
        reader = group.create_task(whole(body))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        waiting = [body.waiting_for_client]
        reader.cancel()
    pieces.gate.set()
    waiting.append(body.waiting_for_client)
    assert waiting == [True, False]
    assert await whole(body) == b"ab"


async def test_after_close_nobody_reads() -> None:
    pieces = Pieces(b"a", b"b")
    body = Body(pieces, limit=100)
    first = aiter(body)
    await anext(first)
    await body.close()
    with pytest.raises(BodyGoneError):
        await anext(first)
    assert pieces.reads == 1


async def test_progress_is_told() -> None:
    told = []
    body = Body(Pieces(b"a", b"b"), limit=100)
    body.on_progress = lambda: told.append(body.received)
    await whole(body)
    assert len(told) == 3


async def test_with_a_declared_length_it_is_complete_without_another_read() -> None:
    pieces = Pieces(b"ab", b"cd")
    body = Body(pieces, limit=100, length=4)
    first = aiter(body)
    complete = []
    for _ in range(2):
        await anext(first)
        complete.append(body.complete)
    assert complete == [False, True]
    assert await whole(body) == b"abcd"
    assert pieces.reads == 2
