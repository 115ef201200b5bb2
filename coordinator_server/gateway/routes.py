"""Takes `/service/...` requests: lets them in and hands them to the router, which streams both ways."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from aiohttp import web

from coordinator_server.api.addresses import client_address
from coordinator_server.application import Readiness
from coordinator_server.audit import Audit
from coordinator_server.gateway.access import Access, Caller, Visit
from coordinator_server.gateway.keys import id_of
from coordinator_server.metrics import Metrics
from node.forwarding.paths import split_path
from node.routing.router import Router
from node.wire.headers import HOPS
from node.wire.manifests import Catalogue
from node.wire.problems import Problem

LIMITS: Final = web.RequestKey("limits", Mapping[str, str])  # the RateLimit-* headers of a request's answer
OLDER_PREFIX = "/api/service/"
# A worker's page must not act as one of ours: a browser shows it, but runs nothing of it as this origin.
SANDBOX = {"Content-Security-Policy": "sandbox", "X-Content-Type-Options": "nosniff"}


class Gateway:
    """One door for all services."""

    def __init__(
        self,
        *,
        access: Access,
        router: Router,
        catalogue: Catalogue,
        metrics: Metrics,
        readiness: Readiness,
        audit: Audit,
    ) -> None:
        self._access = access
        self._router = router
        self._catalogue = catalogue
        self._metrics = metrics
        self._readiness = readiness
        self._audit = audit

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
            await self._note(request, problem)
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
        if request.headers.get(HOPS, "0") != "0":  # a worker whose tunnel leads back to us
            raise Problem("loop-detected", "This request was forwarded already; a gateway takes it only once.")
        visit = _visit(request)
        knock = self._access.knock(visit)
        key = await self._access.identify(visit)
        manifest = self._catalogue.resolve(name)
        if manifest is None:
            raise Problem(
                "unknown-service", f"No service is named {name[:64]!r}. GET /api/topology lists them all."
            )
        return manifest.name, self._access.permit(key, manifest.name, knock)

    async def _note(self, request: web.Request, problem: Problem) -> None:
        """Keep a line about a key that was refused, though not about every try."""
        visit = _visit(request)
        if problem.kind in ("unauthorized", "forbidden") and visit.key:
            line = self._audit.line(
                "key-refused",
                actor="anonymous",
                subject=id_of(visit.key),
                detail=problem.detail,
                address=visit.address,
                outcome="refused",
            )
            await self._audit.refusal(line)


def _visit(request: web.Request) -> Visit:
    return Visit(request.remote or "", client_address(request), request.headers)


def add_routes(app: web.Application, gateway: Gateway) -> None:
    app.router.add_route("*", "/service/{tail:.*}", gateway.take)
    app.router.add_post("/api/service/{service}", gateway.take_older)
