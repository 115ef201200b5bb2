"""Heartbeats on the channel: each gets its own answer, and whoever gets none is told to ask otherwise."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import msgspec
import pytest

from node.coordinator_client import CoordinatorError
from node.program.tasks import TaskSet
from node.tunnel import beats as beats_module
from node.tunnel.beats import Beats, NoChannelError
from node.wire.channel import ANSWER, BEATS, LARGEST_FROM_WORKER, Beat, encode_answer, encode_refusal, read_beat
from node.wire.credentials import CLOCK_SKEW
from node.wire.messages import Assignment, HeartbeatRequest, ServiceReport
from node.wire.problems import Problem
from tests.support.mesh_keys import Clock

URL, LONG = "http://coordinator", 60.0
HOW_WE_ARE = HeartbeatRequest(worker_id="anna", load=0.5)
TOLD = Assignment(role="cpu", services=("ner",))


class Socket:
    """The end of a channel on which everything is noted that is sent."""

    def __init__(self, protocol: str | None = BEATS) -> None:
        self.protocol = protocol
        self.sent: asyncio.Queue[Beat] = asyncio.Queue()
        self.broken = False

    async def send_frame(self, message: bytes, _kind: object) -> None:
        if self.broken:
            raise aiohttp.ClientConnectionResetError
        beat = read_beat(message)
        assert beat is not None
        self.sent.put_nowait(beat)


def opened(socket: Socket) -> Beats:
    made = Beats()
    made.opened(URL, socket)  # type: ignore[arg-type]  # what is asked of it is there
    return made


@pytest.fixture
async def tasks() -> AsyncIterator[TaskSet]:
    made = TaskSet("test")
    yield made
    await made.stop()


@pytest.fixture
def no_gap(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(beats_module, "LEAST_GAP", 0.0)


def answer(number: int) -> str:
    return encode_answer(number, msgspec.json.encode(TOLD)).decode()


@pytest.mark.usefixtures("no_gap")
async def test_each_gets_its_own_answer(tasks: TaskSet) -> None:
    socket = Socket()
    beats = opened(socket)
    first = tasks.start(beats.beat(URL, HOW_WE_ARE, LONG), "beat")
    sent = await socket.sent.get()
    assert sent.heartbeat == HOW_WE_ARE
    with pytest.raises(NoChannelError):
        await beats.beat(URL, HOW_WE_ARE, LONG)  # one at a time
    beats.hear(answer(sent.number + 1))  # of another one
    await asyncio.sleep(0)
    assert not first.done()
    beats.hear(answer(sent.number))
    beats.hear(answer(sent.number))  # twice
    assert await first == TOLD
    second = tasks.start(beats.beat(URL, HOW_WE_ARE, LONG), "beat")
    again = await socket.sent.get()
    assert again.number != sent.number
    refusal = encode_refusal(again.number, Problem("unknown-worker", "anna has to register first."))
    beats.hear(refusal.decode())
    with pytest.raises(CoordinatorError, match="has to register") as refused:
        await second
    assert (refused.value.kind, refused.value.status) == ("unknown-worker", 404)
    third = tasks.start(beats.beat(URL, HOW_WE_ARE, LONG), "beat")
    empty = {"type": ANSWER, "number": (await socket.sent.get()).number}
    beats.hear(msgspec.json.encode(empty).decode())
    with pytest.raises(NoChannelError):
        await third
    with pytest.raises(ValueError, match="no answer"):
        beats.hear('{"type": "heartbeat-answer", "number": -1}')


@pytest.mark.usefixtures("no_gap")
async def test_who_gets_no_answer_asks_no_more_until_one_comes(tasks: TaskSet) -> None:
    socket = Socket()
    beats = opened(socket)
    with pytest.raises(NoChannelError):
        await beats.beat(URL, HOW_WE_ARE, 0.01)
    late = await socket.sent.get()
    with pytest.raises(NoChannelError):
        await beats.beat(URL, HOW_WE_ARE, LONG)
    assert socket.sent.empty(), "it hangs, or cannot answer: nothing more is sent"
    beats.hear(answer(late.number))
    waiting = tasks.start(beats.beat(URL, HOW_WE_ARE, LONG), "beat")
    await socket.sent.get()
    beats.ended()
    with pytest.raises(NoChannelError):
        await waiting
    with pytest.raises(NoChannelError):
        await beats.beat(URL, HOW_WE_ARE, LONG)
    assert socket.sent.empty()
    newer = Socket()
    beats.opened(URL, newer)  # type: ignore[arg-type]
    newer.broken = True
    with pytest.raises(NoChannelError):
        await beats.beat(URL, HOW_WE_ARE, LONG)


@pytest.mark.usefixtures("no_gap")
async def test_what_was_given_up_and_is_taken_in_late_is_told_once(tasks: TaskSet) -> None:
    socket = Socket()
    beats = opened(socket)
    late: list[HeartbeatRequest] = []
    beats.late = late.append
    with pytest.raises(NoChannelError):
        await beats.beat(URL, HOW_WE_ARE, 0.01)
    number = (await socket.sent.get()).number
    beats.hear(answer(number + 1))  # of another one
    assert not late
    for _ in range(2):
        beats.hear(answer(number))
    assert late == [HOW_WE_ARE]
    waiting = tasks.start(beats.beat(URL, HOW_WE_ARE, LONG), "beat")
    beats.hear(answer((await socket.sent.get()).number))
    assert await waiting == TOLD
    assert len(late) == 1, "the others were waited for"
    with pytest.raises(NoChannelError):
        await beats.beat(URL, HOW_WE_ARE, 0.01)
    beats.hear(encode_refusal((await socket.sent.get()).number, Problem("unknown-worker", "who?")).decode())
    assert len(late) == 1, "it was not taken in"
    with pytest.raises(NoChannelError):
        await beats.beat(URL, HOW_WE_ARE, 0.01)
    number = (await socket.sent.get()).number
    beats.opened(URL, socket)  # type: ignore[arg-type]
    beats.hear(answer(number))
    assert len(late) == 1, "that was another channel"


async def test_an_answer_counts_that_comes_at_the_last_moment() -> None:
    class Slow(Socket):
        """Says that a message has gone when the answer has long been there."""

        async def send_frame(self, message: bytes, kind: object) -> None:
            await super().send_frame(message, kind)
            beats.hear(answer((await self.sent.get()).number))
            await asyncio.Event().wait()

    beats = opened(Slow())
    assert await beats.beat(URL, HOW_WE_ARE, 0.01) == TOLD
    assert not beats._silent, "no other answer would come that says so"


async def test_while_our_clock_is_another_than_at_the_opening_a_request_shows_whether_it_is_right(
    tasks: TaskSet,
) -> None:
    socket, wall = Socket(), Clock()
    beats = Beats(wall, lambda: 5.0)
    beats.opened(URL, socket)  # type: ignore[arg-type]  # what is asked of it is there
    right = wall.now
    for off in (CLOCK_SKEW + 1, -CLOCK_SKEW - 1):
        wall.now = right + off
        with pytest.raises(NoChannelError):
            await beats.beat(URL, HOW_WE_ARE, LONG)
    assert socket.sent.empty()
    wall.now = right + CLOCK_SKEW - 1
    beat = tasks.start(beats.beat(URL, HOW_WE_ARE, LONG), "beat")
    beats.hear(answer((await socket.sent.get()).number))
    assert await beat == TOLD


@pytest.mark.parametrize("case", ["none", "too old", "elsewhere", "too long", "too soon"])
async def test_where_there_is_no_way_nothing_is_sent(case: str, tasks: TaskSet) -> None:
    socket = Socket(None if case == "too old" else BEATS)
    beats = Beats() if case == "none" else opened(socket)
    more: dict[str, Any] = {}
    if case == "too long":
        text = "x" * (LARGEST_FROM_WORKER // 32)
        more["services"] = tuple(ServiceReport(name="ner", state="failed", detail=text) for _ in range(64))
    if case == "too soon":
        first = tasks.start(beats.beat(URL, HOW_WE_ARE, LONG), "beat")
        beats_answer = answer((await socket.sent.get()).number)
        beats.hear(beats_answer)
        await first
    with pytest.raises(NoChannelError):
        await beats.beat(
            "http://other" if case == "elsewhere" else URL, msgspec.structs.replace(HOW_WE_ARE, **more), LONG
        )
    assert socket.sent.empty()
