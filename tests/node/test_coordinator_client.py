"""A node believes only the mesh that its invite pins, whatever a server on the way answers."""

from __future__ import annotations

import asyncio
import hashlib
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import msgspec
import pytest
from aiohttp import web
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from node.coordinator_client import CoordinatorClient, CoordinatorError, enroll
from node.identity.membership import mesh_keys_of
from node.program.web import HttpServer, bind
from node.wire import credentials, headers
from node.wire.credentials import Credential
from node.wire.encoding import b64encode, fingerprint
from node.wire.invites import Invite, make_invite
from node.wire.mesh_keys import KeyChain, MeshKeys, founded
from node.wire.messages import CoordinatorInfo, EnrollAnswer, EnrollRequest, HeartbeatRequest, RenewAnswer
from node.wire.problems import CONTENT_TYPE, Problem
from node.wire.signed_requests import is_signed
from node.wire.tokens import TokenIssuer

MESH, FOREIGN, OURS, OTHER = (Ed25519PrivateKey.generate() for _ in range(4))


def raw(key: Ed25519PrivateKey) -> bytes:
    return key.public_key().public_bytes_raw()


INVITE = make_invite(b"0123456789", raw(MESH))
REQUEST = EnrollRequest(invite=INVITE.code, name="Anna's PC", identity_public_key=b64encode(raw(OURS)))


def answer_by(mesh: Ed25519PrivateKey, holder: Ed25519PrivateKey, **changes: Any) -> tuple[bytes, str]:
    """Return an enrolment answer and its signature as a coordinator with this mesh key makes them."""
    now = int(time.time())
    credential = Credential(
        1, fingerprint(raw(mesh)), "w1", "worker", raw(holder), "volunteer", bytes(8), now, now + 600
    )
    values: dict[str, Any] = {
        "worker_id": "w1",
        "credential": credentials.issue(credential, mesh),
        "mesh_public_key": b64encode(raw(mesh)),
        "trust": "volunteer",
        "coordinators": (CoordinatorInfo(id="c1", url="http://inside.example"),),
    }
    body = msgspec.json.encode(EnrollAnswer(**{**values, **changes}))
    return body, b64encode(mesh.sign(headers.ENROLMENT_CONTEXT + body))


@asynccontextmanager
async def server(handler: Callable[[web.Request], Awaitable[web.StreamResponse]]) -> AsyncIterator[str]:
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", handler)
    http = HttpServer(app, bind("127.0.0.1", 0))
    await http.start()
    try:
        yield http.url
    finally:
        await http.stop()


async def enroll_at(body: bytes, signature: str, status: int = 201) -> Any:
    async def handler(_request: web.Request) -> web.Response:
        return web.Response(status=status, body=body, headers={headers.SIGNATURE: signature})

    async with server(handler) as url, aiohttp.ClientSession() as session:
        membership, _ = await enroll(session, url, REQUEST, INVITE, time.time())
        assert membership.coordinators[0].url == url, "the address that worked is kept"
        return membership


async def test_the_pinned_mesh_is_believed() -> None:
    membership = await enroll_at(*answer_by(MESH, OURS))
    assert membership.worker_id == "w1"
    assert membership.mesh_public_key == b64encode(raw(MESH))


async def test_another_mesh_in_between_is_not() -> None:
    with pytest.raises(CoordinatorError, match="another mesh") as caught:
        await enroll_at(*answer_by(FOREIGN, OURS))
    assert caught.value.kind == "wrong-mesh"


async def test_a_changed_answer_is_not() -> None:
    body, signature = answer_by(MESH, OURS)
    for changed in (body.replace(b"volunteer", b"vetted", 1), body.replace(b"inside", b"outside")):
        with pytest.raises(CoordinatorError, match="cannot be trusted"):
            await enroll_at(changed, signature)
    with pytest.raises(CoordinatorError, match="cannot be trusted"):
        await enroll_at(body, "")


