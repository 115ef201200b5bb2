"""A few helper processes that read documents, with limited time; one that crashes or hangs is replaced.

How much a document takes is measured in processor time: the hour on the wall says how busy the machine is.
"""

from __future__ import annotations

import asyncio
import contextlib
import signal
import subprocess
import sys
import threading
from collections.abc import Sequence

import msgspec
import psutil

from node.services.builtin.document_processing.documents import (
    Document,
    DocumentError,
    Job,
    NotReadError,
    Refusal,
    Success,
)
from node.services.builtin.document_processing.reader import receive, send

COMMAND = (sys.executable, "-m", "node.services.builtin", "document-reader")
WORK_LIMIT = 30.0  # seconds of processor time for one document
PATIENCE = 75.0  # seconds for waiting and reading, before callers give up (first_byte_timeout of the manifest)
LOOK = 0.1  # seconds at least between two looks at what a document has used
BUSY = "This machine is too busy: the document was not read within {:g} s. Please try again soon."
KILLED = "The reader was ended from outside, probably because this machine is short of memory. Please try again."


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

    @property
    def has_ended(self) -> bool:
        return self._process.poll() is not None

    @property
    def was_killed(self) -> bool:
        """Whether somebody else ended it, as a system does that is out of memory; to be asked once it is closed."""
        return sys.platform != "win32" and self._process.returncode == -signal.SIGKILL

    def worked(self) -> float:
        """Return the processor time that it has used, in seconds; of one that has ended all there can be."""
        try:
            times = psutil.Process(self.pid).cpu_times()
        except psutil.Error:
            return 0.0
        return float(times.user + times.system)

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

    def __init__(
        self,
        count: int,
        work_limit: float = WORK_LIMIT,
        patience: float = PATIENCE,
        command: Sequence[str] = COMMAND,
    ) -> None:
        """`work_limit` is seconds of processor time for a document, `patience` seconds until it must be read."""
        self._free = asyncio.Semaphore(count)
        self._work_limit = work_limit
        self._patience = patience
        self._command = command
        self._idle: list[Reader] = []
        self._all: set[Reader] = set()
        self._lock = threading.Lock()

    @property
    def pids(self) -> tuple[int, ...]:
        return tuple(reader.pid for reader in self._all)

    async def read(self, job: Job) -> Document:
        """Read one document; raise DocumentError where it cannot be read, takes too much or crashes its reader.

        Raise NotReadError where that lies with this machine.
        """
        try:
            async with asyncio.timeout(self._patience), self._free:
                answer = await self._read(job)
        except TimeoutError:
            raise NotReadError(BUSY.format(self._patience)) from None
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
        reader = await self._next()
        working = loop.run_in_executor(None, _work, reader, job)
        try:
            answer = await self._result(reader, working)
        except (EOFError, OSError, msgspec.MsgspecError):
            await self._retire(reader, working)
            if reader.was_killed:
                raise NotReadError(KILLED) from None
            return Refusal("broken", "The document is damaged in a way that crashed its reader.")
        except asyncio.CancelledError:
            reader.kill()
            await self._retire(reader, working)
            raise
        if answer is not None:
            self._idle.append(reader)
            return answer
        reader.kill()
        await self._retire(reader, working)
        text = f"The document is too complex: reading it took more than {self._work_limit:g} s of processor time."
        return Refusal("too-complex", text)

    async def _result(self, reader: Reader, working: asyncio.Future[Success | Refusal]) -> Success | Refusal | None:
        """Wait for the answer, or return None as soon as the document has used more processor time than it may."""
        end = reader.worked() + self._work_limit
        while not working.done():
            left = end - reader.worked()
            if left <= 0:
                return None
            await asyncio.wait({working}, timeout=max(LOOK, left))
        return await working

    async def _next(self) -> Reader:
        """Return an idle helper that lives, or a new one."""
        while self._idle:
            reader = self._idle.pop()
            if not reader.has_ended:
                return reader
            await asyncio.to_thread(self._discard, reader)
        taking = asyncio.get_running_loop().run_in_executor(None, self._take)
        try:
            return await asyncio.shield(taking)
        except asyncio.CancelledError:  # somebody else will need it
            self._idle.append(await taking)
            raise

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
