"""Heartbeats on the channel to the coordinator: one at a time, each with its answer."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

import aiohttp
import msgspec

from node.coordinator_client import CoordinatorError
from node.wire.channel import BEATS, LARGEST_FROM_WORKER, LEAST_GAP, Beat, BeatAnswer, read_answer
from node.wire.credentials import CLOCK_SKEW
from node.wire.messages import Assignment, HeartbeatRequest


class NoChannelError(Exception):
    """No answer came on a channel: a request tells the same."""


class Beats:
    """Knows the channel that is open, if the coordinator takes heartbeats on it."""

    def __init__(self, wall: Callable[[], float] = time.time, steady: Callable[[], float] = time.monotonic) -> None:
        # Hears of a heartbeat that was given up and has been taken in nevertheless: maybe after newer ones.
        self.late: Callable[[HeartbeatRequest], None] = lambda _request: None
        self._wall, self._steady = wall, steady
        self._socket: aiohttp.ClientWebSocketResponse | None = None
        self._apart = 0.0  # seconds that our clock was ahead of one that nobody sets when the channel was opened
        self._url = ""
        self._number = 0
        self._waiting: asyncio.Future[BeatAnswer | None] | None = None
        self._silent = False  # a heartbeat was not answered in time: until one is, no other is sent
        self._given_up: HeartbeatRequest | None = None  # that one
        self._next_at = 0.0  # when another one may be sent (time of the loop)

    def opened(self, url: str, socket: aiohttp.ClientWebSocketResponse) -> None:
        """Use this channel from now on, to the coordinator at that URL."""
        self.ended()
        if socket.protocol == BEATS:
            self._url, self._socket, self._silent, self._given_up = url, socket, False, None
            self._apart = self._wall() - self._steady()

    def ended(self) -> None:
        """Hear that the channel is open no more."""
        self._socket = None
        if self._waiting is not None and not self._waiting.done():
            self._waiting.set_result(None)

    def hear(self, text: str) -> None:
        """Take an answer in; raise ValueError for what is none."""
        answer = read_answer(text)
        self._silent = False
        if answer.number != self._number:
            return
        late, self._given_up = self._given_up, None
        if self._waiting is not None and not self._waiting.done():
            self._waiting.set_result(answer)
        elif late is not None and answer.told is not None:
            self.late(late)

    async def beat(self, url: str, request: HeartbeatRequest, patience: float) -> Assignment:
        """Send a heartbeat to the coordinator at a URL; return what it answers within so many seconds.

        Raise CoordinatorError where it refuses, NoChannelError where there is no way or no answer.
        """
        loop, socket = asyncio.get_running_loop(), self._socket
        useless = url != self._url or self._silent or self._waiting is not None
        if socket is None or useless or loop.time() < self._next_at or self._was_set():
            raise NoChannelError
        message = msgspec.json.encode(Beat(number=self._number + 1, heartbeat=request))
        if len(message) > LARGEST_FROM_WORKER:
            raise NoChannelError
        self._number += 1
        self._next_at = loop.time() + LEAST_GAP
        waiting = self._waiting = loop.create_future()
        try:
            async with asyncio.timeout(patience):
                await socket.send_frame(message, aiohttp.WSMsgType.TEXT)
                await waiting
        except TimeoutError:
            if waiting.cancelled() or not waiting.done():  # else it came at the last moment, and no other will come
                self._silent, self._given_up = True, request
                raise NoChannelError from None
        except (OSError, aiohttp.ClientError):
            raise NoChannelError from None
        finally:
            self._waiting = None
        return _told(waiting.result())

    def _was_set(self) -> bool:
        """Say whether our clock was set since the channel was opened: a request shows whether it is right now.

        It carries a token with the time. A node whose tokens nobody else accepts must not take itself for well.
        """
        return abs(self._wall() - self._steady() - self._apart) > CLOCK_SKEW


def _told(answer: BeatAnswer | None) -> Assignment:
    if answer is not None and answer.refused is not None:
        raise CoordinatorError(answer.refused.detail[:500], answer.refused.kind, answer.refused.status)
    if answer is None or answer.told is None:
        raise NoChannelError
    return answer.told