async def test_an_answer_for_another_machine_is_not() -> None:
    with pytest.raises(CoordinatorError, match="another machine"):
        await enroll_at(*answer_by(MESH, OTHER))
    with pytest.raises(CoordinatorError, match="another machine"):
        await enroll_at(*answer_by(MESH, OURS, worker_id="w2"))


DEEP = b'{"detail": ' + b"[" * 50_000


@pytest.mark.parametrize("body", [b"", b"[]", b"{", b'{"worker_id": 5}', b"\xff", DEEP])
async def test_what_cannot_be_read_is_said(body: bytes) -> None:
    with pytest.raises(CoordinatorError, match="cannot read"):
        await enroll_at(body, "")


async def test_refusals_keep_their_kind_and_words() -> None:
    problem = Problem("invite-invalid", "This invite was used up.")

    async def handler(_request: web.Request) -> web.Response:
        return web.Response(status=problem.status, body=problem.document(), content_type=CONTENT_TYPE)

    async with server(handler) as url, aiohttp.ClientSession() as session:
        with pytest.raises(CoordinatorError, match="used up") as caught:
            await enroll(session, url, REQUEST, INVITE, time.time())
    assert caught.value.kind == "invite-invalid"
    assert caught.value.refused


async def test_a_web_page_is_not_taken_for_a_coordinator() -> None:
    async def handler(_request: web.Request) -> web.Response:
        return web.Response(status=404, text="<html>not here</html>")

    async with server(handler) as url, aiohttp.ClientSession() as session:
        with pytest.raises(CoordinatorError, match="not a coordinator") as caught:
            await enroll(session, url, REQUEST, INVITE, time.time())
    assert not caught.value.refused


@pytest.mark.parametrize("body", [b'{"detail": "ferm\xe9"}', DEEP])
async def test_an_error_that_nobody_can_read_is_one_nevertheless(body: bytes) -> None:
    with pytest.raises(CoordinatorError, match="not a coordinator"):
        await enroll_at(body, "", 502)


async def test_a_redirect_is_not_followed() -> None:
    async def handler(_request: web.Request) -> web.Response:
        raise web.HTTPTemporaryRedirect("http://elsewhere.example/")

    async with server(handler) as url, aiohttp.ClientSession() as session:
        with pytest.raises(CoordinatorError):
            await enroll(session, url, REQUEST, INVITE, time.time())


async def test_an_unreachable_coordinator_is_said_plainly() -> None:
    listener = bind("127.0.0.1", 0)
    port = listener.getsockname()[1]
    listener.close()
    issuer = TokenIssuer(OURS, "w1", "credential", time.time)
    async with aiohttp.ClientSession() as session:
        client = CoordinatorClient(session, issuer, "w1", OURS)
        info = CoordinatorInfo(id="c1", url=f"http://127.0.0.1:{port}")
        with pytest.raises(CoordinatorError, match="cannot be reached") as caught:
            await client.heartbeat(info, HeartbeatRequest(worker_id="w1"))
    assert not caught.value.refused


@pytest.mark.parametrize("left", [0.0, -1.0])
async def test_nobody_waits_for_ever_who_has_no_time_left(left: float) -> None:
    issuer = TokenIssuer(OURS, "w1", "credential", time.time)
    with bind("127.0.0.1", 0) as silent:
        async with aiohttp.ClientSession() as session, asyncio.timeout(60):
            client = CoordinatorClient(session, issuer, "w1", OURS)
            info = CoordinatorInfo(id="c1", url=f"http://127.0.0.1:{silent.getsockname()[1]}")
            with pytest.raises(CoordinatorError):
                await client.heartbeat(info, HeartbeatRequest(worker_id="w1"), left)


