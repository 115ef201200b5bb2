"""What a node keeps open to its coordinators: a channel to one or two, and the connections that these ask for."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

import aiohttp

from node import events as e
from node.config import NodeConfig
from node.coordinator_client import CoordinatorClient, CoordinatorError
from node.forwarding.websocket.opening import Opened
from node.program.proxies import ThroughProxies, open_session
from node.relay_ways import relays_of
from node.state import NodeState
from node.tunnel.channel import Channel
from node.tunnel.relay import RelayConnections
from node.tunnel.second_channel import SecondChannel
from node.wire.messages import Assignment, CoordinatorInfo, HeartbeatRequest


@dataclass(frozen=True, slots=True)
class Way:
    """How a coordinator is asked."""

    client: CoordinatorClient
    to: CoordinatorInfo


class StandingConnections:
    """Follows the node's state from `start` until `stop`, which may be called any number of times."""

    def __init__(
        self,
        config: NodeConfig,
        way: Callable[[str], Way | None],
        pushed: Callable[[Assignment], None],
        answerer: Callable[[], asyncio.Protocol | None],
        dispatch: Callable[[e.Event], None],
    ) -> None:
        """`way` leads to the coordinator at a URL; `answerer` answers on one relay connection, None refuses it."""
        self._config = config
        self._way = way
        self._http: aiohttp.ClientSession | None = None
        self._relay = RelayConnections(self._open_relay, answerer, config.relay_offered)
        self._channel = Channel(self._open_channel, pushed, dispatch, self._relay.asked)
        self._second = SecondChannel(self._open_second_channel, dispatch, self._relay.asked)

    def __len__(self) -> int:
        """Return how many relay connections there are."""
        return len(self._relay)

    def relays(self, state: NodeState) -> tuple[str, ...]:
        """Return the coordinators that reach us by relay now."""
        return relays_of(state, self._config.relay_offered)

    def start(self, proxies: ThroughProxies) -> None:
        # Of their own, so that they take nobody else's place; a worker's answer may take as long as it likes.
        self._http = open_session(
            proxies,
            connector=aiohttp.TCPConnector(limit=0),
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=self._config.register_timeout),
        )
        self._relay.start()

    def look(self, state: NodeState) -> None:
        """See whether other channels are wanted now than there are."""
        self._channel.look(state)
        if self._config.relay_offered:
            self._second.look(state)

    def when_late(self, hear: Callable[[HeartbeatRequest], None]) -> None:
        """Have somebody hear of heartbeats that were given up and have been taken in nevertheless."""
        self._channel.beats.late = hear

    async def beat(self, url: str, request: HeartbeatRequest, patience: float) -> Assignment:
        """Send a heartbeat by the channel to the coordinator at a URL; raise NoChannelError or CoordinatorError."""
        return await self._channel.beats.beat(url, request, patience)

    def cut(self) -> None:
        """End all relay connections with what is on them."""
        self._relay.cut()

    async def hang_up(self) -> None:
        """Close the channels for good; what is on relay connections goes on."""
        await self._channel.stop()
        await self._second.stop()

    async def stop(self) -> None:
        await self.hang_up()
        await self._relay.stop()
        if self._http is not None:
            await self._http.close()

    async def _open_channel(self, url: str, *, second: bool = False) -> aiohttp.ClientWebSocketResponse:
        way, session = self._way_to(url)
        ping, relay = self._config.channel_ping, self._config.relay_offered
        return await way.client.open_channel(way.to, ping, relay, only_relay=second, session=session)

    async def _open_second_channel(self, url: str) -> aiohttp.ClientWebSocketResponse:
        return await self._open_channel(url, second=True)

    async def _open_relay(self, url: str, ticket: str) -> Opened:
        way, session = self._way_to(url)
        return await way.client.open_relay(session, way.to, ticket)

    def _way_to(self, url: str) -> tuple[Way, aiohttp.ClientSession]:
        way = self._way(url)
        if way is None or self._http is None:
            raise CoordinatorError("This machine is in no mesh.")
        return way, self._http
