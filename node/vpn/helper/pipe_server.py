"""The helper's named pipe: lets in the users whom the administrator named, one at a time, as Windows knows them.

Windows can say who a client is only after something was read from it. Nobody looks at that before it is known.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import threading
from collections.abc import Callable
from typing import Protocol, Self

from node.program.tasks import TaskSet
from node.vpn.helper.messages import MAX_LINE
from node.vpn.helper.pipe_transport import BytePipe, open_streams
from node.vpn.helper.reception import Reception
from node.vpn.helper_windows import Client

MAX_WAITING = 8  # clients that say nothing yet, or are being turned away
FIRST_WORD = 10.0  # seconds until a client has to have said something
PAUSE = 1.0  # seconds until it is listened again after that failed
log = logging.getLogger(__name__)


class ServerPipe(BytePipe, Protocol):
    """Our end of a client's connection."""

    def client(self) -> Client:
        """Say who is at the other end, in the thread that has read from it; raise OSError."""
        ...


class PipeListener(Protocol):
    """Where clients connect; calls block."""

    def accept(self) -> ServerPipe | None:
        """Wait for the next client; return None after `close`; raise OSError."""
        ...

    def close(self) -> None: ...


class PipeServer:
    """Takes clients from a listener; use as `async with`."""

    def __init__(
        self, listen: Callable[[], PipeListener], reception: Reception[Client], first_word: float = FIRST_WORD
    ) -> None:
        self._listen = listen
        self._reception = reception
        self._first_word = first_word
        self._tasks = TaskSet("helper")
        self._listener: PipeListener | None = None
        self._ended = threading.Event()
        self._loop: asyncio.AbstractEventLoop | None = None

    async def __aenter__(self) -> Self:
        """Listen; raise OSError where the pipe is another program's."""
        self._loop = asyncio.get_running_loop()
        self._listener = await asyncio.to_thread(self._listen)
        threading.Thread(target=self._accept_all, args=(self._listener,), name="helper-accept", daemon=True).start()
        return self

    async def __aexit__(self, *_: object) -> None:
        self._ended.set()
        if self._listener is not None:
            self._listener.close()
        await self._tasks.stop()

    def _accept_all(self, listener: PipeListener) -> None:
        assert self._loop is not None
        while not self._ended.is_set():
            try:
                pipe = listener.accept()
            except OSError as error:
                log.warning("the pipe cannot be listened at: %s", error)
                self._ended.wait(PAUSE)
                continue
            if pipe is None:
                return
            try:
                self._loop.call_soon_threadsafe(self._connected, pipe)
            except RuntimeError:  # the loop has closed meanwhile
                pipe.close()

    def _connected(self, pipe: ServerPipe) -> None:
        if self._ended.is_set() or len(self._tasks) >= MAX_WAITING:
            pipe.close()
        else:
            self._tasks.start(self._serve(pipe), "client")

    async def _serve(self, pipe: ServerPipe) -> None:
        reader, writer, first = open_streams(pipe, pipe.client, MAX_LINE, "helper-client")
        try:
            async with asyncio.timeout(self._first_word):
                who = await _answer_of(first)
            if who is not None:
                await self._reception.receive(reader, writer, who)
        except TimeoutError:
            log.warning("a client that says nothing is let go")
            writer.transport.abort()
        finally:
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()


async def _answer_of(first: asyncio.Future[Client]) -> Client | None:
    """Return who came, or None who has gone without a word."""
    await asyncio.wait([first])
    return None if first.cancelled() else first.result()