async def test_a_renewal_is_believed_only_as_the_meshs_answer_to_this_very_request() -> None:
    asked: list[bytes] = []
    body = msgspec.json.encode(RenewAnswer(credential="new"))
    signer, replayed = MESH, False

    async def handler(request: web.Request) -> web.Response:
        asked.append(await request.read())
        token = request.headers["Authorization"].removeprefix("Bearer ")
        ours = OURS.public_key().public_bytes_raw()
        assert is_signed(request.headers[headers.SIGNATURE], ours, "renew", token, asked[-1])
        signed = headers.RENEWAL_CONTEXT + hashlib.sha256(asked[0 if replayed else -1]).digest() + body
        return web.Response(body=body, headers={headers.SIGNATURE: b64encode(signer.sign(signed))})

    async with server(handler) as url, aiohttp.ClientSession() as session:
        client = CoordinatorClient(session, TokenIssuer(OURS, "w1", "x", time.time), "w1", OURS)
        there = CoordinatorInfo(id="c1", url=url)
        keys = founded(raw(MESH))
        answer, after = await client.renew(there, keys, b"k" * 32)
        assert (answer.credential, after) == ("new", keys)
        assert msgspec.json.decode(asked[0])["nebula_public_key"] == b64encode(b"k" * 32)
        replayed = True
        with pytest.raises(CoordinatorError, match="cannot be trusted"):
            await client.renew(there, keys, b"k" * 32)
        signer, replayed = FOREIGN, False
        with pytest.raises(CoordinatorError, match="cannot be trusted"):
            await client.renew(there, keys)


# --- when the mesh changes its key ----------------------------------------------------------------------------

NEXT, EVIL = Ed25519PrivateKey.generate(), Ed25519PrivateKey.generate()
STEADY = founded(raw(MESH))
SPREADING = STEADY.begin(MESH, NEXT)
REPLACING = SPREADING.onwards()
AFTER = REPLACING.onwards()
LATE_INVITE = make_invite(b"0123456789", raw(NEXT))


async def enrol_with(told: MeshKeys | None, signer: Ed25519PrivateKey, invite: Invite) -> Any:
    """Enrol where a coordinator tells of these keys and signs with this one."""
    body, signature = answer_by(signer, OURS, mesh_keys=told and told.chain)

    async def handler(_request: web.Request) -> web.Response:
        return web.Response(status=201, body=body, headers={headers.SIGNATURE: signature})

    async with server(handler) as url, aiohttp.ClientSession() as session:
        return (await enroll(session, url, REQUEST, invite, time.time()))[0]


@pytest.mark.parametrize(
    ("told", "signer", "invite"),
    [
        (SPREADING, MESH, INVITE),
        (REPLACING, NEXT, INVITE),
        (AFTER, NEXT, INVITE),
        (REPLACING, NEXT, LATE_INVITE),
        (AFTER, NEXT, LATE_INVITE),
    ],
)
async def test_an_invite_is_good_for_the_key_it_pins_and_those_after_it(
    told: MeshKeys, signer: Ed25519PrivateKey, invite: Invite
) -> None:
    membership = await enrol_with(told, signer, invite)
    assert membership.mesh_public_key == b64encode(raw(MESH)), "the founding key"
    assert mesh_keys_of(membership) == told


@pytest.mark.parametrize(
    ("told", "signer", "invite"),
    [
        (AFTER, MESH, INVITE),  # the old key leaked, and was retired
        (REPLACING, MESH, INVITE),
        (SPREADING, NEXT, INVITE),
        (SPREADING, MESH, LATE_INVITE),  # the old key leaked, and whoever has it tells that it still signs
        (STEADY, MESH, LATE_INVITE),
        (None, MESH, LATE_INVITE),
        (None, NEXT, INVITE),
        (AFTER, EVIL, INVITE),
        (founded(raw(EVIL)).begin(EVIL, NEXT).onwards(), EVIL, LATE_INVITE),
        (founded(raw(EVIL)), EVIL, INVITE),
    ],
)
async def test_an_enrolment_by_any_other_key_is_not_believed(
    told: MeshKeys | None, signer: Ed25519PrivateKey, invite: Invite
) -> None:
    with pytest.raises(CoordinatorError) as caught:
        await enrol_with(told, signer, invite)
    assert caught.value.kind == "wrong-mesh"


