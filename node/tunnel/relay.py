"""Opens the connections that the coordinator asks for, each a WebSocket that carries HTTP to us, backwards.

What comes on one is a request like any other at our port: the same doors look at it. Nothing is opened that was not
asked for on a channel of ours, and only so much at once.
"""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence

from node.coordinator_client import CoordinatorError
from node.forwarding.websocket.opening import Opened
from node.forwarding.websocket.stream import WebSocketStream
from node.program.tasks import TaskSet

log = logging.getLogger(__name__)
LOOK = 10.0  # seconds between looks whether the other ends are still there

OpenRelay = Callable[[str, str], Awaitable[Opened]]


def how_many(asked: int, there: int, opening: int, most: int) -> int:
    """Return how many connections to open of those that are asked for; what is too much is passed over."""
    return max(0, min(asked, most - there - opening))


class RelayConnections:
    """Holds them until `stop`, which may be called any number of times; each coordinator may have as many."""

    def __init__(self, open_: OpenRelay, serve: Callable[[], asyncio.Protocol | None], most: int) -> None:
        """`open_` opens one at a coordinator's URL with a ticket; raises CoordinatorError.

        `serve` returns the protocol that answers on one, or None where nobody does any more.
        """
        self._open = open_
        self._serve = serve
        self._most = most
        self._opening = Counter[str]()  # by the coordinator's URL
        self._streams: dict[WebSocketStream, tuple[str, Opened]] = {}
        self._none = asyncio.Event()  # set while there is none
        self._none.set()
        self._tasks = TaskSet("relay")
        self._stopped = False
        self.refused = 0  # tickets that were too many

    def __len__(self) -> int:
        return len(self._streams)

    def start(self) -> None:
        self._tasks.every(LOOK, self._look, "look")

    def asked(self, url: str, tickets: Sequence[str]) -> None:
        """Hear what the coordinator at this URL asks for on its channel."""
        there = sum(to == url for to, _ in self._streams.values())
        room = 0 if self._stopped else how_many(len(tickets), there, self._opening[url], self._most)
        self.refused += len(tickets) - room
        for ticket in tickets[:room]:
            self._opening[url] += 1
            self._tasks.start(self._come(url, ticket), "open")

    async def stop(self) -> None:
        """Cut all of them."""
        self._stopped = True
        await self._tasks.stop()
        self.cut()
        await self._none.wait()

    def cut(self) -> None:
        """Cut all that there are now, as when the node goes offline for a while."""
        for stream in tuple(self._streams):
            stream.abort()

    async def _come(self, url: str, ticket: str) -> None:
        try:
            opened = await self._open(url, ticket)
        except CoordinatorError as error:
            log.debug("no relay connection to %s: %s", url, error)
            return
        finally:
            self._opening[url] -= 1
            self._opening += Counter()  # forgets who has none
        inner = self._serve()
        if inner is None or self._stopped:
            opened.release()
            return
        stream = WebSocketStream(opened.transport, client=True, ended=self._ended)
        self._streams[stream] = url, opened
        self._none.clear()
        stream.attach(inner)
        stream.begin(opened.early)

    def _ended(self, stream: WebSocketStream) -> None:
        _, opened = self._streams.pop(stream, ("", None))
        if not self._streams:
            self._none.set()
        if opened is not None:
            opened.release()

    async def _look(self) -> None:
        for stream in tuple(self._streams):
            stream.beat()
