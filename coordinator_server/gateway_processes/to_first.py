"""Passes on what is not below /service to the first process, with who the client is."""

from __future__ import annotations

import asyncio

from node.forwarding.http1.exchange import Exchange
from node.forwarding.http1.head import EVERYTHING, Passing, ResponseHead, field_line, request_framing, request_head
from node.forwarding.http1.interface import Patience, Trouble, problem_of
from node.forwarding.http1.limits import UpstreamLimits
from node.forwarding.http1.pool import Address, Pool, Upstreams
from node.forwarding.http1.sweep import NEVER, Sweep
from node.forwarding.http1.upstream import UpstreamConnection

CLIENT = "X-RMA-Client"  # "https 203.0.113.9 3", 3 being the process: believed on the private socket only
NAMELESS = "unknown.invalid"  # for HTTP/1.0 without a Host, as health checks are; no name leads there (RFC 6761)
PRIVATE = Passing({CLIENT.lower()})  # everything else passes
# The application keeps its own time; nobody else waits for it.
PATIENCE = Patience(connect=10.0, first_byte=NEVER, idle=NEVER)
LIMITS = UpstreamLimits(connections=8192, connections_per_address=8192, idle=30.0)


class ToFirst:
    """The application of a gateway process: a way to the one in the first, over the socket at `path`."""

    def __init__(self, path: str, number: int = 0) -> None:
        self._path = path
        self._number = number
        self._sweep = Sweep()
        self._pool: Pool | None = None
        self._upstreams: Upstreams | None = None

    async def start(self) -> None:
        self._sweep.start()
        self._upstreams = Upstreams(self._sweep, LIMITS, self._connect)
        self._pool = self._upstreams.pool(Address(self._path, 0))

    async def stop(self) -> None:
        if self._upstreams is not None:
            await self._upstreams.stop()
        self._sweep.stop()

    def take(self, exchange: Exchange) -> None:
        """Forward an exchange whole, but for what belongs to the client's connection."""
        assert self._pool is not None
        head = exchange.head
        scheme = "https" if exchange.secure else "http"
        who = field_line(CLIENT, f"{scheme} {exchange.peer or 'unknown'} {self._number}")
        request = request_head(
            head,
            head.target.encode("latin-1"),
            (head.host or NAMELESS).encode("latin-1"),
            PRIVATE,
            request_framing(head) + who,
        )
        exchange.keep_body = False
        exchange.forward(self._pool, request, self, PATIENCE, repeatable=head.method in ("GET", "HEAD"))

    # As the exchange's attempt

    def answered(self, exchange: Exchange, _head: ResponseHead) -> None:
        exchange.relay(EVERYTHING)

    def failed(self, exchange: Exchange, trouble: Trouble) -> None:
        if trouble.kind == "connect":
            trouble = Trouble("reset", "the first process does not answer")
        exchange.refuse(problem_of(trouble))

    async def _connect(self, address: Address, connection: UpstreamConnection) -> None:
        await asyncio.get_running_loop().create_unix_connection(lambda: connection, address.host)
