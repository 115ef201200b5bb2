"""Machines that are in a mesh as far as a coordinator can tell: they enrol, register, beat and open channels."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import aiohttp
from aiohttp import WSMsgType
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from node.coordinator_client import CoordinatorClient
from node.enrolment import enrol, parse_invitation
from node.wire.channel import OPEN, read_open, read_type
from node.wire.messages import Capabilities, CoordinatorInfo, Endpoints, HeartbeatRequest, ServiceReport
from node.wire.tokens import TokenIssuer

PING = 20.0  # seconds between pings on a channel, as nodes do
OFFERED = 64  # relay connections, as nodes do
Asked = Callable[[Sequence[str]], None]


@dataclass(frozen=True, slots=True)
class Site:
    """A coordinator, and a code by which any number of machines may join."""

    url: str
    code: str


@dataclass(frozen=True, slots=True)
class Member:
    """A machine that has joined; it says that it runs these services."""

    worker_id: str
    client: CoordinatorClient
    coordinator: CoordinatorInfo
    services: tuple[str, ...]
    able: Capabilities
    endpoints: Endpoints

    async def register(self) -> None:
        await self.client.register(self.coordinator, self.able, self.endpoints)

    async def beat(self) -> None:
        reports = tuple(ServiceReport(name=name, state="running") for name in self.services)
        await self.client.heartbeat(self.coordinator, HeartbeatRequest(worker_id=self.worker_id, services=reports))

    async def listen(self, opened: asyncio.Event, asked: Asked) -> None:
        """Hold a channel until it ends, and hear for which tickets connections are wanted."""
        async with await self.client.open_channel(self.coordinator, PING, OFFERED) as channel:
            opened.set()
            async for message in channel:
                if message.type is WSMsgType.TEXT and read_type(message.data) == OPEN:
                    asked(read_open(message.data).tickets)


async def join(session: aiohttp.ClientSession, site: Site, name: str, port: int, *services: str) -> Member:
    """Let a machine join that says it listens at this port of loopback."""
    key = Ed25519PrivateKey.generate()
    able = Capabilities(
        cpu_cores=8, ram_bytes=16 * 2**30, disk_free_bytes=50 * 10**9, allowed_services=services or ("none",)
    )
    membership, _ = await enrol(
        session,
        parse_invitation(site.code, site.url),
        name=name,
        public_key=key.public_key().public_bytes_raw(),
        wish=name,
        capabilities=able,
        now=time.time(),
    )
    issuer = TokenIssuer(key, membership.worker_id, membership.credential, time.time)
    client, to = CoordinatorClient(session, issuer, membership.worker_id, key), membership.coordinators[0]
    endpoints = Endpoints(port=port, direct_hosts=("127.0.0.1",))
    member = Member(membership.worker_id, client, to, services, able, endpoints)
    await member.register()
    await member.beat()
    return member
