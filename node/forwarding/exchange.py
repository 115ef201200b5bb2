"""Makes an Exchange out of a client's request, refusing what may not be forwarded."""

from __future__ import annotations

import secrets

from aiohttp import web

from node.forwarding.body import Body, too_large
from node.forwarding.headers import body_was_decoded, request_headers
from node.forwarding.interface import Exchange
from node.forwarding.paths import check_path
from node.program.logs import REQUEST_ID
from node.wire.problems import Problem

# TRACE would show a client the tokens that we add; CONNECT is a proxy's.
REFUSED_METHODS = frozenset({"TRACE", "CONNECT"})


def make_exchange(request: web.Request, service: str, path: str, *, trusted: bool, max_body_bytes: int) -> Exchange:
    """Validate a request for a path of a service; `trusted` says that another node sent it. Raises Problem."""
    if request.method in REFUSED_METHODS:
        raise Problem("method-not-allowed", f"Services do not take {request.method} requests.")
    check_path(path)
    query = request.rel_url.raw_query_string
    headers = request_headers(
        request.headers,
        remote=request.remote or "unknown",
        scheme=request.scheme,
        host=request.host,
        request_id=request_id_of(),
        trusted=trusted,
    )
    return Exchange(
        request=request,
        service=service,
        path_qs=f"{path}?{query}" if query else path,
        headers=headers,
        body=_body(request, max_body_bytes),
        websocket="Upgrade" in request.headers and bool(web.WebSocketResponse().can_prepare(request)),
    )


def request_id_of() -> str:
    """Return the id that the server gave to the request, making one where it gave none."""
    return REQUEST_ID.get() or secrets.token_hex(8)


def _body(request: web.Request, limit: int) -> Body | None:
    if not request.body_exists:
        return None
    declared = request.content_length
    if declared is not None and declared > limit:
        raise too_large(limit)
    return Body(request.content, limit=limit, length=None if body_was_decoded(request.headers) else declared)
