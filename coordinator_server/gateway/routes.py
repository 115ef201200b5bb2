"""Takes `/service/...` requests: lets them in and hands them to the router, which streams both ways."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, Protocol

from aiohttp import web

from coordinator_server.api.addresses import client_address
from coordinator_server.gateway.access import Access, Caller, Visit
from coordinator_server.metrics import Metrics
from node.forwarding.paths import split_path
from node.wire.manifests import Catalogue
from node.wire.problems import Problem

LIMITS: Final = web.RequestKey("limits", Mapping[str, str])  # the RateLimit-* headers of a request's answer
OLDER_PREFIX = "/api/service/"
# A worker's page must not act as one of ours: a browser shows it, but runs nothing of it as this origin.
SANDBOX = {"Content-Security-Policy": "sandbox", "X-Content-Type-Options": "nosniff"}


class Serve(Protocol):
    """What the gateway needs of `node.routing.router.Router`."""

    async def serve(
        self, request: web.Request, service: str, path: str | None, *, forwarded: bool, caller: str
    ) -> web.StreamResponse: ...


class Ready(Protocol):
    """Whether requests may come in."""

    ready: bool
    draining: bool


class Gateway:
    """One door for all services."""

    def __init__(
        self,
        *,
        access: Access,
        router: Serve,
        catalogue: Catalogue,
        metrics: Metrics,
        readiness: Ready,
    ) -> None:
        self._access = access
        self._router = router
        self._catalogue = catalogue
        self._metrics = metrics
        self._readiness = readiness

    async def take(self, request: web.Request) -> web.StreamResponse:
        """Serve any method on /service/{service}[/{path}]."""
        return await self._take(request, *split_path(request.rel_url.raw_path))

    async def take_older(self, request: web.Request) -> web.StreamResponse:
        """Serve POST /api/service/{service}."""
        return await self._take(request, *split_path(request.rel_url.raw_path, OLDER_PREFIX))

    async def _take(self, request: web.Request, name: str, path: str | None) -> web.StreamResponse:
        try:
            service, caller = await self.admit(request, name)
        except Problem as problem:
            self._metrics.rejected(problem.kind)
            raise
        request[LIMITS] = caller.headers
        return await self._router.serve(request, service, path, forwarded=False, caller=caller.id)

    async def admit(self, request: web.Request, name: str) -> tuple[str, Caller]:
        """Return the service's own name and who calls; the cheap checks come first. Raise Problem."""
        if self._readiness.draining:
            text = "This coordinator is shutting down. Please try again: another one may answer."
            raise Problem("draining", text, headers={"Retry-After": "5"})
        if not self._readiness.ready:
            raise Problem("starting", "This coordinator is starting.", headers={"Retry-After": "2"})
        visit = Visit(request.remote or "", client_address(request), request.headers)
        knock = self._access.knock(visit)
        key = await self._access.identify(visit)
        manifest = self._catalogue.resolve(name)
        if manifest is None:
            raise Problem(
                "unknown-service", f"No service is named {name[:64]!r}. GET /api/topology lists them all."
            )
        return manifest.name, self._access.permit(key, manifest.name, knock)


def add_routes(app: web.Application, gateway: Gateway) -> None:
    app.router.add_route("*", "/service/{tail:.*}", gateway.take)
    app.router.add_post("/api/service/{service}", gateway.take_older)
