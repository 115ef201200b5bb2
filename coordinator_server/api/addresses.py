"""Where a request really came from, also behind a reverse proxy on this machine."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache

from aiohttp import web

from coordinator_server.gateway.access import PROXY_HEADERS
from coordinator_server.registry.endpoints import parse_address

FORWARDED = "X-Forwarded-For"


def client_address(request: web.Request) -> str:
    """Return the client's address, or an empty string where it cannot be known; see `address_behind`."""
    told = {name: ",".join(request.headers.getall(name)) for name in PROXY_HEADERS if name in request.headers}
    return address_behind(request.remote or "", told)


def address_behind(peer: str, headers: Mapping[str, str]) -> str:
    """Return the address of the client behind a peer; fields that come more than once are joined by commas.

    Only a proxy on this machine is believed when it names another one. It appends the address that it saw, so
    the last one is true whatever the client wrote before it.
    """
    seen, is_loopback = _seen(peer)
    if is_loopback and FORWARDED in headers:
        told = headers[FORWARDED].rpartition(",")[2].strip()
        forwarded = parse_address(told.partition("%")[0])  # behind it may stand anything
        return str(forwarded) if forwarded is not None else ""
    if is_loopback and any(name in headers for name in PROXY_HEADERS):
        return ""  # a proxy that does not say it in the way that we can trust
    return seen


@lru_cache(1024)
def _seen(peer: str) -> tuple[str, bool]:
    """Return the address in its usual form, and whether it is this machine."""
    address = parse_address(peer.partition("%")[0])
    return (peer, False) if address is None else (str(address), address.is_loopback)
