"""The door for `/service/...`: lets requests in and hands them to the router, which streams both ways.

What a head says is read once and kept beside it, as long as the client's next head is the same; whether it may pass
is decided for every single request.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from coordinator_server.api.addresses import address_behind
from coordinator_server.audit import Audit
from coordinator_server.gateway.access import Access, Caller, Visit
from coordinator_server.gateway.keys import ApiKey, id_of
from coordinator_server.gateway.rates import Verdict
from coordinator_server.gateway.readiness import Readiness
from coordinator_server.gateway.shared_rates import Lacking
from coordinator_server.metrics import Metrics
from node.forwarding import cors
from node.forwarding.access_log import AccessLog, Line, line_of
from node.forwarding.door import Door
from node.forwarding.headers import Answers, Fields
from node.forwarding.http1.exchange import Exchange
from node.forwarding.http1.head import field_line
from node.forwarding.paths import has_dots, split_path
from node.program.tasks import TaskSet
from node.routing.router import Router
from node.wire.headers import HOPS
from node.wire.manifests import Catalogue
from node.wire.problems import Problem

PREFIX, OLDER_PREFIX = "/service/", "/api/service/"
KEY = "gateway"  # in a head's cache
HOPS_FIELD = HOPS.lower()
# A worker's page must not act as one of ours: a browser shows it, but runs nothing of it as this origin.
OURS = {
    "Content-Security-Policy": "sandbox",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Server": "rma-mesh",
}
STRICT = ("Strict-Transport-Security", "max-age=31536000")  # where we serve TLS ourselves
OURS_LINES = b"".join(field_line(name, value) for name, value in OURS.items())
# Of a worker's answer, what we say ourselves does not pass.
ANSWERS = Answers(
    {*map(str.lower, OURS), STRICT[0].lower(), "ratelimit-limit", "ratelimit-remaining", "ratelimit-reset"}
)


@dataclass(slots=True)
class Wish:
    """What a head asks for, and what every answer to it says; `shown` is the API key in it.

    `proved` is the key's record with which that was compared and found right; `keyless` says that it may come
    without one.
    """

    name: str
    path: str | None
    problem: Problem | None
    visit: Visit
    shown: str
    forwarded: bool
    preflight: bool
    lines: bytes
    proved: ApiKey | None = None
    keyless: bool = False


class Gateway(Door):
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
        origins: Sequence[str] = (),
        secure: bool = False,
        access_log: AccessLog | None = None,
    ) -> None:
        super().__init__(PREFIX, OLDER_PREFIX)
        self.access_log = access_log
        self._access = access
        self._router = router
        self._names = catalogue.names()
        self._metrics = metrics
        self._readiness = readiness
        self._audit = audit
        self._origins = tuple(origins)
        self._ours = OURS_LINES + field_line(*STRICT) if secure else OURS_LINES
        self._tasks = TaskSet("gateway")

    async def stop(self) -> None:
        await self._tasks.stop()
        await self._router.stop()
        if self.access_log is not None:
            await asyncio.to_thread(self.access_log.close)

    def line_of(self, exchange: Exchange, carried: Any) -> Line:
        """Name the client behind a proxy, and the key that it showed, whatever became of the request."""
        wish: Wish | None = exchange.head.cache.get(KEY)
        if wish is None:  # it was the application's
            return line_of(exchange, carried, address_behind(exchange.peer, Fields(exchange.head)))
        manifest = self._names.get(wish.name)
        service = manifest.name if manifest is not None else ""
        return line_of(exchange, carried, wish.visit.address, id_of(wish.shown), service)

    def enter(self, exchange: Exchange) -> None:
        """Serve any method on /service/{service}[/{path}] and POST on /api/service/{service}."""
        wish: Wish | None = exchange.head.cache.get(KEY)
        if wish is None:
            wish = exchange.head.cache[KEY] = self._read(exchange)
        exchange.lines += wish.lines
        readiness = self._readiness
        if wish.preflight:
            self._answer_preflight(exchange, wish)
            return
        try:
            if wish.forwarded or not readiness.ready or readiness.draining:
                self._check_open(exchange, wish)
            if wish.problem is not None:  # never raised: it would keep every request that it was raised for
                self._turn_away(exchange, wish, wish.problem)
                return
            access, key = self._access, None
            knock = access.knock(wish.visit)
            if wish.shown:
                key = wish.proved = access.recall(wish.shown, wish.proved)
            elif not wish.keyless:
                access.check_anonymous(wish.visit)
                wish.keyless = True
            if wish.shown and key is None:
                self._tasks.start(self._identify(exchange, wish, knock), "identify")
            else:
                self._admit(exchange, wish, knock, key)
        except Problem as problem:
            self._turn_away(exchange, wish, problem)

    def _read(self, exchange: Exchange) -> Wish:
        head, fields = exchange.head, Fields(exchange.head)
        path = head.target.partition("?")[0]
        name, rest = split_path(path, PREFIX if path.startswith(PREFIX) else OLDER_PREFIX)
        problem = None if path.startswith(PREFIX) else check_older(head.method, rest)
        if has_dots(path):  # before anything is decided by the name in it
            problem = Problem("invalid-request", "The path may not hold '.' or '..' segments.")
        visit = Visit(exchange.peer, address_behind(exchange.peer, fields), fields)
        told = cors.answer_headers(fields, self._origins)
        return Wish(
            name=name,
            path=rest,
            problem=problem,
            visit=visit,
            shown=visit.key,
            forwarded=head.get(HOPS_FIELD, "0") != "0",
            preflight=cors.is_preflight(head.method, fields),
            lines=self._ours + b"".join(field_line(name, value) for name, value in told.items()),
        )

    def _answer_preflight(self, exchange: Exchange, wish: Wish) -> None:
        """Answer a browser that asks whether it may ask; nothing else of the request is looked at."""
        told = cors.answer_preflight(wish.visit.headers, self._origins)
        exchange.answer(204, b"".join(field_line(name, value) for name, value in told.items()))

    def _check_open(self, exchange: Exchange, wish: Wish) -> None:
        """Turn away who comes too early, too late or in a circle. Whoever is connected is served to the end."""
        readiness = self._readiness
        if readiness.draining:
            if not exchange.last:
                text = "This coordinator is shutting down. Please try again: another one may answer."
                raise Problem("draining", text, headers={"Retry-After": "5"})
        elif not readiness.ready:
            raise Problem("starting", "This coordinator is starting.", headers={"Retry-After": "2"})
        if wish.forwarded:  # a worker whose tunnel leads back to us
            raise Problem("loop-detected", "This request was forwarded already; a gateway takes it only once.")

    async def _identify(self, exchange: Exchange, wish: Wish, knock: Verdict) -> None:
        """Go on with who has to be looked up."""
        try:
            key = await self._access.identify(wish.visit)
            if not exchange.done:  # else the client has left meanwhile, and nothing would end what began now
                self._admit(exchange, wish, knock, key)
        except Problem as problem:
            self._turn_away(exchange, wish, problem)
        except Exception:
            exchange.crashed()

    def _admit(self, exchange: Exchange, wish: Wish, knock: Verdict, key: ApiKey | None) -> None:
        manifest = self._names.get(wish.name)
        if manifest is None:
            raise _unknown(wish.name)
        try:
            caller = self._access.permit(key, manifest.name, knock)
        except Lacking:
            if key is not None:
                self._tasks.start(self._count(exchange, wish, key), "count")
            return
        self._go_on(exchange, wish, key, caller)

    async def _count(self, exchange: Exchange, wish: Wish, key: ApiKey) -> None:
        """Go on with a request whose key has no token at hand."""
        try:
            caller = await self._access.count(key)
            if not exchange.done:
                self._go_on(exchange, wish, key, caller)
        except Problem as problem:
            self._turn_away(exchange, wish, problem)
        except Exception:
            exchange.crashed()

    def _go_on(self, exchange: Exchange, wish: Wish, key: ApiKey | None, caller: Caller) -> None:
        if key is not None:
            self._access.used(key, wish.visit)
        exchange.lines += caller.verdict.lines()
        try:
            self._router.take(exchange, wish.name, wish.path, forwarded=False, caller=caller.id)
        except Problem as problem:
            self._metrics.rejected(problem.kind)
            exchange.refuse(problem)

    def _turn_away(self, exchange: Exchange, wish: Wish, problem: Problem) -> None:
        self._metrics.rejected(problem.kind)
        if problem.kind in ("unauthorized", "forbidden") and wish.shown:
            self._tasks.start(self._note(exchange, wish, problem), "note")
        else:
            exchange.refuse(problem)

    async def _note(self, exchange: Exchange, wish: Wish, problem: Problem) -> None:
        """Keep a line about a key that was refused, though not about every try, before it is said."""
        line = self._audit.line(
            "key-refused",
            actor="anonymous",
            subject=id_of(wish.shown),
            detail=problem.detail,
            address=wish.visit.address,
            outcome="refused",
        )
        try:
            await self._audit.refusal(line)
        finally:
            exchange.refuse(problem)


def _unknown(name: str) -> Problem:
    text = f"No service is named {name[:64]!r}." if name else "The name is missing in /service/NAME."
    return Problem("unknown-service", f"{text} GET /api/topology lists all services.")


def check_older(method: str, rest: str | None) -> Problem | None:
    """Return what is wrong with a request to the older address, which takes a POST to a service's default path."""
    if rest is not None:
        return Problem("not-found", "There is nothing at this address; paths of services are below /service.")
    if method != "POST":
        return Problem("method-not-allowed", "This address takes POST only.", headers={"Allow": "POST"})
    return None
