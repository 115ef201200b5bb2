"""A few helper processes that read documents, each with a time limit; one that crashes or hangs is replaced."""

from __future__ import annotations

import asyncio
import contextlib
import subprocess
import sys
import threading
from collections.abc import Sequence

import msgspec

from node.services.builtin.document_processing.documents import Document, DocumentError, Job, Refusal, Success
from node.services.builtin.document_processing.reader import receive, send

COMMAND = (sys.executable, "-m", "node.services.builtin", "document-reader")
TIME_LIMIT = 30.0  # seconds for one document


class Reader:
    """One helper process; its blocking methods are for threads, `kill` is for anybody."""

    def __init__(self, command: Sequence[str]) -> None:
        self._process = subprocess.Popen(list(command), stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    @property
    def pid(self) -> int:
        return self._process.pid

    def read(self, job: bytes) -> Success | Refusal:
        """Raise EOFError or OSError when the process dies meanwhile."""
        assert self._process.stdin is not None and self._process.stdout is not None
        send(self._process.stdin, job)
        answer: Success | Refusal = msgspec.msgpack.decode(receive(self._process.stdout), type=Success | Refusal)
        return answer

    def kill(self) -> None:
        self._process.kill()

    def close(self) -> None:
        """Kill the process, wait for it and close its pipes."""
        self._process.kill()
        self._process.wait()
        for stream in (self._process.stdin, self._process.stdout):
            if stream is not None:
                with contextlib.suppress(OSError):
                    stream.close()


class Readers:
    """At most `count` helpers, started when first needed and kept."""

    def __init__(self, count: int, time_limit: float = TIME_LIMIT, command: Sequence[str] = COMMAND) -> None:
        self._free = asyncio.Semaphore(count)
        self._time_limit = time_limit
        self._command = command
        self._idle: list[Reader] = []
        self._all: set[Reader] = set()
        self._lock = threading.Lock()

    @property
    def pids(self) -> tuple[int, ...]:
        return tuple(reader.pid for reader in self._all)

    async def read(self, job: Job) -> Document:
        """Read one document; raise DocumentError where it cannot be read, hangs or crashes its reader."""
        async with self._free:
            answer = await self._read(job)
        if isinstance(answer, Refusal):
            raise DocumentError(answer.code, answer.reason)
        return answer.document

    async def start(self) -> None:
        """Start one helper, so that the first document does not wait for it."""
        reader = await asyncio.to_thread(self._take)
        self._idle.append(reader)

    async def stop(self) -> None:
        for reader in list(self._all):
            await asyncio.to_thread(self._discard, reader)
        self._idle.clear()

    async def _read(self, job: Job) -> Success | Refusal:
        """Do the job in a thread; whatever ends it early kills the helper, which ends the thread."""
        loop = asyncio.get_running_loop()
        reader = self._idle.pop() if self._idle else await asyncio.to_thread(self._take)
        working = loop.run_in_executor(None, _work, reader, job)
        try:
            async with asyncio.timeout(self._time_limit):
                answer = await asyncio.shield(working)
        except TimeoutError:
            reader.kill()
            text = f"The document is too complex: reading it took longer than {self._time_limit:g} s."
            answer = Refusal("too-complex", text)
        except (EOFError, OSError, msgspec.MsgspecError):
            answer = Refusal("broken", "The document is damaged in a way that crashed its reader.")
        except asyncio.CancelledError:
            reader.kill()
            await self._retire(reader, working)
            raise
        else:
            self._idle.append(reader)
            return answer
        await self._retire(reader, working)
        return answer

    async def _retire(self, reader: Reader, working: asyncio.Future[Success | Refusal]) -> None:
        with contextlib.suppress(EOFError, OSError, msgspec.MsgspecError):
            await asyncio.shield(working)
        await asyncio.to_thread(self._discard, reader)

    def _take(self) -> Reader:
        reader = Reader(self._command)
        with self._lock:
            self._all.add(reader)
        return reader

    def _discard(self, reader: Reader) -> None:
        with self._lock:
            self._all.discard(reader)
        reader.close()


def _work(reader: Reader, job: Job) -> Success | Refusal:
    return reader.read(msgspec.msgpack.encode(job))
