"""One worker's WebSocket: what it is sent, one message at a time, and what is heard from it, which is little."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Sequence

import msgspec
from aiohttp import WSCloseCode, WSMsgType, web

from node.program.tasks import TaskSet
from node.wire.channel import MOST_RELAYED, Close, Open, read_type
from node.wire.messages import Assignment, CoordinatorInfo

SEND_LIMIT = 10.0  # seconds that a worker may take to accept one message
CLOSE_LIMIT = 1.0  # seconds that it gets to confirm that the channel is closed
MOST_HEARD = 200  # frames, pings included, in so many seconds:
WINDOW = 10.0
ENDS = (WSMsgType.CLOSE, WSMsgType.CLOSING, WSMsgType.CLOSED, WSMsgType.ERROR)


class Line:
    """A channel that is open; `told` is what its worker was told last, without the blocklist."""

    def __init__(
        self,
        worker_id: str,
        about_us: CoordinatorInfo,
        expires_at: float,
        socket: web.WebSocketResponse,
        cut: Callable[[], None],
        *,
        process: int = 0,
        relay: int = 0,
        relay_only: bool = False,
    ) -> None:
        """`expires_at` is its credential's end (Unix seconds); `cut` aborts the connection below it.

        `process` is the gateway process that it goes through, 0 for none; `relay` is how many relay connections the
        worker opens when it is asked. A `relay_only` channel carries nothing else.
        """
        self.worker_id = worker_id
        self.about_us = about_us
        self.expires_at = expires_at
        self.process = process
        self.relay = relay
        self.relay_only = relay_only
        self.told: Assignment | None = None
        self.sending = self.behind = self.closing = False
        self._socket = socket
        self._cut = cut
        self._tasks = TaskSet("channel")
        self._goodbye: asyncio.Task[None] | None = None
        self._tickets: list[str] = []  # that the worker has not been told
        self._asking = False

    def send(self, message: bytes, sent: Callable[[], None]) -> None:
        """Send a message while no other one is under way; `sent` is called when the worker's system has it."""
        self.sending = True
        self._tasks.start(self._send(message, sent), "send")

    def ask(self, tickets: Sequence[str]) -> None:
        """Have the worker open connections; what is asked in one moment is asked at once."""
        self._tickets += tickets
        if not (self._asking or self.closing):
            self._asking = True
            self._tasks.start(self._ask(), "ask")

    def close(self, code: Close | WSCloseCode, reason: str) -> None:
        """Close it with a word; whoever does not answer that is cut off."""
        if not self.closing:
            self.closing = True
            self._goodbye = self._tasks.start(self._close(code, reason), "close")

    async def listen(self) -> None:
        """Hear the worker until the channel has ended: it has nothing to say so far, and may not say it often."""
        loop = asyncio.get_running_loop()
        begun, heard = loop.time(), 0
        while True:
            message = await self._socket.receive()
            if message.type in ENDS:
                if isinstance(message.data, TimeoutError):  # no ping was answered
                    self._cut()
                return
            if loop.time() - begun > WINDOW:
                begun, heard = loop.time(), 0
            heard += 1
            if heard > MOST_HEARD:
                self.close(WSCloseCode.POLICY_VIOLATION, "far too many messages")
            elif message.type is WSMsgType.PING:
                await self._answer(message.data)
            elif message.type is WSMsgType.TEXT and not _is_message(message.data):
                self.close(WSCloseCode.INVALID_TEXT, "what was sent is no message")

    async def end(self) -> None:
        """Let go of whatever is still under way, but for a goodbye, which is short."""
        self.closing = True
        try:
            if self._goodbye is not None:
                await asyncio.wait([self._goodbye])
        finally:
            await self._tasks.stop()

    async def _send(self, message: bytes, sent: Callable[[], None]) -> None:
        try:
            with contextlib.suppress(ConnectionError, TimeoutError):
                async with asyncio.timeout(SEND_LIMIT):
                    await self._socket.send_frame(message, WSMsgType.TEXT)
                self.sending = False
        finally:
            if self.sending:  # for whatever reason: who was not told must not stay without another message
                self._cut()
        if not self.sending:
            sent()

    async def _ask(self) -> None:
        try:
            while self._tickets:
                tickets, self._tickets = tuple(self._tickets[:MOST_RELAYED]), self._tickets[MOST_RELAYED:]
                async with asyncio.timeout(SEND_LIMIT):
                    await self._socket.send_frame(msgspec.json.encode(Open(tickets=tickets)), WSMsgType.TEXT)
        except (ConnectionError, TimeoutError):
            self._cut()
        finally:
            self._asking = False

    async def _answer(self, data: bytes) -> None:
        with contextlib.suppress(ConnectionError):
            await self._socket.pong(data)

    async def _close(self, code: int, reason: str) -> None:
        try:
            async with asyncio.timeout(CLOSE_LIMIT):
                await self._socket.close(code=code, message=reason.encode()[:123], drain=False)
        except (ConnectionError, TimeoutError):
            self._cut()


def _is_message(text: str) -> bool:
    try:
        read_type(text)
    except ValueError:
        return False
    return True
