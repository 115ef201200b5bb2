"""The small interface behind which bytes move: one try to get an answer from one address, then its relay."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from aiohttp import web
from multidict import CIMultiDict

from node.forwarding.body import Body
from node.wire.messages import Route


class ForwardingError(Exception):
    """A try that got no answer; the text says why, fit for an operator."""


class ConnectFailed(ForwardingError):  # noqa: N818 - named by what happened
    """No connection came about, so nothing can have been executed."""


class UpstreamReset(ForwardingError):  # noqa: N818
    """The connection broke or spoke no HTTP before the answer began; the request may have been executed."""


class UpstreamTimeout(ForwardingError):  # noqa: N818
    """No answer began in time; the request may have been executed."""


@dataclass(frozen=True, slots=True)
class Target:
    """One way to reach a worker; `base_url` is scheme, host and port, without a trailing slash."""

    route: Route
    base_url: str


@dataclass(frozen=True, slots=True)
class Callee:
    """Who is asked, and where. With a `service_token` it is a service of this machine, else another node."""

    worker_id: str
    target: Target
    service_token: str | None = None


@dataclass(frozen=True, slots=True)
class Limits:
    """Time limits in seconds; `deadline` is a time of the running loop, for the whole request."""

    connect: float
    first_byte: float
    idle: float
    deadline: float


@dataclass(frozen=True, slots=True)
class Exchange:
    """One client's request as it is forwarded: validated, its headers cleaned, its body not read yet."""

    request: web.Request
    service: str
    path_qs: str  # raw, from the service's own root: "/extract?x=1"
    headers: CIMultiDict[str]
    body: Body | None
    websocket: bool = False

    @property
    def method(self) -> str:
        return self.request.method

    @property
    def replayable(self) -> bool:
        """Whether the same body can be sent once more."""
        return self.body is None or self.body.replayable

    async def close(self) -> None:
        """Leave the rest of the client's body to the server, which throws it away; nobody else may read then."""
        if self.body is not None:
            await self.body.close()


class Upstream(Protocol):
    """An answer that has begun; `relay` or `discard` ends it."""

    @property
    def status(self) -> int: ...

    @property
    def headers(self) -> Mapping[str, str]: ...

    @property
    def broken(self) -> str:
        """Why the relay could not be finished; empty when it was."""

    async def problem(self) -> Mapping[str, Any] | None:
        """Return the problem document that this answer is, else None; `relay` still sends it whole."""

    async def relay(self, added: Mapping[str, str]) -> web.StreamResponse:
        """Stream the answer to the client with further headers; a break in it aborts the client's connection."""

    def discard(self) -> None:
        """Let go of the answer and its connection."""


class Forwarder(Protocol):
    """Moves one request to one callee."""

    async def attempt(self, callee: Callee, exchange: Exchange, limits: Limits) -> Upstream:
        """Send the request; return when the answer's head is there.

        Raises ForwardingError when there is none, and Problem when the client's request is at fault.
        """

    async def stop(self) -> None:
        """Close all connections."""
