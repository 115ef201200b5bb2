"""One worker's WebSocket: what it is sent, one message at a time, and the heartbeats that it sends."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

import msgspec
from aiohttp import WSCloseCode, WSMsgType, web

from node.program.tasks import TaskSet
from node.wire.channel import LEAST_GAP, MOST_RELAYED, Beat, Close, Open, read_beat
from node.wire.messages import Assignment, CoordinatorInfo

SEND_LIMIT = 10.0  # seconds that a worker may take to accept one message
CLOSE_LIMIT = 1.0  # seconds that it gets to confirm that the channel is closed
MOST_HEARD = 200  # frames, pings included, in so many seconds:
WINDOW = 10.0
BUNCH = 3.0  # heartbeats that may come at once, when the network has held them up
ENDS = (WSMsgType.CLOSE, WSMsgType.CLOSING, WSMsgType.CLOSED, WSMsgType.ERROR)


@dataclass(frozen=True, slots=True)
class Proof:
    """What its worker has proved when a channel was opened; the channel counts no longer than this."""

    expires_at: float  # the end of its credential (Unix seconds)
    public_key: str = ""
    mesh_id: bytes | None = None  # by which key of the mesh; None for a machine that waits to be let in
    apart: float | None = None  # seconds that our clock was ahead of one that nobody sets


class Line:
    """A channel that is open; `told` is what its worker was told last, without the blocklist."""

    def __init__(
        self,
        worker_id: str,
        about_us: CoordinatorInfo,
        proof: Proof,
        socket: web.WebSocketResponse,
        cut: Callable[[], None],
        *,
        process: int = 0,
        relay: int = 0,
        relay_only: bool = False,
        address: str = "",
        beats: Callable[[Line, Beat], Awaitable[bytes | None]] | None = None,
    ) -> None:
        """`cut` aborts the connection below it; `address` is the worker's.

        `process` is the gateway process that it goes through, 0 for none; `relay` is how many relay connections the
        worker opens when it is asked. A `relay_only` channel carries nothing else. `beats` takes a heartbeat in and
        returns the message that answers it, None where the channel ends instead; without it, nothing is heard.
        """
        self.worker_id = worker_id
        self.about_us = about_us
        self.proof = proof
        self.address = address
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
        self._beats = beats
        self._beating = False
        self._next_beat = 0.0  # when the next one is due, were they evenly spread (time of the loop)

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
        """Hear the worker until the channel has ended: it has little to say, and may not say it often."""
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
            elif message.type is WSMsgType.TEXT and not self.closing:
                self._hear(message.data, loop.time())

    async def end(self) -> None:
        """Let go of whatever is still under way, but for a goodbye, which is short."""
        self.closing = True
        try:
            if self._goodbye is not None:
                await asyncio.wait([self._goodbye])
        finally:
            await self._tasks.stop()

    def _hear(self, text: str, now: float) -> None:
        """Take a heartbeat in, and pass over every other message."""
        try:
            beat = read_beat(text)
        except ValueError:
            self.close(WSCloseCode.INVALID_TEXT, "what was sent is no message")
            return
        if beat is None or self._beats is None:
            return
        if self._next_beat > now + BUNCH * LEAST_GAP:
            self.close(WSCloseCode.POLICY_VIOLATION, "far too many heartbeats")
            return
        self._next_beat = max(self._next_beat, now) + LEAST_GAP
        if not self._beating:  # else the one before waits for its answer: a worker beats again when it has that
            self._beating = True
            self._tasks.start(self._beat(beat, self._beats), "beat")

    async def _beat(self, beat: Beat, take: Callable[[Line, Beat], Awaitable[bytes | None]]) -> None:
        try:
            answer = await take(self, beat)
            if answer is not None and not self.closing:
                async with asyncio.timeout(SEND_LIMIT):
                    await self._socket.send_frame(answer, WSMsgType.TEXT)
        except (ConnectionError, TimeoutError):
            self._cut()
        finally:
            self._beating = False

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
