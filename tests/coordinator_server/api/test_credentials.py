"""Every endpoint with everything that somebody may show there: each answer is the one that the table says.

The table is held to the routes that a running coordinator has: one without a row is a failure.
"""

from __future__ import annotations

import contextlib
import itertools
import secrets
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import aiohttp
import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from coordinator_server.api.openapi import ADMIN, PUBLIC, WORKER
from node.forwarding.http1.app_bridge import AppBridge
from node.wire.credentials import CLOCK_SKEW
from node.wire.headers import MESH_TOKEN, REQUEST_ID, SIGNATURE
from node.wire.signed_requests import What, sign_request
from node.wire.tokens import LIFE, TokenIssuer
from tests.coordinator_server.vpn.test_doors import AT, doors_of, member
from tests.support.coordinators import PC, Answer, Room, Worker, coordinator_room

FREE, ADMINS, KEYS, WORKERS = "free", "admin", "key", "worker"
Expected = tuple[int, str]
UNKNOWN: Expected = (401, "unauthorized")
OUT: Expected = (403, "forbidden")
WAITING: Expected = (403, "approval-pending")
PARDONED = (404,)  # who is let through and asks about nothing: an unknown service, or a worker not registered yet


@dataclass(frozen=True)
class Row:
    """What an endpoint asks for: who may come, what it says, and whether it signs the whole of it."""

    guard: str
    body: Mapping[str, Any] | None = None
    signs: What | None = None
    says_who: bool = False  # the body names the worker
    waiting: bool = False  # also for who is not let in yet
    colleagues: bool = False  # also for other coordinators


def says(signs: What | None = None, waiting: bool = False, **body: Any) -> Row:
    return Row(WORKERS, body, signs, says_who=True, waiting=waiting)


TABLE: Mapping[tuple[str, str], Row] = {
    ("GET", "/"): Row(FREE),
    ("GET", "/dashboard/{file}"): Row(FREE),
    ("GET", "/health"): Row(FREE),
    ("GET", "/ready"): Row(FREE),
    ("GET", "/entry-points"): Row(FREE),
    ("GET", "/api/entry-points"): Row(FREE),
    ("GET", "/api/topology"): Row(FREE),
    ("GET", "/api/topology/stream"): Row(FREE),
    ("GET", "/metrics"): Row(FREE),
    ("GET", "/openapi.json"): Row(FREE),
    ("GET", "/api/dht/bootstrap"): Row(FREE),
    ("POST", "/api/enroll"): Row(FREE, {"invite": "WRONG", "name": "x", "identity_public_key": "A" * 43}),
    ("POST", "/api/client-token"): Row(KEYS),
    ("GET", "/api/admin/status"): Row(ADMINS),
    ("GET", "/api/admin/overview"): Row(ADMINS),
    ("GET", "/api/admin/doctor"): Row(ADMINS),
    ("GET", "/api/admin/workers"): Row(ADMINS),
    ("GET", "/api/coordinator/workers"): Row(ADMINS),
    ("GET", "/api/admin/workers/{id}"): Row(ADMINS),
    ("POST", "/api/admin/workers/{id}/approve"): Row(ADMINS),
    ("POST", "/api/admin/workers/{id}/refuse"): Row(ADMINS),
    ("POST", "/api/admin/workers/{id}/drain"): Row(ADMINS),
    ("POST", "/api/admin/workers/{id}/undrain"): Row(ADMINS),
    ("POST", "/api/admin/workers/{id}/revoke"): Row(ADMINS),
    ("POST", "/api/admin/workers/{id}/pardon"): Row(ADMINS),
    ("GET", "/api/admin/gaps"): Row(ADMINS),
    ("GET", "/api/admin/plan"): Row(ADMINS),
    ("GET", "/api/admin/audit"): Row(ADMINS),
    ("GET", "/api/admin/audit/verify"): Row(ADMINS),
    ("GET", "/api/admin/invites"): Row(ADMINS),
    ("POST", "/api/admin/invites"): Row(ADMINS, {}),
    ("DELETE", "/api/admin/invites/{id}"): Row(ADMINS),
    ("GET", "/api/admin/keys"): Row(ADMINS),
    ("POST", "/api/admin/keys"): Row(ADMINS, {"name": "x"}),
    ("DELETE", "/api/admin/keys/{id}"): Row(ADMINS),
    ("POST", "/api/admin/token/rotate"): Row(ADMINS, {}),
    ("POST", "/api/admin/mesh/rotate-ca"): Row(ADMINS, {}),
    ("POST", "/api/admin/mesh/rotate-key"): Row(ADMINS, {}),
    ("POST", "/api/admin/backup"): Row(ADMINS),
    ("POST", "/api/worker/register"): says(
        "register", waiting=True, capabilities=msgspec.to_builtins(PC), endpoints={"port": 8000}
    ),
    ("POST", "/api/worker/heartbeat"): says(waiting=True),
    ("POST", "/api/worker/renew"): says("renew", waiting=True, nebula_public_key="A" * 43),
    ("POST", "/api/worker/leave"): says("leave", waiting=True),
    ("GET", "/api/worker/peers"): Row(WORKERS, colleagues=True),
    ("GET", "/api/worker/seen"): Row(WORKERS),
    ("GET", "/api/worker/channel"): Row(WORKERS, signs="channel", waiting=True),
    ("GET", "/api/dht/stats"): Row(WORKERS),
    ("GET", "/api/dht/topology"): Row(WORKERS),
    ("POST", "/api/entry-points/register"): says("entry-point", access_url="https://w.example.org"),
    ("POST", "/api/entry-points/withdraw"): says("entry-point-withdrawal"),
}
BESIDE = {"/api/worker/relay/", "/relay/"}  # paths that no application sees; they are tried below