async def renew_with(known: MeshKeys, told: KeyChain | None, signer: Ed25519PrivateKey) -> MeshKeys:
    """Renew as a node that knows these keys, where somebody tells of those and signs with this one."""
    body = msgspec.json.encode(RenewAnswer(credential="new", mesh_keys=told))

    async def handler(request: web.Request) -> web.Response:
        signed = headers.RENEWAL_CONTEXT + hashlib.sha256(await request.read()).digest() + body
        return web.Response(body=body, headers={headers.SIGNATURE: b64encode(signer.sign(signed))})

    async with server(handler) as url, aiohttp.ClientSession() as session:
        client = CoordinatorClient(session, TokenIssuer(OURS, "w1", "x", time.time), "w1", OURS)
        return (await client.renew(CoordinatorInfo(id="c1", url=url), known))[1]


@pytest.mark.parametrize(
    ("known", "told", "signer", "after"),
    [
        (STEADY, SPREADING, MESH, SPREADING),
        (SPREADING, REPLACING, NEXT, REPLACING),
        (REPLACING, AFTER, NEXT, AFTER),
        (STEADY, AFTER, NEXT, AFTER),  # off all the time
        (AFTER, AFTER, NEXT, AFTER),
        (AFTER, REPLACING, NEXT, AFTER),  # a coordinator that has not looked yet
        (SPREADING, STEADY, MESH, SPREADING),
    ],
)
async def test_a_renewal_is_followed_forwards(
    known: MeshKeys, told: MeshKeys, signer: Ed25519PrivateKey, after: MeshKeys
) -> None:
    assert await renew_with(known, told.chain, signer) == after
    assert (await renew_with(after, None, signer)) == after


FORK = STEADY.begin(MESH, EVIL).onwards().onwards()


def half_signed(chain: KeyChain, **changes: bytes) -> KeyChain:
    (handover,) = chain.handovers
    return msgspec.structs.replace(chain, handovers=(msgspec.structs.replace(handover, **changes),))


HALF_SIGNED_BY_NEW = half_signed(FORK.chain, by_old=bytes(64))
HALF_SIGNED_BY_OLD = half_signed(AFTER.chain, by_new=AFTER.chain.handovers[0].by_old)


@pytest.mark.parametrize(
    ("known", "told", "signer"),
    [
        (AFTER, STEADY.chain, MESH),  # a recorded chain of before, by the key that has leaked since
        (AFTER, None, MESH),
        (REPLACING, STEADY.chain, MESH),
        (REPLACING, SPREADING.chain, MESH),
        (SPREADING, FORK.chain, EVIL),  # whoever has the old key cannot lead away who knows its successor
        (AFTER, FORK.chain, EVIL),
        (STEADY, AFTER.chain, EVIL),  # everybody in the mesh knows the chain
        (STEADY, AFTER.chain, MESH),
        (STEADY, SPREADING.chain, NEXT),
        (STEADY, founded(raw(EVIL)).chain, EVIL),
        (STEADY, HALF_SIGNED_BY_NEW, EVIL),
        (STEADY, HALF_SIGNED_BY_OLD, MESH),
    ],
)
async def test_somebody_in_between_leads_nobody_to_another_key(
    known: MeshKeys, told: KeyChain | None, signer: Ed25519PrivateKey
) -> None:
    with pytest.raises(CoordinatorError) as caught:
        await renew_with(known, told, signer)
    assert caught.value.kind == "wrong-mesh"


async def test_whoever_has_the_old_key_leads_away_a_machine_that_was_off_all_the_time() -> None:
    """The documents say so: this is what no chain can prevent, and why a leak is told to volunteers."""
    assert await renew_with(STEADY, FORK.chain, EVIL) == FORK
