"""The node's side of the helper: an engine that asks it, and passes on what it tells."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable
from pathlib import Path

import msgspec

from node.program.tasks import TaskSet
from node.vpn.coding import from_json, to_json
from node.vpn.events import NebulaExited, Told
from node.vpn.helper.connecting import Streams, connect
from node.vpn.helper.messages import Done, Message, Refused, Start, Stop, Update
from node.vpn.settings import Plan

ANSWER_LIMIT = 20.0  # seconds; a restart may take the helper some
log = logging.getLogger(__name__)


class HelperEngine:
    """Nebula, run by the helper at a socket or pipe; connects when first needed."""

    def __init__(
        self,
        path: Path,
        on_told: Callable[[Told], None],
        connect: Callable[[Path], Awaitable[Streams]] = connect,
    ) -> None:
        self._path = path
        self._connect_to = connect
        self._on_told = on_told
        self._tasks = TaskSet("vpn-helper")
        self._writer: asyncio.StreamWriter | None = None
        self._answer: asyncio.Future[Done | Refused] | None = None

    async def start(self, plan: Plan) -> None:
        await self._ask(Start(plan))

    async def update(self, plan: Plan) -> None:
        await self._ask(Update(plan))

    async def stop(self) -> None:
        """End Nebula and the connection, which ends it in any case."""
        try:
            if self._writer is not None:
                with contextlib.suppress(OSError, TimeoutError):
                    await self._exchange(self._writer, Stop())
        finally:  # also when nobody waits for its answer any more: without us the helper keeps nothing running
            self._let_go()
            await self._tasks.stop()

    async def _ask(self, request: Start | Update) -> None:
        try:
            answer = await self._exchange(await self._connect(), request)
        except (OSError, TimeoutError) as error:
            self._let_go()
            self._on_told(NebulaExited("crashed", f"the helper service does not answer: {error}".rstrip(": ")))
            return
        if isinstance(answer, Refused):
            self._on_told(NebulaExited("refused", f"the helper service refuses: {answer.why}"))

    async def _connect(self) -> asyncio.StreamWriter:
        if self._writer is None or self._writer.is_closing():
            reader, self._writer = await self._connect_to(self._path)
            self._tasks.start(self._listen(reader, self._writer), "listen")
        return self._writer

    async def _exchange(self, writer: asyncio.StreamWriter, request: Start | Update | Stop) -> Done | Refused:
        self._answer = asyncio.get_running_loop().create_future()
        writer.write(to_json(request) + b"\n")
        async with asyncio.timeout(ANSWER_LIMIT):
            await writer.drain()
            return await self._answer

    async def _listen(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError, ValueError):
            while line := await reader.readline():
                self._take(line)
        if writer is self._writer:  # it went, and Nebula with it
            self._let_go()
            self._on_told(NebulaExited("crashed", "the helper service has ended"))

    def _take(self, line: bytes) -> None:
        try:
            message: Message = from_json(line, Message)  # type: ignore[arg-type]  # a union is a type to msgspec
        except (msgspec.MsgspecError, ValueError):
            log.warning("the helper says what this version does not know; is it of another one?")
            return
        if not isinstance(message, Done | Refused):
            self._on_told(message)
        elif self._answer is not None and not self._answer.done():
            self._answer.set_result(message)

    def _let_go(self) -> None:
        writer, self._writer = self._writer, None
        if writer is not None:
            writer.transport.abort()
        if self._answer is not None and not self._answer.done():
            self._answer.set_exception(ConnectionError("the helper service has gone"))
            self._answer.exception()  # whoever asked may have gone too
