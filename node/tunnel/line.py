"""Keeps one WebSocket to a coordinator open, again and again, and tells what is heard on it and how it ended."""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

import aiohttp

from node.coordinator_client import CoordinatorError
from node.tunnel.reconnect import Reconnect
from node.wire.channel import Close

log = logging.getLogger(__name__)

FAILED = -1  # no code that a coordinator can close with
MEANING: Mapping[int, str] = {
    FAILED: "The channel failed; the log says how.",
    Close.EXPIRED: "The credential has expired.",
    Close.EXPELLED: "The coordinator does not accept this machine.",
    Close.UNKNOWN_WORKER: "The coordinator does not know this machine yet.",
    Close.REPLACED: "Another program has a channel with this machine's key.",
    aiohttp.WSCloseCode.GOING_AWAY: "The coordinator is stopping.",
    aiohttp.WSCloseCode.INVALID_TEXT: "The coordinator pushed what we cannot read.",
}
ENDS = (
    aiohttp.WSMsgType.CLOSE,
    aiohttp.WSMsgType.CLOSING,
    aiohttp.WSMsgType.CLOSED,
    aiohttp.WSMsgType.ERROR,
)
NOT_FOUND = 404


class UnreadableError(Exception):
    """What came is no message that we can read; the text says why."""


@dataclass(frozen=True, slots=True)
class Ended:
    """How one try came to its end: after how long, with which close code or HTTP status, and what it means."""

    detail: str
    lived: float = 0.0  # seconds; 0 if it never opened
    code: int = 0
    status: int = 0


@dataclass(frozen=True, slots=True)
class Line:
    """A WebSocket that is to be open.

    `hear` may raise UnreadableError, which ends it as anything else does that it raises.
    `ready` holds back every try until it is set.
    """

    open_: Callable[[], Awaitable[aiohttp.ClientWebSocketResponse]]
    hear: Callable[[str], None]
    opened: Callable[[], None]
    ended: Callable[[Ended], None]
    ready: asyncio.Event | None = None

    async def keep(self, reconnect: Reconnect) -> None:
        """Open it again and again, after pauses."""
        while True:
            if self.ready is not None:
                await self.ready.wait()
            end = await self.once()
            self.ended(end)
            chance = random.random()  # noqa: S311 - not for secrets
            if end.status == NOT_FOUND:
                reconnect, pause = reconnect.after_none_there(chance)
            else:
                away = end.code == Close.UNKNOWN_WORKER
                reconnect, pause = reconnect.after(end.lived, chance, sent_away=away)
            await asyncio.sleep(pause)

    async def once(self) -> Ended:
        """Open it, and return how it ended or why it did not open."""
        loop = asyncio.get_running_loop()
        try:
            socket = await self.open_()
        except CoordinatorError as error:
            return Ended(str(error), status=error.status)
        opened_at = loop.time()
        code = await self._live_safely(socket)
        return Ended(MEANING.get(code, "The connection broke."), loop.time() - opened_at, code)

    async def _live_safely(self, socket: aiohttp.ClientWebSocketResponse) -> int:
        """Return how it ended; one message that cannot be handled shall not be the end of all."""
        try:
            return await self._live(socket)
        except Exception:
            log.exception("the channel to the coordinator failed")
            return FAILED

    async def _live(self, socket: aiohttp.ClientWebSocketResponse) -> int:
        """Hear what is said until it ends; return the code with which it did, 0 for none."""
        self.opened()
        async with socket:
            while (message := await socket.receive()).type not in ENDS:
                if message.type is aiohttp.WSMsgType.TEXT and not self._understood(message.data):
                    return aiohttp.WSCloseCode.INVALID_TEXT
        return int(message.data or 0) if message.type is aiohttp.WSMsgType.CLOSE else 0

    def _understood(self, text: str) -> bool:
        try:
            self.hear(text)
        except UnreadableError as error:
            log.warning("the coordinator pushed what we cannot read: %s", error)
            return False
        return True
