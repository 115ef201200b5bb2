"""Who may come in as the operator: whoever has the admin token; who guesses at it has to wait."""

from __future__ import annotations

import ipaddress
from collections.abc import Awaitable, Callable

from aiohttp import web

from coordinator_server.api.addresses import client_address
from coordinator_server.application import COORDINATOR, Coordinator
from coordinator_server.enrolment.lockout import Lockout
from node.program.web import read_whole
from node.wire.problems import Problem

CHALLENGE = {"WWW-Authenticate": 'Bearer realm="rma-mesh-admin"'}

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Guard:
    """Lets the admin token's holder pass; the first refusal of a minute is audited.

    After some wrong tokens an address gets no more answers, not even with the right one: else it could go on
    guessing. On this machine alone the right one always counts: nobody's guesses shut the operator out there.
    """

    def __init__(self, lockout: Lockout) -> None:
        self._lockout = lockout

    def watch(self, handler: Handler) -> Handler:
        async def watched(request: web.Request) -> web.StreamResponse:
            await self._check(request)
            if request.can_read_body:
                await read_whole(request)
                await self._check(request)  # whoever is slow with the body may show what was replaced meanwhile
            answer = await handler(request)
            if not answer.prepared:
                answer.headers["Cache-Control"] = "no-store"
            return answer

        return watched

    async def _check(self, request: web.Request) -> None:
        coordinator, address = request.app[COORDINATOR], client_address(request)
        scheme, _, shown = request.headers.get("Authorization", "").partition(" ")
        right = coordinator.admin_tokens.fits(shown.strip()) and scheme.lower() == "bearer"
        wait = self._lockout.retry_after(address, coordinator.clock())
        if right and (not wait or _is_here(address)):
            return
        if wait:
            text = f"Too many wrong admin tokens came from this address. Try again in {wait} s."
            raise Problem("rate-limited", text, headers={"Retry-After": str(wait)})
        if not shown:
            text = "This needs the admin token as `Authorization: Bearer TOKEN`."
            raise Problem("unauthorized", text, headers=CHALLENGE)
        self._lockout.wrong(address, coordinator.clock())
        await _note(coordinator, request.path, address)
        raise Problem("unauthorized", "This is not the admin token of this coordinator.", headers=CHALLENGE)


async def _note(coordinator: Coordinator, path: str, address: str) -> None:
    line = coordinator.audit.line(
        "admin-refused", actor="anonymous", subject=path, address=address, outcome="refused"
    )
    await coordinator.audit.refusal(line)


def _is_here(address: str) -> bool:
    try:
        return ipaddress.ip_address(address).is_loopback
    except ValueError:
        return False
