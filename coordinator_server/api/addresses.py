"""Where a request really came from, also behind a reverse proxy on this machine."""

from __future__ import annotations

from aiohttp import web

from coordinator_server.registry.endpoints import parse_address

FORWARDED = "X-Forwarded-For"


def client_address(request: web.Request) -> str:
    """Return the client's address; only a proxy on this machine is believed when it names another.

    A proxy appends the address that it saw, so the last one is true whatever the client wrote before it.
    """
    peer = request.remote or ""
    seen = parse_address(peer.partition("%")[0])
    if seen is None:
        return peer
    if seen.is_loopback and FORWARDED in request.headers:
        told = ",".join(request.headers.getall(FORWARDED)).rpartition(",")[2].strip()
        forwarded = parse_address(told)
        return str(forwarded) if forwarded is not None else ""
    return str(seen)