@dataclass
class Cast:
    """Everybody who comes to the door, and the addresses that they come from."""

    room: Room
    good: Worker
    victim: Worker
    revoked: Worker
    pending: Worker
    shown: Mapping[str, Mapping[str, str]]  # what is shown where, by the name of the trial
    numbers: Any = None

    def anywhere(self) -> dict[str, str]:
        """Let a request come from a household of its own, so that nobody is locked out for another."""
        number = next(self.numbers)
        return {"X-Forwarded-For": f"203.0.{number // 250}.{number % 250 + 1}"}


@pytest.fixture
async def cast(tmp_path: Path) -> AsyncIterator[Cast]:
    async with coordinator_room(tmp_path / "c", require_approval=True) as room:
        yield await assemble(room, tmp_path)


async def assemble(room: Room, folder: Path) -> Cast:
    good, victim, revoked = [await let_in(room, name) for name in ("good", "victim", "revoked")]
    pending = await room.worker("pending")
    await room.coordinator.workers.revoke("revoked")
    async with coordinator_room(folder / "other", room.clock) as other:
        stranger = await other.worker("good")
    forger = replace(good, key=Ed25519PrivateKey.generate())
    elsewhere = replace(good, audience="coordinator-00000000")
    ours = room.coordinator
    _, key = await ours.keys.create("test", rate="1000/min")
    gone, lost = await ours.keys.create("gone", rate="10/min")
    await ours.keys.revoke(gone.id)
    _, old = await ours.keys.create("old", rate="10/min", expires_at=room.clock() + 1.0)
    expired = good.token
    room.clock.now += LIFE + CLOCK_SKEW + 1.0
    tokens = {
        "empty": "",
        "garbage": "garbage",
        "long": "x" * 5000,
        "dots": "." * 2000,
        "not ascii": "tök\x80en",
        "an API key": key,
        "an expired API key": old,
        "a revoked API key": lost,
        "an admin token": ours.admin_token,
        "a wrong admin token": ours.admin_token[:-1],
        "an expired token": expired,
        "a token of another mesh": stranger.token,
        "a forged token": forger.token,
        "a token for another coordinator": elsewhere.token,
        "the coordinator's own token": ours.token_issuer.issue(ours.coordinator_id),
        "a worker's token": good.token,
        "a revoked worker's token": revoked.token,
        "a waiting worker's token": pending.token,
    }
    shown = {name: {"Authorization": f"Bearer {token}"} for name, token in tokens.items()}
    shown["nothing"] = {}
    shown["another scheme"] = {"Authorization": f"Basic {ours.admin_token}"}
    shown["two of them"] = {"Authorization": f"Bearer {good.token}, Bearer {ours.admin_token}"}
    shown["an API key in its own field"] = {"X-API-Key": key}
    shown["a mesh token"] = {MESH_TOKEN: good.token}
    shown["a cookie"] = {"Cookie": f"token={ours.admin_token}; Authorization=Bearer {ours.admin_token}"}
    return Cast(room, good, victim, revoked, pending, shown, itertools.count())


