"""Follows what is below a prefix by a stream of lines; begins anew where that falls silent or changes were lost."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable, Sequence

import aiohttp

from coordinator_server.store.etcd import messages
from coordinator_server.store.etcd.gateway import EtcdError, Gateway
from coordinator_server.store.etcd.messages import WatchAnswer, WatchLine
from coordinator_server.store.interface import Change, Seen, StoreError, Versioned
from node.wire.messages import UNREADABLE

log = logging.getLogger(__name__)
IDLE = 6.0  # seconds of silence after which another member is asked
OPEN = 3.0  # seconds for a stream to begin
PAUSES = (0.1, 5.0)  # seconds before another try: at first, doubled each time, at most
LONGEST_LINE = 32 * 2**20  # bytes
MOST_FRAGMENTS = 100_000  # changes of one revision's parts

Snapshot = Callable[[str], Awaitable[tuple[int, int, Sequence[tuple[str, Versioned]]]]]


class LostError(Exception):
    """Changes were missed, or cannot be told: everything has to be read again."""


class Watch:
    """One watch; `snapshot` returns cluster, revision and all that is below a prefix."""

    def __init__(
        self,
        gateway: Gateway,
        prefix: str,
        root: bytes,
        *,
        snapshot: Snapshot,
        among: set[Watch],
        idle: float = IDLE,
    ) -> None:
        """`root` is what all keys of the store begin with."""
        self._gateway = gateway
        self._prefix = prefix
        self._root = root
        self._snapshot = snapshot
        self._among = among
        self._idle = idle
        self._cluster = 0
        self._failures = 0  # in a row
        self._revision: int | None = None
        self._parts: list[messages.Event] = []
        self._url = ""
        self._answer: aiohttp.ClientResponse | None = None
        self._lines = Lines()
        self._closed = asyncio.Event()

    async def __aenter__(self) -> Watch:
        self._among.add(self)
        return self

    async def __aexit__(self, *_: object) -> None:
        self._among.discard(self)
        self._end_stream()

    def close(self) -> None:
        """End it, whoever waits."""
        self._closed.set()
        self._end_stream()

    def __aiter__(self) -> Watch:
        return self

    async def __anext__(self) -> Seen:
        while not self._closed.is_set():
            try:
                seen = await self._step()
                if seen is not None:
                    return seen
            except LostError as error:
                log.info("watching %s begins anew: %s", self._prefix, error)
                self._revision = None
                self._end_stream()
            except (
                EtcdError,
                StoreError,
                OSError,
                TimeoutError,
                aiohttp.ClientError,
                *UNREADABLE,
            ) as error:
                log.debug("watching %s: %s", self._prefix, error or "silence")
                self._gateway.endpoints.pass_on(self._url)
                self._end_stream()
                await self._rest()
        raise StopAsyncIteration

    async def _step(self) -> Seen | None:
        if self._revision is None:
            self._cluster, self._revision, entries = await self._snapshot(self._prefix)
            return Seen(self._revision, [Change(key, entry) for key, entry in entries], whole=True)
        if self._answer is None:
            wish = messages.watch(self._root + self._prefix.encode(), self._revision + 1)
            self._url, self._answer = await self._gateway.stream("/v3/watch", wish, OPEN)
            self._lines, self._parts = Lines(), []
        line = await self._line(self._answer)
        self._failures = 0
        return self._take(line)

    async def _line(self, answer: aiohttp.ClientResponse) -> bytes:
        while True:
            line = self._lines.take()
            if line is not None:
                return line
            async with asyncio.timeout(self._idle):
                part = await answer.content.readany()
            if not part:
                raise ConnectionResetError("the stream has ended")
            self._lines.feed(part)

    def _take(self, line: bytes) -> Seen | None:
        """Return what a line tells of changes, if it does."""
        said = messages.decode(line, WatchLine)
        if said.result is None:
            raise ConnectionResetError(said.error.message if said.error else "an empty line")
        told = said.result
        if told.canceled:
            if told.compact_revision:
                raise LostError(f"what changed before revision {told.compact_revision} is not kept any more")
            raise ConnectionResetError("the member ends the stream")
        if told.header.cluster_id != self._cluster:
            raise LostError("it is another cluster now")
        if not told.events:
            if not told.created and not self._parts:
                self._revision = max(self._revision or 0, told.header.revision)
            return None
        return self._changes(told)

    def _changes(self, told: WatchAnswer) -> Seen | None:
        self._parts += told.events
        if told.fragment:
            if len(self._parts) > MOST_FRAGMENTS:
                raise LostError("too much has changed at once")
            return None
        events, self._parts = self._parts, []
        since = self._revision or 0
        changes = [self._change(event) for event in events if event.kv.mod_revision > since]
        self._revision = max([since, *(event.kv.mod_revision for event in events)])
        return Seen(self._revision, changes, whole=False) if changes else None

    def _change(self, event: messages.Event) -> Change:
        key = event.kv.key.removeprefix(self._root).decode("utf-8", "replace")
        return Change(key, None if event.type == "DELETE" else event.kv.entry)

    def _end_stream(self) -> None:
        answer, self._answer = self._answer, None
        if answer is not None:
            answer.close()

    async def _rest(self) -> None:
        with contextlib.suppress(TimeoutError):
            first, most = PAUSES
            self._failures = min(self._failures + 1, 16)
            async with asyncio.timeout(min(most, first * 2 ** (self._failures - 1))):
                await self._closed.wait()


class Lines:
    """Splits a stream into lines, none longer than we read."""

    def __init__(self, longest: int = LONGEST_LINE) -> None:
        self._longest = longest
        self._rest = bytearray()
        self._searched = 0

    def feed(self, part: bytes) -> None:
        """Take in what has come; raise LostError for a line without end."""
        self._rest += part
        if len(self._rest) > self._longest + len(part):
            raise LostError("a line is too long")

    def take(self) -> bytes | None:
        """Return the next line that is whole and not empty."""
        while (end := self._rest.find(b"\n", self._searched)) >= 0:
            line = bytes(self._rest[:end])
            del self._rest[: end + 1]
            self._searched = 0
            if line.strip():
                return line
        self._searched = len(self._rest)
        return None
