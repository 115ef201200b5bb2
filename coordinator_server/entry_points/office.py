"""Decides who is an entry point: whoever has just proved its address, and is here, well and trusted."""

from __future__ import annotations

import secrets
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import ceil

from coordinator_server.audit import Audit
from coordinator_server.enrolment.workers import Enrolment, Workers
from coordinator_server.entry_points.prober import BusyError, Prober, UnreachedError
from coordinator_server.entry_points.table import Proved, Table
from coordinator_server.registry.registry import Registry
from node.wire.encoding import b64decode
from node.wire.entry_points import (
    MAX_ORIGINS,
    EntryPointAnswer,
    EntryPointRequest,
    clean_url,
    is_plain,
    is_proof,
)
from node.wire.problems import Problem

SHARE = 0.05  # of the time at most that looking through them takes
SHORT = 100  # entries that are looked through whenever somebody asks
AGAIN = {"Retry-After": "5"}
UNTRUSTED = "Frontends are sent to vetted machines only; an operator may approve this one (worker approve)."
PLAIN = "Requests to this address are not encrypted: whoever is on the way can read them. A tunnel encrypts."


@dataclass(frozen=True, slots=True)
class Listed:
    """An entry point as frontends are told of it."""

    worker_id: str
    access_url: str
    services: tuple[str, ...]
    insecure: bool


class EntryPointOffice:
    """Takes what workers say of their addresses, and tells which of them hold now."""

    def __init__(
        self,
        *,
        workers: Workers,
        registry: Registry,
        audit: Audit,
        prober: Prober,
        stale: float,
        clock: Callable[[], float],
        origins: Sequence[str] = (),
    ) -> None:
        self.prober = prober
        self.probes: Counter[str] = Counter()  # by what came of them: proved, refused, unreached
        self._workers = workers
        self._registry = registry
        self._audit = audit
        self._stale = stale
        self._origins = tuple(one for one in origins if len(one) <= 300)[:MAX_ORIGINS]
        self._clock = clock
        self._table = Table(stale)
        self._listed: Sequence[Listed] = ()
        self._next_look = 0.0

    def listed(self) -> Sequence[Listed]:
        """Return the entry points of now: not who left, was revoked, drains, rests or is silent.

        Everybody may ask for them: a long list is made anew only so often.
        """
        if time.monotonic() < self._next_look:
            return self._listed
        begun = time.thread_time()
        found = [(one, self._services(one)) for one in self._table.fresh(self._clock())]
        self._listed = [
            Listed(one.worker_id, one.access_url, services, is_plain(one.access_url))
            for one, services in found
            if services is not None
        ]
        worked = time.thread_time() - begun
        if len(found) > SHORT:
            self._next_look = time.monotonic() + worked / SHARE
        return self._listed

    async def register(
        self, enrolment: Enrolment, request: EntryPointRequest, address: str = ""
    ) -> EntryPointAnswer:
        """Ask at a worker's address whether it answers there, where that is due; raise Problem."""
        try:
            url = self._check(enrolment, request)
        except Problem as problem:
            await self._refused(enrolment, request.access_url, problem, address)
            raise
        if self._registry.member(enrolment.worker_id) is None:
            raise Problem("unknown-worker", f"{enrolment.worker_id} has to register first.")
        if enrolment.trust != "vetted":
            return self._answer(url, listed=False, detail=UNTRUSTED)
        now = self._clock()
        wait = self._table.may_ask_in(enrolment.worker_id, now)
        known = self._table.of(enrolment.worker_id, now)
        if wait > 0:
            if known is not None and known.access_url == url:
                return self._answer(url, listed=True)
            text = f"This worker's address was looked at a moment ago. Try again in {ceil(wait)} s."
            raise Problem("rate-limited", text, headers={"Retry-After": str(ceil(wait))})
        await self._prove(enrolment, url, address)
        return self._answer(url, listed=True)

    def withdraw(self, worker_id: str) -> None:
        """Tell frontends no more of a worker's address."""
        self._table.remove(worker_id)

    def _check(self, enrolment: Enrolment, request: EntryPointRequest) -> str:
        try:
            url = clean_url(request.access_url)
        except ValueError as error:
            raise Problem("invalid-body", str(error), field="$.access_url") from None
        if not self.prober.may_ask(url):
            raise Problem("invalid-body", "This address is not on the internet.", field="$.access_url")
        owner = self._table.owner(url, self._clock())
        if owner is not None and owner != enrolment.worker_id:
            raise Problem("conflict", "Another worker answers at this address.")
        return url

    async def _prove(self, enrolment: Enrolment, url: str, address: str) -> None:
        worker_id, public_key = enrolment.worker_id, enrolment.identity_public_key
        nonce, begun = secrets.token_urlsafe(24), self._clock()
        self._table.asking(worker_id, begun)
        try:
            proof = await self.prober.ask(url, nonce)
            if not is_proof(proof, b64decode(public_key), worker_id, url, nonce):
                raise UnreachedError("Something else answers there than this worker.", certain=True)
        except BusyError:
            text = "Too many addresses are being looked at now. Try again in a moment."
            raise Problem("overloaded", text, headers=AGAIN) from None
        except UnreachedError as error:
            self.probes["refused" if error.certain else "unreached"] += 1
            if error.certain:
                self._table.remove(worker_id)
            problem = Problem("entry-point-unreached", f"{url}: {error}")
            await self._refused(enrolment, url, problem, address)
            raise problem from None
        self.probes["proved"] += 1
        now = self._clock()
        owner = self._table.owner(url, now)  # somebody may have been quicker meanwhile
        if owner is not None and owner != worker_id:
            raise Problem("conflict", "Another worker answers at this address.")
        if self._table.prove(Proved(worker_id, public_key, url, now, now)):
            line = self._audit.line(
                "entry-point-proved", actor=f"worker:{worker_id}", subject=worker_id, detail=url, address=address
            )
            await self._audit.record(line)

    def _services(self, one: Proved) -> tuple[str, ...] | None:
        """Return what an entry point runs, or None where frontends are not to be sent there."""
        enrolment, member = self._workers.get(one.worker_id), self._registry.member(one.worker_id)
        if enrolment is None or member is None or self._workers.is_revoked(one.worker_id):
            return None
        if enrolment.trust != "vetted" or enrolment.identity_public_key != one.public_key:
            return None
        return member.running if self._registry.status(member) == "active" else None

    def _answer(self, url: str, *, listed: bool, detail: str = "") -> EntryPointAnswer:
        plain = is_plain(url)
        return EntryPointAnswer(
            listed=listed,
            access_url=url,
            stale_after=self._stale,
            insecure=plain,
            detail=detail or (PLAIN if plain else ""),
            origins=self._origins,
        )

    async def _refused(self, enrolment: Enrolment, url: str, problem: Problem, address: str) -> None:
        line = self._audit.line(
            "entry-point-refused",
            actor=f"worker:{enrolment.worker_id}",
            subject=enrolment.worker_id,
            detail=f"{problem.detail} ({url[:200]!r})",
            address=address,
            outcome="refused",
        )
        await self._audit.refusal(line)
