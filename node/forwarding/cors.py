"""Which web pages may call us from a browser (CORS): the same origin, and those that the operator allowed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from urllib.parse import urlsplit

from node.wire import headers as names
from node.wire.problems import Problem

METHODS = "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS"
EXPOSED = ", ".join(
    (
        names.REQUEST_ID, names.WORKER, names.ROUTE, names.ATTEMPTS, names.SERVER_TIMING,
        "Retry-After", "RateLimit-Limit", "RateLimit-Remaining", "RateLimit-Reset", "Content-Disposition",
    )
)  # fmt: skip
DEFAULT_REQUEST_HEADERS = "Authorization, Content-Type, Idempotency-Key, X-API-Key, X-Request-ID, traceparent"
PREFLIGHT_LIFE = "600"  # seconds that a browser remembers


def origin_allowed(origin: str, host: str, allowed: Sequence[str]) -> bool:
    """Allow the own origin (same host and port as asked for), a listed one, or any where the list has `*`."""
    if "*" in allowed or origin.rstrip("/") in {entry.rstrip("/") for entry in allowed}:
        return True
    scheme, separator, own = origin.lower().partition("://")
    return bool(separator) and scheme in ("http", "https") and bool(own) and own == host.lower()


def host_name(host: str) -> str:
    """Return the name or address in a Host header, without its port; empty for what cannot be one."""
    try:
        return urlsplit("//" + host).hostname or ""
    except ValueError:
        return ""


def is_preflight(method: str, headers: Mapping[str, str]) -> bool:
    return method == "OPTIONS" and "Origin" in headers and "Access-Control-Request-Method" in headers


def answer_headers(headers: Mapping[str, str], allowed: Sequence[str]) -> dict[str, str]:
    """Return what every answer to a browser carries; nothing but Vary for an origin that is not allowed."""
    origin = headers.get("Origin")
    if origin is None:
        return {}
    if not origin_allowed(origin, headers.get("Host", ""), allowed):
        return {"Vary": "Origin"}
    return {"Vary": "Origin", "Access-Control-Allow-Origin": origin, "Access-Control-Expose-Headers": EXPOSED}


def answer_preflight(headers: Mapping[str, str], allowed: Sequence[str]) -> dict[str, str]:
    """Return what the 204 to a preflight carries, beside `answer_headers`; raise Problem for other origins."""
    if not origin_allowed(headers["Origin"], headers.get("Host", ""), allowed):
        text = "Web pages of this origin may not call this mesh. Its operator can allow it (cors_origins)."
        raise Problem("forbidden", text)
    return {
        "Access-Control-Allow-Methods": METHODS,
        "Access-Control-Allow-Headers": headers.get("Access-Control-Request-Headers", DEFAULT_REQUEST_HEADERS),
        "Access-Control-Max-Age": PREFLIGHT_LIFE,
    }
