"""Keeps a WebSocket to the coordinator open on which it pushes what would else come with the next heartbeat.

It is opened to the coordinator that we are registered with, and again whenever it drops. Heartbeats neither wait
for it nor change with it.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass

import aiohttp

from node import events as e
from node.coordinator_client import CoordinatorError
from node.program.tasks import TaskSet
from node.state import ChannelStatus, NodeState
from node.tunnel.reconnect import Reconnect
from node.wire.channel import ASSIGNMENT, OPEN, Close, read_assignment, read_open, read_type
from node.wire.messages import Assignment

log = logging.getLogger(__name__)

IS_OPEN = ChannelStatus(True)
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
REFUSED = (401, 403)
NOT_FOUND = 404


@dataclass(frozen=True, slots=True)
class Target:
    """Whose channel to which coordinator."""

    worker_id: str
    url: str


def target_of(state: NodeState) -> Target | None:
    """Return the channel that should be open, or None while there is nobody whom it could help."""
    if state.membership is None or state.coordinator is None or state.leaving or state.stopping:
        return None
    if state.offline:
        return None
    return Target(state.membership.worker_id, state.coordinator)


Open = Callable[[str], Awaitable[aiohttp.ClientWebSocketResponse]]


class Channel:
    """Follows the node's state from the first `look` until `stop`, which may be called any number of times."""

    def __init__(
        self,
        open_: Open,
        pushed: Callable[[Assignment], None],
        dispatch: Callable[[e.Event], None],
        asked: Callable[[str, Sequence[str]], None] | None = None,
    ) -> None:
        """`open_` opens a channel to the coordinator at a URL, or raises CoordinatorError.

        `asked` hears the URL of the coordinator that asks for relay connections, and its tickets.
        """
        self._asked = asked
        self._open = open_
        self._pushed = pushed
        self._dispatch = dispatch
        self._target: Target | None = None
        self._registered = asyncio.Event()
        self._keeping: asyncio.Task[None] | None = None
        self._stopped = False
        self._tasks = TaskSet("channel")

    def look(self, state: NodeState) -> None:
        """See whether another channel is wanted now than there is; costs nothing when all is the same."""
        if state.registered:
            self._registered.set()
        else:
            self._registered.clear()
        target = target_of(state)
        if target == self._target or self._stopped:
            return
        self._target = target
        if self._keeping is not None:
            self._keeping.cancel()
            asyncio.get_running_loop().call_soon(self._dispatch, e.ChannelChanged(ChannelStatus()))
        self._keeping = self._tasks.start(self._keep(target), "keep") if target is not None else None

    async def stop(self) -> None:
        self._stopped = True
        await self._tasks.stop()

    async def _keep(self, target: Target) -> None:
        """Open the channel again and again, after pauses."""
        loop, reconnect = asyncio.get_running_loop(), Reconnect()
        while True:
            await self._registered.wait()
            opened_at, is_there, sent_away = loop.time(), True, False
            try:
                socket = await self._open(target.url)
            except CoordinatorError as error:
                lived, detail, is_there = 0.0, str(error), error.status != NOT_FOUND
                if error.status in REFUSED:
                    self._dispatch(e.ChannelRefused())
            else:
                code = await self._live_safely(socket, target.url)
                lived, sent_away = loop.time() - opened_at, code == Close.UNKNOWN_WORKER
                detail = MEANING.get(code, "The connection broke.")
            log.debug("no channel to %s: %s", target.url, detail)
            self._dispatch(e.ChannelChanged(ChannelStatus(False, detail)))
            chance = random.random()  # noqa: S311 - not for secrets
            if is_there:
                reconnect, pause = reconnect.after(lived, chance, sent_away=sent_away)
            else:
                reconnect, pause = reconnect.after_none_there(chance)
            await asyncio.sleep(pause)

    async def _live_safely(self, socket: aiohttp.ClientWebSocketResponse, url: str) -> int:
        """Return how the channel ended; one message that cannot be handled shall not be the end of all channels."""
        try:
            return await self._live(socket, url)
        except Exception:
            log.exception("the channel to the coordinator failed")
            return FAILED

    async def _live(self, socket: aiohttp.ClientWebSocketResponse, url: str) -> int:
        """Hear what is pushed until the channel ends; return the code with which it did, 0 for none."""
        self._dispatch(e.ChannelChanged(IS_OPEN))
        async with socket:
            while (message := await socket.receive()).type not in ENDS:
                if message.type is aiohttp.WSMsgType.TEXT and not self._hear(message.data, url):
                    return aiohttp.WSCloseCode.INVALID_TEXT
        code = int(message.data or 0) if message.type is aiohttp.WSMsgType.CLOSE else 0
        self._ended(code)
        return code

    def _hear(self, text: str, url: str) -> bool:
        """Act upon a message, and pass over one of a type that is not known here; return False for a bad one."""
        try:
            kind = read_type(text)
            told = read_assignment(text) if kind == ASSIGNMENT else None
            wanted = read_open(text) if kind == OPEN else None
        except ValueError as error:
            log.warning("the coordinator pushed what we cannot read: %s", error)
            return False
        if told is not None:
            self._pushed(told)
        if wanted is not None and self._asked is not None:
            self._asked(url, wanted.tickets)
        return True

    def _ended(self, code: int) -> None:
        if code == Close.UNKNOWN_WORKER:
            self._dispatch(e.WorkerUnknown())
        elif code in (Close.EXPIRED, Close.EXPELLED):
            self._dispatch(e.ChannelRefused())
