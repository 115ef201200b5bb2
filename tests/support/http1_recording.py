"""Tells what a proxy makes of raw requests: an upstream that records what reaches it, a client that says them."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import re
from collections import defaultdict
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field

from node.program.accepting import accept_no_more
from tests.support.http1_corpus import END_OF_TUNNEL
from tests.support.waiting import eventually

CASE = b"x-case"  # the proxies put the client's port into this field,
SEEN_HOST = b"x-case-host"  # and into this one the host that they take the request to be for
PATIENCE = 60.0  # seconds after which a test fails for want of an end
ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
SWITCH = b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n"
STATUS = re.compile(rb"HTTP/1\.[01] ([2-5])[0-9][0-9] ")
ADDED = frozenset({CASE, SEEN_HOST, b"host", b"connection", b"upgrade", b"content-length", b"transfer-encoding"})


@dataclass
class Forwarded:
    """A request as it came to the upstream."""

    start: bytes
    fields: list[tuple[bytes, bytes]]
    body: bytes = b""
    complete: bool = False
    lost: bool = False  # its connection ended before it was complete

    def get(self, name: bytes) -> bytes:
        return b", ".join(value for key, value in self.fields if key.lower() == name)

    def parts(self) -> tuple[str, ...]:
        """Return all that a proxy decides, one thing in a line, without what configuration adds."""
        host = re.sub(rb"\.?(:[0-9]*)?$", b"", self.get(SEEN_HOST)).lower()
        framing = b"a body" if self.get(b"transfer-encoding") or self.get(b"content-length") else b"no body"
        kept = [(key, value) for key, value in self.fields if key.lower() not in ADDED]
        parts = [b"start " + self.start, b"host " + host, framing]
        parts += [b"field %d %s: %s" % (number, *one) for number, one in enumerate(kept)]
        parts += [b"upgrade " + self.get(b"upgrade")] if self.get(b"upgrade") else []
        parts += [b"body " + self.body] if self.body else []
        return tuple(short(part) for part in parts + ([] if self.complete else [b"broken off"]))


@dataclass(frozen=True)
class Outcome:
    """What became of the bytes of one connection: answers by class, and what went upstream."""

    answers: tuple[str, ...]
    forwarded: tuple[tuple[str, ...], ...]

    def beside(self, other: Outcome) -> str:
        """Describe this outcome in a line by what differs in the other."""
        said = [" ".join(self.answers)]
        if len(self.forwarded) != len(other.forwarded):
            said.append(f"{len(self.forwarded)} forwarded")
        for mine, theirs in zip(self.forwarded, other.forwarded, strict=False):
            extra = [part for part in mine if part not in theirs]
            said += extra or ([] if mine == theirs else ["less"])
        return "; ".join(said)


def short(part: bytes) -> str:
    text = part.decode("latin-1").encode("unicode_escape").decode()
    return text if len(text) <= 100 else f"{text[:40]}... {len(text)}"


@dataclass
class Recorder:
    """An upstream that answers whatever it is asked, and keeps it by the client that the proxy names."""

    seen: dict[bytes, list[Forwarded]] = field(default_factory=lambda: defaultdict(list))
    port: int = 0
    _server: asyncio.Server | None = None
    _tasks: set[asyncio.Task[None]] = field(default_factory=set)

    async def start(self) -> None:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0, limit=2**20, backlog=1024)
        self.port = self._server.sockets[0].getsockname()[1]

    async def settled(self) -> None:
        """Wait until every request that has begun is whole or known to be broken off."""
        requests = itertools.chain.from_iterable
        await eventually(
            lambda: all(one.complete or one.lost for one in requests(self.seen.values())), "an end", PATIENCE
        )

    async def stop(self) -> None:
        """Hang up; what was being read has then been recorded."""
        assert self._server is not None
        await accept_no_more(self._server.sockets)
        self._server.close()
        for task in tuple(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        ended = (asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError)
        client, request = b"nobody", None
        try:
            with contextlib.suppress(*ended):
                while True:
                    request = head_of(await reader.readuntil(b"\r\n\r\n"))
                    client = request.get(CASE) or client  # one that was smuggled in belongs to the one before it
                    self.seen[client].append(request)
                    await read_body(reader, request)
                    if request.get(b"upgrade") and request.start.startswith(b"GET /ws"):
                        writer.write(SWITCH)
                        await read_tunnel(reader, request)
                        break
                    request.complete = True
                    writer.write(ANSWER)
        finally:
            if request is not None:
                request.lost = True
            self._tasks.discard(task)
            writer.close()


@contextlib.asynccontextmanager
async def recording() -> AsyncIterator[Recorder]:
    recorder = Recorder()
    await recorder.start()
    try:
        yield recorder
    finally:
        await recorder.stop()


def head_of(raw: bytes) -> Forwarded:
    start, *lines = raw[:-4].split(b"\r\n")
    return Forwarded(start, [(name, value.strip()) for name, _, value in (line.partition(b":") for line in lines)])


async def read_body(reader: asyncio.StreamReader, request: Forwarded) -> None:
    if request.get(b"transfer-encoding"):
        while size := int((await reader.readuntil(b"\r\n")).strip(), 16):
            await read_into(reader, request, size)
            assert await reader.readexactly(2) == b"\r\n"
        while await reader.readuntil(b"\r\n") != b"\r\n":
            pass
    elif length := request.get(b"content-length"):
        await read_into(reader, request, int(length))


async def read_into(reader: asyncio.StreamReader, request: Forwarded, size: int) -> None:
    while size and (data := await reader.read(size)):
        request.body += data
        size -= len(data)
    if size:
        raise asyncio.IncompleteReadError(b"", size)


async def read_tunnel(reader: asyncio.StreamReader, request: Forwarded) -> None:
    while not request.body.endswith(END_OF_TUNNEL) and (data := await reader.read(65536)):
        request.body += data
    request.complete = request.body.endswith(END_OF_TUNNEL)


async def say_all(port: int, requests: Mapping[str, bytes]) -> dict[str, tuple[bytes, tuple[str, ...]]]:
    """Say each on a connection of its own, all at once; return the client's port and the answers up to the end."""
    writers: list[asyncio.StreamWriter] = []  # kept to the end, so that no port is used twice
    try:
        async with asyncio.TaskGroup() as group:
            tasks = {name: group.create_task(say(port, raw, writers)) for name, raw in requests.items()}
        return {name: task.result() for name, task in tasks.items()}
    finally:
        for writer in writers:
            writer.transport.abort()


async def say(port: int, raw: bytes, writers: list[asyncio.StreamWriter]) -> tuple[bytes, tuple[str, ...]]:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writers.append(writer)
    writer.write(raw)
    got = b""
    async with asyncio.timeout(PATIENCE):
        with contextlib.suppress(ConnectionError):
            while data := await reader.read(65536):
                got += data
    return str(writer.get_extra_info("sockname")[1]).encode(), answers_in(got)


def answers_in(got: bytes) -> tuple[str, ...]:
    classes = tuple(f"{found.decode()}xx" for found in STATUS.findall(got))
    if b"HTTP/1.1 101 " in got:
        return ("switched", *classes)
    return classes or ("bare" if got else "cut",)
