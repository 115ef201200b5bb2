"""Workers that frontends may ask directly: they register addresses, frontends get list and tokens."""

from __future__ import annotations

from aiohttp import web

from coordinator_server.api.addresses import client_address
from coordinator_server.api.shapes import EntryPoint, EntryPoints
from coordinator_server.api.worker_auth import authenticate, check_signed_whole, check_speaks_for_itself
from coordinator_server.application import COORDINATOR
from coordinator_server.front import FRONT
from coordinator_server.gateway.access import CHALLENGE, Visit
from coordinator_server.gateway.rates import parse_rate
from node.program.web import json_response, read_body
from node.wire.client_tokens import PATH as CLIENT_TOKEN
from node.wire.client_tokens import ClientToken, issue
from node.wire.entry_points import REGISTER, WITHDRAW, EntryPointRequest, EntryPointWithdrawal
from node.wire.problems import Problem

CACHE = "public, max-age=60"
NONE = "No worker takes requests directly now. Use this coordinator's /service instead."


def add_routes(app: web.Application) -> None:
    app.router.add_get("/entry-points", entry_points)
    app.router.add_get("/api/entry-points", api_entry_points)
    app.router.add_post(REGISTER, register)
    app.router.add_post(WITHDRAW, withdraw)
    app.router.add_post(CLIENT_TOKEN, client_token)


async def entry_points(request: web.Request) -> web.Response:
    """List the workers that take frontend requests directly; 503 when there are none."""
    found = listed(request)
    answer = json_response(found, status=200 if found.count else 503)
    answer.headers["Cache-Control"] = CACHE
    return answer


async def api_entry_points(request: web.Request) -> web.Response:
    """List the same, with an empty list for none."""
    answer = json_response(listed(request))
    answer.headers["Cache-Control"] = CACHE
    return answer


def listed(request: web.Request) -> EntryPoints:
    found = [
        EntryPoint(worker_id=one.worker_id, access_url=one.access_url, services=one.services, insecure=one.insecure)
        for one in request.app[FRONT].entry_points.listed()
    ]
    now = request.app[COORDINATOR].clock()
    return EntryPoints(entry_points=found, count=len(found), timestamp=now, error=None if found else NONE)


async def register(request: web.Request) -> web.Response:
    """Take in an address of a worker, once it was seen to lead to it."""
    enrolment = await authenticate(request)
    body = await read_body(request, EntryPointRequest)
    await check_speaks_for_itself(request, enrolment, body.worker_id)
    await check_signed_whole(request, enrolment, "entry-point")
    return json_response(await request.app[FRONT].entry_points.register(enrolment, body, client_address(request)))


async def withdraw(request: web.Request) -> web.Response:
    """Forget the address of a worker."""
    enrolment = await authenticate(request)
    body = await read_body(request, EntryPointWithdrawal)
    await check_speaks_for_itself(request, enrolment, body.worker_id)
    await check_signed_whole(request, enrolment, "entry-point-withdrawal")
    request.app[FRONT].entry_points.withdraw(enrolment.worker_id)
    return json_response({})


async def client_token(request: web.Request) -> web.Response:
    """Give the holder of an API key a token that entry points can check by themselves."""
    coordinator, access = request.app[COORDINATOR], request.app[FRONT].access
    visit = Visit(request.remote or "", client_address(request), request.headers)
    access.knock(visit)
    key = await access.identify(visit)
    if key is None:
        detail = "Entry points know nobody without an API key: show one, also where /service needs none."
        raise Problem("unauthorized", detail, headers=CHALLENGE)
    now, rate = coordinator.clock(), parse_rate(key.rate)
    await access.count(key)
    access.used(key, visit)
    until = key.expires_at if key.expires_at is not None else now * 2
    token, expires_at = issue(
        coordinator.token_issuer, key.id, key.services, (rate.limit, rate.seconds), now=now, until=until
    )
    answer = json_response(ClientToken(token=token, expires_at=expires_at, services=key.services, rate=key.rate))
    answer.headers["Cache-Control"] = "no-store"
    return answer