async def let_in(room: Room, name: str) -> Worker:
    """Return a worker that the operator has approved and that has fetched its credential."""
    worker = await room.worker(name)
    await room.coordinator.workers.let_in(worker.worker_id, "volunteer")
    answer = await worker.say("renew")
    assert answer.status == 200, answer.body
    return replace(worker, credential=answer.json["credential"])


def expected(row: Row, trial: str) -> Expected | None:
    """Return status and problem of what must be refused; None for who may pass."""
    if row.guard == FREE:
        return None
    if row.guard == ADMINS:
        return None if trial == "an admin token" else UNKNOWN
    if row.guard == KEYS:
        return None if trial.startswith("an API key") else UNKNOWN
    if trial == "a worker's token" or (row.colleagues and trial == "the coordinator's own token"):
        return None
    if trial == "a revoked worker's token":
        return OUT
    if trial == "a waiting worker's token":
        if row.waiting:
            return OUT if row.says_who else None  # it is let through, and speaks for another one
        return WAITING
    return UNKNOWN


async def ask(
    cast: Cast,
    url: str,
    session: aiohttp.ClientSession,
    route: tuple[str, str],
    shown: Mapping[str, str],
    *,
    named: str = "good",
) -> Answer:
    method, path = route
    row = TABLE[route]
    body = None if row.body is None else msgspec.json.encode({**row.body, "worker_id": named})
    where = url + path.replace("{id}", named).replace("{file}", "icon.svg")
    head = {**cast.anywhere(), **shown}
    async with session.request(method, where, data=body, headers=head) as answer:
        return Answer(answer.status, answer.headers, await answer.read())


def signed(worker: Worker, row: Row, named: str) -> dict[str, str]:
    """Return the head of a request that a worker has signed whole."""
    token = worker.token
    body = b"" if row.body is None else msgspec.json.encode({**row.body, "worker_id": named})
    assert row.signs is not None
    signature = sign_request(worker.key, row.signs, token, body, secrets.token_urlsafe(12))
    return {"Authorization": f"Bearer {token}", SIGNATURE: signature}


def test_each_route_has_a_row_and_each_row_is_described() -> None:
    described = {(operation.method.upper(), operation.path) for operation in (*PUBLIC, *ADMIN, *WORKER)}
    assert described == set(TABLE)


async def test_each_route_of_the_application_is_in_the_table(cast: Cast) -> None:
    app = cast.room.site.app
    routes = {(route.method, route.resource.canonical) for route in app.router.routes() if route.resource}
    assert {route for route in routes if route[0] != "HEAD"} == set(TABLE)
    bridge = cast.room.site.server._server._app
    assert isinstance(bridge, AppBridge)
    assert set(bridge._beside) == BESIDE


