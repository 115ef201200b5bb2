"""The bare data plane as one process: round robin over workers on this machine."""

from __future__ import annotations

import argparse
import asyncio
import itertools
import signal
from collections.abc import Iterator

import uvloop

from node.forwarding.http1.exchange import Exchange
from node.forwarding.http1.head import Passing, ResponseHead, request_framing, request_head
from node.forwarding.http1.interface import Patience, Trouble, problem_of
from node.forwarding.http1.limits import ServerLimits, UpstreamLimits
from node.forwarding.http1.pool import Address, Pool, Upstreams
from node.forwarding.http1.server import Http1Server, shared_socket
from node.forwarding.http1.sweep import Sweep

PASSING = Passing({"cookie", "authorization"}, ["x-rma-", "x-forwarded-"])
PATIENCE = Patience()


class RoundRobin:
    """Forwards every request to the next worker."""

    def __init__(self, pools: Iterator[Pool]) -> None:
        self._pools = pools

    def begin(self, exchange: Exchange) -> None:
        head = exchange.head
        added = request_framing(head) + b"X-Forwarded-For: " + exchange.peer.encode() + b"\r\n"
        request = request_head(head, head.target.encode(), b"workers", PASSING, added)
        exchange.forward(next(self._pools), request, self, PATIENCE)

    def answered(self, exchange: Exchange, head: ResponseHead) -> None:
        exchange.relay(PASSING, b"X-RMA-Worker: w\r\n", endless=head.get("content-type") == "text/event-stream")

    def failed(self, exchange: Exchange, trouble: Trouble) -> None:
        exchange.refuse(problem_of(trouble))

    def finished(self, exchange: Exchange) -> None:
        pass


async def serve(port: int, workers: list[int], connections: int, head_time: float) -> None:
    sweep, stopped = Sweep(), asyncio.Event()
    upstreams = Upstreams(sweep, UpstreamLimits(connections=connections, connections_per_address=connections))
    pools = itertools.cycle([upstreams.pool(Address("127.0.0.1", worker)) for worker in workers])
    limits = ServerLimits(head_time=head_time)
    server = Http1Server(RoundRobin(pools), [shared_socket("127.0.0.1", port)], sweep=sweep, limits=limits)
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stopped.set)
    await server.start()
    await stopped.wait()
    await server.stop()
    await upstreams.stop()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--worker", type=int, action="append", required=True)
    parser.add_argument("--upstreams", type=int, default=4096, help="connections to workers")
    parser.add_argument("--head-time", type=float, default=30.0, help="seconds that a client gets for a head")
    arguments = parser.parse_args()
    uvloop.run(serve(arguments.port, arguments.worker, arguments.upstreams, arguments.head_time))
