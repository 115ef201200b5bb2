"""Serves one client: reads its requests, carries out what the policy grants, tells what Nebula does.

Nebula runs as long as the connection lasts: a node that ends, or is killed, leaves no network behind.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable
from ipaddress import IPv4Network
from typing import get_args

import msgspec

from node.vpn.coding import from_json, to_json
from node.vpn.engine import LocalEngine
from node.vpn.events import Told
from node.vpn.helper.messages import Answer, Done, Refused, Request, Start, Status, Stop, Update
from node.vpn.helper.policy import Policy, grant
from node.vpn.settings import Plan, SettingsError

PAUSE = 0.2  # seconds between two requests
MAX_WAITING = 256 * 1024  # bytes that a client may leave unread before it is let go
log = logging.getLogger(__name__)

MakeEngine = Callable[[Callable[[Told], None]], LocalEngine]
Overlaps = Callable[[IPv4Network], tuple[str, ...]]


class Session:
    """One client and its Nebula."""

    def __init__(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        make_engine: MakeEngine,
        policy: Policy,
        overlaps: Overlaps,
    ) -> None:
        self._reader = reader
        self._writer = writer
        self._engine = make_engine(self._tell)
        self._policy = policy
        self._overlaps = overlaps

    async def serve(self) -> None:
        """Serve until the client goes; then end its Nebula."""
        try:
            with contextlib.suppress(OSError, ValueError, asyncio.IncompleteReadError):
                while line := await self._reader.readline():  # ValueError: a line longer than we read
                    self._send(await self._answer(line))
                    await self._writer.drain()
                    await asyncio.sleep(PAUSE)
        finally:
            await self._engine.stop()

    async def _answer(self, line: bytes) -> Answer:
        try:
            request: Request = from_json(line, Request)  # type: ignore[arg-type]  # a union is a type to msgspec
        except (msgspec.MsgspecError, ValueError, RecursionError) as error:
            return Refused(f"not a request: {error}"[:300])
        try:
            return await self._carry_out(request)
        except SettingsError as error:
            log.warning("refused: %s", error)
            return Refused(str(error)[:300])

    async def _carry_out(self, request: Request) -> Answer:
        match request:
            case Start(plan):
                await self._engine.start(await self._granted(plan))
            case Update(plan):
                await self._engine.update(await self._granted(plan))
            case Stop():
                await self._engine.stop()
            case Status():
                pass
        return Done(self._engine.pid is not None)

    async def _granted(self, plan: Plan) -> Plan:
        granted, network = await asyncio.to_thread(grant, plan, self._policy)
        taken = await asyncio.to_thread(self._overlaps, network)
        if taken:
            raise SettingsError(" ".join(taken))
        return granted

    def _tell(self, told: Told) -> None:
        if isinstance(told, get_args(Told)):
            self._send(told)

    def _send(self, message: object) -> None:
        if self._writer.is_closing():
            return
        self._writer.write(to_json(message) + b"\n")
        if self._writer.transport.get_write_buffer_size() > MAX_WAITING:
            log.warning("the client does not read what it is told; it is let go")
            self._writer.transport.abort()