@pytest.mark.parametrize("door", ["public", "overlay"])
async def test_who_shows_the_wrong_thing_gets_nowhere(cast: Cast, door: str) -> None:
    async with door_of(cast, door) as (url, session):
        for route, row in TABLE.items():
            for trial, shown in cast.shown.items():
                nobody = "{id}" in route[1] and trial == "an admin token"  # what it does it shall do to no one
                answer = await ask(cast, url, session, route, shown, named="nobody" if nobody else "good")
                assert answer.status != 500, (route, trial)
                assert answer.headers[REQUEST_ID], (route, trial)
                want = expected(row, trial)
                if want is not None:
                    assert (answer.status, answer.problem) == want, (route, trial, answer.body)
                    assert want != UNKNOWN or "WWW-Authenticate" in answer.headers, (route, trial)
                elif nobody:
                    assert answer.status == 404, (route, trial, answer.body)
                elif row.guard != FREE and row.signs is None and not changes(route):
                    assert answer.status in (200, 201, *PARDONED), (route, trial, answer.body)
            if route == ("POST", "/api/admin/token/rotate"):
                await restore_admin_token(cast)
    assert cast.victim.worker_id in cast.room.coordinator.workers
    assert "good" in cast.room.coordinator.workers


def changes(route: tuple[str, str]) -> bool:
    """Say whether what a good request does changes what the next one may."""
    return route[1].startswith(("/api/admin/token", "/api/admin/mesh"))


async def restore_admin_token(cast: Cast) -> None:
    shown = dict(cast.shown)
    for trial in ("an admin token", "a wrong admin token"):
        token = cast.room.coordinator.admin_token
        shown[trial] = {"Authorization": f"Bearer {token if trial == 'an admin token' else token[:-1]}"}
    cast.shown = shown


@contextlib.asynccontextmanager
async def door_of(cast: Cast, name: str) -> AsyncIterator[tuple[str, aiohttp.ClientSession]]:
    if name == "public":
        yield cast.room.url, cast.room.session
        return
    async with doors_of(cast.room) as (doors, port), member() as session:
        assert await doors.be_at(AT)
        yield f"http://{AT}:{port}", session


async def test_a_worker_acts_for_itself_alone_signs_what_it_says_and_says_it_once(cast: Cast) -> None:
    url, session = cast.room.url, cast.room.session
    plain = {"Authorization": f"Bearer {cast.good.token}"}
    last = [route for route in TABLE if route[1].endswith("/leave")]  # after which it is nobody
    for route, row in [
        *((one, TABLE[one]) for one in TABLE if one not in last),
        *((one, TABLE[one]) for one in last),
    ]:
        if row.says_who:
            for who in (cast.good, *((cast.pending,) if row.waiting else ())):
                head = signed(who, row, "victim") if row.signs else {"Authorization": f"Bearer {who.token}"}
                answer = await ask(cast, url, session, route, head, named="victim")
                assert (answer.status, answer.problem) == OUT, (route, answer.body)
        if row.signs is not None:
            answer = await ask(cast, url, session, route, plain)
            assert (answer.status, answer.problem) == UNKNOWN, (route, answer.body)
            borrowed = {**plain, SIGNATURE: signed(cast.victim, row, "good")[SIGNATURE]}
            answer = await ask(cast, url, session, route, borrowed)
            assert (answer.status, answer.problem) == UNKNOWN, (route, answer.body)
            once = signed(cast.good, row, "good")
            first = await ask(cast, url, session, route, once)
            assert first.status != 401, (route, first.body)
            again = await ask(cast, url, session, route, once)
            gone = route[1].endswith("/leave")
            assert (again.status, again.problem) == (OUT if gone else UNKNOWN), (route, again.body)
    assert cast.victim.worker_id in cast.room.coordinator.workers
    assert cast.good.worker_id not in cast.room.coordinator.workers, "it left, by a request of its own"


