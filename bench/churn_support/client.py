"""Sends requests at a fixed rate, whatever becomes of them, and counts what became of each.

The next request leaves at its time also while earlier ones wait, and its time counts from when it should have left.
Every other one goes over a connection that is kept. When such a connection is closed before any byte of an answer,
the request is sent once more on a fresh one, as any HTTP client does (RFC 9110 §9.2.2); nothing else is repeated.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import time
from collections import Counter
from dataclasses import dataclass, field

from node.program.tasks import TaskSet

PATIENCE = 60.0  # seconds for one request
SHOWN = 20  # failures that are told in full


class Failed(Exception):  # noqa: N818 - it is what the request has
    """A request that brought no right answer; the first argument says in a few words why."""


class ClosedEarly(Exception):  # noqa: N818 - it is what the connection was
    """The connection ended before any byte of an answer."""


@dataclass
class Tally:
    """What became of the requests."""

    answered: int = 0
    failed: Counter[str] = field(default_factory=Counter)
    failures: list[str] = field(default_factory=list)
    sent_again: int = 0  # for a kept connection was closed before an answer
    tried_again: int = 0  # by the gateway, as X-RMA-Attempts tells
    by_worker: Counter[str] = field(default_factory=Counter)
    seconds: list[float] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Wire:
    """A connection."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    @property
    def usable(self) -> bool:
        return not (self.reader.at_eof() or self.writer.is_closing())

    def close(self) -> None:
        self.writer.close()


class Client:
    """Asks one gateway; `run` is its whole life."""

    def __init__(self, host: str, port: int, key: str) -> None:
        self._where = (host, port)
        self._key = key
        self._kept: list[Wire] = []
        self._tasks = TaskSet("client")
        self.tally = Tally()
        self.sent = 0

    async def run(self, rate: float, over: asyncio.Event) -> None:
        """Send so many requests a second until `over`, then wait for the last answers."""
        began = time.monotonic()
        while not over.is_set():
            due = began + self.sent / rate
            # Also when we are late: a burst would make us later still.
            await asyncio.sleep(max(0.0, due - time.monotonic()))
            self._tasks.start(self._ask(self.sent, due), "request")
            self.sent += 1
        async with asyncio.timeout(2 * PATIENCE):
            while len(self._tasks):  # noqa: ASYNC110 - they end by themselves
                await asyncio.sleep(0.01)

    async def stop(self) -> None:
        await self._tasks.stop()
        while self._kept:
            wire = self._kept.pop()
            wire.close()
            with contextlib.suppress(OSError):
                await wire.writer.wait_closed()

    async def _ask(self, number: int, due: float) -> None:
        try:
            async with asyncio.timeout(PATIENCE):
                await self._ask_once_or_twice(number)
        except (Failed, OSError, TimeoutError, ClosedEarly) as error:
            kind = str(error.args[0]) if isinstance(error, Failed) else type(error).__name__
            self.tally.failed[kind] += 1
            if len(self.tally.failures) < SHOWN:
                self.tally.failures.append(f"{time.strftime('%H:%M:%S')} request {number}: {error!r}")
        else:
            self.tally.answered += 1
            self.tally.seconds.append(time.monotonic() - due)

    async def _ask_once_or_twice(self, number: int) -> None:
        keep = number % 2 == 1
        wire = self._take() if keep else None
        if wire is not None:
            try:
                await self._exchange(wire, number, keep=True)
            except (ClosedEarly, ConnectionError):
                self.tally.sent_again += 1
            else:
                return
        began = time.monotonic()
        wire = Wire(*await asyncio.open_connection(*self._where))
        opened = time.monotonic()
        try:
            await self._exchange(wire, number, keep=keep)
        except ClosedEarly:
            now = time.monotonic()
            told = f"after {opened - began:.2f} s to connect, and {now - opened:.2f} s more"
            raise ClosedEarly(f"closed without an answer, {told}") from None

    def _take(self) -> Wire | None:
        """Return a connection that has not been closed as far as can be seen."""
        while self._kept:
            wire = self._kept.pop()
            if wire.usable:
                return wire
            wire.close()
        return None

    async def _exchange(self, wire: Wire, number: int, *, keep: bool) -> None:
        done = False
        try:
            wire.writer.write(request(number, self._key, keep=keep))
            head, body = await answer(wire.reader)
            self._check(number, head, body)
            done = keep and head.get("connection", "").lower() != "close"
        finally:
            if done:
                self._kept.append(wire)
            else:
                wire.close()
        if not keep:
            with contextlib.suppress(OSError):
                await wire.writer.wait_closed()

    def _check(self, number: int, head: dict[str, str], body: bytes) -> None:
        document = json.loads(body)
        if head[":status"] != "200":
            raise Failed(f"{head[':status']} {document.get('type', '').rpartition('/')[2]}", document)
        if is_get(number):
            right = document.get("service") == "ner-extraction" or "ner-extraction" in body.decode()
        else:
            right = f"{number}.25" in body.decode()
        if not right:
            raise Failed("somebody else's answer", document)
        self.tally.by_worker[head.get("x-rma-worker", "")] += 1
        self.tally.tried_again += head.get("x-rma-attempts", "1") != "1"


def is_get(number: int) -> bool:
    return number % 4 >= 2


def request(number: int, key: str, *, keep: bool) -> bytes:
    """Return a GET, or a POST that may be repeated because it says so."""
    head = f"Host: mesh\r\nAuthorization: Bearer {key}\r\n" + ("" if keep else "Connection: close\r\n")
    if is_get(number):
        return f"GET /service/ner-extraction/ HTTP/1.1\r\n{head}\r\n".encode()
    body = json.dumps({"text": f"Invoice {number}: please pay £{number}.25 to Mary Smith by 3 May 2026."}).encode()
    lines = (
        f"Idempotency-Key: invoice-{number}\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n"
    )
    return f"POST /service/ner-extraction HTTP/1.1\r\n{head}{lines}\r\n".encode() + body


async def answer(reader: asyncio.StreamReader) -> tuple[dict[str, str], bytes]:
    """Read a whole answer; raise ClosedEarly where nothing of one came, Failed where it was cut off."""
    try:
        head = read_head(await reader.readuntil(b"\r\n\r\n"))
    except asyncio.IncompleteReadError as error:
        if error.partial:
            raise Failed("the answer's head was cut off", error.partial) from None
        raise ClosedEarly("closed without an answer") from None
    try:
        if head.get("transfer-encoding") == "chunked":
            return head, await read_chunks(reader)
        return head, await reader.readexactly(int(head["content-length"]))
    except (asyncio.IncompleteReadError, ConnectionError) as error:
        raise Failed("the answer's body was cut off", repr(error)) from None


def read_head(raw: bytes) -> dict[str, str]:
    first, *lines = raw.decode("latin-1").split("\r\n")
    fields = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines if line)}
    return {**fields, ":status": first.split(" ")[1]}


async def read_chunks(reader: asyncio.StreamReader) -> bytes:
    body = b""
    while size := int(await reader.readuntil(b"\r\n"), 16):
        body += (await reader.readexactly(size + 2))[:-2]
    await reader.readexactly(2)
    return body
