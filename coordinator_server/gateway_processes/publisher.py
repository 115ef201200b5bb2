"""Tells all gateway processes what the registry knows, and who of them has heard that a key was revoked."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

import msgspec

from coordinator_server.gateway_processes.messages import KeyRevoked
from coordinator_server.gateway_processes.offers import Book, offers_of
from node.program.tasks import TaskSet
from node.wire.messages import WorkerRecord

log = logging.getLogger(__name__)
PERIOD = 0.25  # seconds between two looks at a registry that has changed
LONGEST = 1.0  # seconds between two looks at one that has not: workers become stale by time alone
PAUSE = 0.02  # seconds between two looks that cannot wait
SHARE, SHARE_IN_HASTE = 0.05, 0.25  # of the time that looking may take, however many workers there are
SIGNATURES = 200  # tokens made in one look at most: all at once would keep everybody waiting
TOKEN_AGE = 20.0  # seconds after which another token is made; they are good for a minute

Send = Callable[[msgspec.Struct], None]


class Offering(Protocol):
    """Knows which workers may be asked; `version` rises with what it knows."""

    @property
    def version(self) -> int: ...

    def offers(self) -> Mapping[str, Sequence[WorkerRecord]]: ...


class Publisher:
    """Sends everybody who listens a snapshot, and then the same changes."""

    def __init__(
        self,
        registry: Offering,
        issue: Callable[[str], str],
        hearing: float,
        relay: Callable[[WorkerRecord], Sequence[str]] = lambda _record: (),
    ) -> None:
        """`hearing` is how many seconds a process may take to hear that a key was revoked.

        `relay` says where a worker is reached by relay.
        """
        self._relay = relay
        self._hearing = hearing
        self._registry = registry
        self._issue = issue
        self._tokens: dict[str, tuple[float, str]] = {}  # when they were made
        self._signatures = 0
        self._book = Book()
        self._listeners: dict[int, Send] = {}
        self._serving: set[int] = set()
        self._version = -1
        self._looked_at = float("-inf")
        self._took = 0.0  # seconds, the last time
        self._soon: asyncio.TimerHandle | None = None
        self._tasks = TaskSet("publisher")
        self._numbers = 0
        self._unseen: dict[int, tuple[set[int], asyncio.Event]] = {}

    def start(self) -> None:
        self._look()
        self._tasks.every(PERIOD, self._turn, "offers")

    async def stop(self) -> None:
        if self._soon is not None:
            self._soon.cancel()
        await self._tasks.stop()

    def listen(self, process: int, send: Send) -> None:
        """Send a process all that is known now, and from now on what changes."""
        self._listeners[process] = send
        send(self._book.snapshot())

    def serves(self, process: int) -> None:
        """From now on, wait until the process has heard of what it must not do any more."""
        self._serving.add(process)

    def forget(self, process: int) -> None:
        self._listeners.pop(process, None)
        self._serving.discard(process)
        for number in tuple(self._unseen):
            self.seen(process, number)

    def hurry(self) -> None:
        """Look at once: somebody was revoked or failed."""
        if self._soon is None:
            loop = asyncio.get_running_loop()
            pause = max(PAUSE, self._took / SHARE_IN_HASTE)
            self._soon = loop.call_at(max(loop.time(), self._looked_at + pause), self._look)

    async def revoked(self, key_id: str) -> None:
        """Return when every process has heard that a key is worth nothing any more."""
        self._numbers += 1
        number, heard = self._numbers, asyncio.Event()
        for send in tuple(self._listeners.values()):
            send(KeyRevoked(key_id, number))
        if not self._serving:
            return
        self._unseen[number] = (set(self._serving), heard)
        try:
            async with asyncio.timeout(self._hearing):
                await heard.wait()
        except TimeoutError:
            log.warning("not every process has heard yet that the key %s was revoked; within 5 s they do", key_id)
        finally:
            self._unseen.pop(number, None)

    def seen(self, process: int, number: int) -> None:
        """Note that a process has heard of a revocation."""
        waiting, heard = self._unseen.get(number, (set(), None))
        waiting.discard(process)
        if heard is not None and not waiting:
            heard.set()

    async def _turn(self) -> None:
        since = asyncio.get_running_loop().time() - self._looked_at
        if since >= self._took / SHARE and (since >= LONGEST or self._version != self._registry.version):
            self._look()

    def _look(self) -> None:
        self._soon = None
        begun = time.thread_time()  # what it works: a pause that the system makes puts nothing off
        self._looked_at = asyncio.get_running_loop().time()
        self._version = self._registry.version
        self._signatures = 0
        offers, services = offers_of(self._registry.offers(), self._token_for, self._relay)
        self._tokens = {name: self._tokens[name] for name in offers}
        if self._signatures >= SIGNATURES:
            self._version = -1  # some wait for theirs
        change = self._book.update(offers, services)
        if change is not None:
            for send in tuple(self._listeners.values()):
                send(change)
        self._took = time.thread_time() - begun

    def _token_for(self, worker_id: str) -> str | None:
        made_at, token = self._tokens.get(worker_id, (float("-inf"), None))
        if self._looked_at - made_at >= TOKEN_AGE and self._signatures < SIGNATURES:
            self._signatures += 1
            token = self._issue(worker_id)
            self._tokens[worker_id] = (self._looked_at, token)
        return token
