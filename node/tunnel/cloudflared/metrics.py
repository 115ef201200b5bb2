"""Asks cloudflared's own endpoint (its --metrics) how it is: whether it is connected, and under which names."""

from __future__ import annotations

import logging
from typing import TypeVar
from urllib.parse import urlsplit

import aiohttp
import msgspec

from node.program.answers import read_at_most

T = TypeVar("T")
TIME_LIMIT = aiohttp.ClientTimeout(total=5)  # seconds
MOST = 1024 * 1024  # bytes of an answer
log = logging.getLogger(__name__)


class Ready(msgspec.Struct):
    """The answer of /ready, which is 503 while there is no connection."""

    readyConnections: int = 0  # noqa: N815 - its name


class Quick(msgspec.Struct):
    """The answer of /quicktunnel; it is empty where there is no quick tunnel."""

    hostname: str = ""


class Rule(msgspec.Struct):
    """Where requests to a name go."""

    hostname: str = ""
    service: str = ""


class Rules(msgspec.Struct):
    """What was set for the tunnel elsewhere."""

    ingress: tuple[Rule, ...] = ()


class Config(msgspec.Struct):
    """The answer of /config."""

    config: Rules = msgspec.field(default_factory=Rules)


class Metrics:
    """The endpoint of one cloudflared, at HOST:PORT on this machine. The session must not use a proxy."""

    def __init__(self, session: aiohttp.ClientSession, address: str) -> None:
        self._session = session
        self._url = f"http://{address}"

    async def connections(self) -> int:
        """Return how many connections to Cloudflare it has; 0 too where it does not answer."""
        answer = await self._get("/ready", Ready)
        return answer.readyConnections if answer is not None else 0

    async def quick_hostname(self) -> str:
        answer = await self._get("/quicktunnel", Quick)
        return answer.hostname if answer is not None else ""

    async def hostname_for(self, origin: str) -> str:
        """Return the first public name whose requests come to the port of `origin`, or ""."""
        answer = await self._get("/config", Config)
        rules = answer.config.ingress if answer is not None else ()
        port = urlsplit(origin).port
        return next((rule.hostname for rule in rules if rule.hostname and _port_of(rule.service) == port), "")

    async def _get(self, path: str, cls: type[T]) -> T | None:
        try:
            async with self._session.get(self._url + path, timeout=TIME_LIMIT, allow_redirects=False) as answer:
                return msgspec.json.decode(await read_at_most(answer, MOST), type=cls)
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError, RecursionError) as error:
            log.debug("cloudflared's %s: %s", path, error)
            return None


def _port_of(service: str) -> int | None:
    try:
        parts = urlsplit(service)
        is_here = parts.scheme == "http" and parts.hostname in ("localhost", "127.0.0.1", "::1")
        return parts.port or 80 if is_here else None
    except ValueError:
        return None