async def test_no_answer_tells_strangers_whether_an_id_is_there(cast: Cast) -> None:
    """Who proves nothing gets the same words about a member, one that was put out, one that waits, and nobody."""
    url, session, ids = cast.room.url, cast.room.session, ("good", "revoked", "pending", "nobody")
    for route, row in TABLE.items():
        if "{id}" in route[1]:
            for trial in ("nothing", "garbage", "a wrong admin token", "a worker's token"):
                told = [await ask(cast, url, session, route, cast.shown[trial], named=one) for one in ids]
                assert len({in_words(answer, one) for answer, one in zip(told, ids, strict=True)}) == 1, (
                    route,
                    trial,
                )
        if row.guard == WORKERS:
            forged = [
                replace(worker, key=Ed25519PrivateKey.generate(), worker_id=one, credential=cast.good.credential)
                for worker, one in zip(itertools.repeat(cast.good), ids, strict=False)
            ]
            heads = [{"Authorization": f"Bearer {one.token}"} for one in forged]
            told = [
                await ask(cast, url, session, route, head, named=one) for head, one in zip(heads, ids, strict=True)
            ]
            assert {(answer.status, answer.problem) for answer in told} == {UNKNOWN}, route
            assert len({in_words(answer, one) for answer, one in zip(told, ids, strict=True)}) == 1, route


def in_words(answer: Answer, one: str) -> tuple[int, str, tuple[str, ...]]:
    """Return what an answer tells, but for the id that was asked for and the request's own."""
    detail = str(answer.json["detail"]).replace(one, "ID")
    return answer.status, detail, tuple(sorted({*answer.headers} - {REQUEST_ID, "Date"}))


SERVICES = ("/service/ner/x", "/service/nothing/x")


async def test_the_gateway_takes_keys_and_nothing_else(cast: Cast) -> None:
    for trial, shown in cast.shown.items():
        told = []
        for path in SERVICES:
            async with cast.room.session.post(
                cast.room.url + path, data=b"{}", headers={**cast.anywhere(), **shown}
            ) as answer:
                told.append(Answer(answer.status, answer.headers, await answer.read()))
        statuses = [(answer.status, answer.problem) for answer in told]
        if trial.startswith("an API key"):
            assert statuses == [(503, "no-worker"), (404, "unknown-service")], trial
        else:
            assert statuses == [UNKNOWN, UNKNOWN], trial


async def test_the_relay_takes_mesh_tokens_for_that_very_worker(cast: Cast) -> None:
    room, good = cast.room, cast.good
    await good.register()
    right = TokenIssuer(good.key, "good", good.credential, room.clock).issue("victim")
    shown: dict[str, Mapping[str, str]] = dict(cast.shown)
    for trial in list(shown):
        if "Authorization" in shown[trial]:  # neither there nor in its own field
            shown[trial + " as a mesh token"] = {MESH_TOKEN: shown[trial]["Authorization"].removeprefix("Bearer ")}
    for trial, head in shown.items():
        told = [await relayed(cast, head, worker) for worker in ("victim", "revoked", "nobody")]
        assert {(answer.status, answer.problem) for answer in told} == {UNKNOWN}, trial
    answer = await relayed(cast, {MESH_TOKEN: right}, "victim")
    assert (answer.status, answer.problem) == (503, "relay-lost")
    revoked = TokenIssuer(cast.revoked.key, "revoked", cast.revoked.credential, room.clock).issue("victim")
    assert (await relayed(cast, {MESH_TOKEN: revoked}, "victim")).status == 401
    assert (await relayed(cast, {MESH_TOKEN: right}, "nobody")).status == 401, "a token for one is none for another"


async def relayed(cast: Cast, head: Mapping[str, str], worker: str) -> Answer:
    url = f"{cast.room.url}/relay/{worker}/service/ner"
    async with cast.room.session.post(url, data=b"{}", headers={**cast.anywhere(), **head}) as answer:
        return Answer(answer.status, answer.headers, await answer.read())


async def test_a_ticket_of_the_relay_is_not_guessed_whatever_is_shown(cast: Cast) -> None:
    url = f"{cast.room.url}/api/worker/relay/" + "A" * 32
    handshake = {
        "Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Version": "13",
        "Sec-WebSocket-Key": "AAAAAAAAAAAAAAAAAAAAAA==",
    }  # fmt: skip
    for trial, shown in cast.shown.items():
        async with cast.room.session.get(url, headers={**cast.anywhere(), **shown, **handshake}) as answer:
            assert answer.status == 404, trial
        async with cast.room.session.get(url, headers={**cast.anywhere(), **shown}) as answer:
            assert answer.status in (400, 426), trial
