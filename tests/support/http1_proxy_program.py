"""A proxy as a process of its own, that soon notices peers that vanish: prints how many connections it has.

Arguments: the address to listen on, and the worker's. Each end is said as "clients, workers" whenever that changes.
"""

from __future__ import annotations

import asyncio
import socket
import sys

from node.forwarding.http1.keepalive import KeepAlive
from node.forwarding.http1.limits import ServerLimits, UpstreamLimits
from node.forwarding.http1.pool import Address, Upstreams
from node.forwarding.http1.server import Http1Server
from node.forwarding.http1.sweep import Sweep
from tests.support.http1 import Forwarding

PORT = 8000
QUICK = KeepAlive(idle=1, interval=1, probes=2)


async def main() -> None:
    sweep = Sweep()
    listener = socket.create_server((sys.argv[1], PORT))
    listener.setblocking(False)
    upstreams = Upstreams(sweep, UpstreamLimits(watch=QUICK))
    handler = Forwarding([upstreams.pool(Address(sys.argv[2], PORT))])
    server = Http1Server(handler, [listener], sweep=sweep, limits=ServerLimits(watch=QUICK))
    await server.start()
    print("ready", flush=True)
    told = ""
    while True:
        now = f"{len(server.connections)}, {upstreams.count}"
        if now != told:
            told = now
            print(told, flush=True)
        await asyncio.sleep(0.02)


if __name__ == "__main__":
    asyncio.run(main())
