"""A gateway process's life in this loop, with the test in the place of the first."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import aiohttp

from coordinator_server.config import CoordinatorConfig
from coordinator_server.gateway.keys import ApiKey
from coordinator_server.gateway_processes.channel import Channel
from coordinator_server.gateway_processes.messages import (
    LARGEST_REPORT,
    FromGateway,
    Granted,
    KeyIs,
    Noted,
    Refusal,
    Serving,
    Snapshot,
    Wants,
    Welcome,
    WhoIs,
    from_gateway,
)
from coordinator_server.gateway_processes.process import GatewayProcess
from node.program.tasks import TaskSet
from node.program.web import bind, url_of
from node.wire.manifests import Manifest
from tests.support.waiting import eventually

ECHO = Manifest(name="echo", title="Echo", data_class="public")


class PlayedFirst:
    """Answers as it is told to: `keys` by id, and tokens as long as `tokens` last."""

    def __init__(self, app: str) -> None:
        self.heard: list[FromGateway] = []
        self.keys: dict[str, ApiKey] = {}
        self.tokens = 1000
        self.silent = False
        self.app = app
        self.lost = False
        self.process: GatewayProcess | None = None
        self.listener = bind("127.0.0.1", 0)
        self.url = url_of(self.listener)
        self.welcomed: list[Welcome] = []
        self.channel: Channel[FromGateway] = Channel(
            from_gateway, heard=self._hear, lost=self._lose, largest=LARGEST_REPORT
        )

    def welcome(self, **settings: Any) -> None:
        """Tell the process who it is; it may serve after a snapshot."""
        config = CoordinatorConfig(**{"sharing_timeout": 60.0, **settings})
        self.channel.send(Welcome(1, config, (ECHO,), self.app))

    async def begin(self, snapshot: Snapshot | None = None, **settings: Any) -> None:
        """Tell all that has to be known, and wait until it serves."""
        self.welcome(**settings)
        self.channel.send(snapshot or Snapshot(0, (), {}))
        await eventually(lambda: self.said(Serving), "it serves")

    def said(self, kind: type[Any]) -> list[Any]:
        return [message for message in self.heard if isinstance(message, kind)]

    def _hear(self, message: FromGateway) -> None:
        self.heard.append(message)
        if self.silent:
            return
        match message:
            case WhoIs():
                self.channel.send(KeyIs(message.question, self.keys.get(message.key_id)))
            case Wants():
                given = min(message.need, self.tokens)
                self.tokens -= given
                self.channel.send(Granted(message.kind, message.key, given, float(self.tokens)))
            case Refusal():
                self.channel.send(Noted(message.question))

    def _lose(self) -> None:
        self.lost = True


@contextlib.asynccontextmanager
async def gateway_process(
    folder: Path, play: Callable[[str], PlayedFirst] = PlayedFirst
) -> AsyncIterator[tuple[PlayedFirst, asyncio.Task[int], aiohttp.ClientSession]]:
    """Run a gateway process whose first is the test; it ends with the line."""
    (folder / "rma-mesh-test").mkdir()
    path = folder / "rma-mesh-test" / "app"
    path.touch()
    first, tasks = play(str(path)), TaskSet("test")
    ours, theirs = socket.socketpair()
    await first.channel.open(ours)
    process = GatewayProcess(first.listener.dup(), first.welcomed.append)
    first.process = process
    first.listener.close()
    running = tasks.start(process.run(theirs), "process")
    try:
        async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(force_close=True)) as session:
            yield first, running, session
    finally:
        first.channel.close()
        async with asyncio.timeout(60):
            await running
        await eventually(lambda: first.lost, "the line is closed")
