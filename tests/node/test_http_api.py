"""The node's door to the mesh: who may call a service, and what an outsider gets."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from node.forwarding.http1.exchange import Exchange
from node.forwarding.plane import DataPlane
from node.http_api import HttpApi, ServiceDoor
from node.program.web import bind
from node.rules.decide import MESH_OFF
from node.rules.settings import Rules
from node.services.local_tokens import LocalTokens
from node.state import NodeState, NodeStats
from node.wire import credentials, headers
from node.wire.credentials import Credential
from node.wire.encoding import fingerprint
from node.wire.manifests import Catalogue
from node.wire.tokens import TokenIssuer, TokenVerifier
from tests.support.node_values import MEMBERSHIP, NER, NOTES

MESH = Ed25519PrivateKey.generate()


class Node:
    """A node as the handlers see it; it answers with what it was asked."""

    local_tokens = LocalTokens()

    def __init__(self) -> None:
        self.state = NodeState(membership=MEMBERSHIP, phase="online", load=0.25)
        self.verifier: TokenVerifier | None = TokenVerifier(MESH.public_key(), "w1", time.time)

    def stats(self) -> NodeStats:
        return NodeStats(local_requests=3)

    def take(
        self,
        exchange: Exchange,
        service: str,
        path: str | None,
        *,
        forwarded: bool,
        caller: str,
        personal: bool = False,
    ) -> None:
        said = {"service": service, "path": path, "forwarded": forwarded, "caller": caller, "personal": personal}
        exchange.answer(200, b"Content-Type: application/json\r\n", msgspec.json.encode(said))


@pytest.fixture
async def node() -> Node:
    return Node()


@pytest.fixture
async def url(node: Node) -> AsyncIterator[str]:
    server = DataPlane(ServiceDoor(node), HttpApi(node).application(), bind("127.0.0.1", 0))
    await server.start()
    yield server.url
    await server.stop()


@pytest.fixture
async def http() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession() as session:
        yield session


def token(mesh: Ed25519PrivateKey = MESH, audience: str = "w1", age: int = 0) -> str:
    key = Ed25519PrivateKey.generate()
    now = int(time.time()) - age
    public = key.public_key().public_bytes_raw()
    mesh_id = fingerprint(mesh.public_key().public_bytes_raw())
    credential = credentials.issue(
        Credential(1, mesh_id, "w2", "worker", public, "volunteer", bytes(8), now, int(time.time()) + 600), mesh
    )
    return TokenIssuer(key, "w2", credential, lambda: now).issue(audience)


async def test_health_and_stats_are_open_to_this_machine(url: str, http: aiohttp.ClientSession) -> None:
    async with http.get(url + "/health") as answer:
        document = await answer.json()
        assert (document["status"], document["load"]) == ("online", 0.25)
        assert answer.headers[headers.LOAD] == "0.250"
    async with http.get(url + "/stats") as answer:
        assert (await answer.json())["local_requests"] == 3


@pytest.mark.parametrize(
    "sent",
    [
        {},
        {"Authorization": "Bearer wrong"},
        {"Authorization": Node.local_tokens.of("notes-coa")},
        {headers.MESH_TOKEN: "garbage"},
        {headers.MESH_TOKEN: token(mesh=Ed25519PrivateKey.generate())},
        {headers.MESH_TOKEN: token(audience="w3")},
        {headers.MESH_TOKEN: token(age=3600)},
    ],
)
async def test_outsiders_get_nothing(url: str, http: aiohttp.ClientSession, sent: dict[str, str]) -> None:
    async with http.post(url + "/service/ner", headers=sent) as answer:
        assert answer.status == 401
        assert (await answer.json(content_type=None))["type"].endswith("/unauthorized")


async def test_a_member_is_let_in_and_its_forwarded_request_is_marked(
    url: str, http: aiohttp.ClientSession
) -> None:
    sent = {headers.MESH_TOKEN: token(), headers.HOPS: "1"}
    async with http.post(url + "/service/ner/a%2Fb?x=1", headers=sent) as answer:
        assert await answer.json() == {
            "service": "ner",
            "path": "/a%2Fb",
            "forwarded": True,
            "caller": "w2",
            "personal": False,
        }


async def test_our_own_services_are_let_in_and_never_count_as_forwarded(
    url: str, http: aiohttp.ClientSession
) -> None:
    sent = {"Authorization": f"Bearer {Node.local_tokens.of('notes-coa')}", headers.HOPS: "1"}
    async with http.post(url + "/service/ner", headers=sent) as answer:
        document = await answer.json()
    assert document == {"service": "ner", "path": None, "forwarded": False, "caller": "local", "personal": False}


@pytest.mark.parametrize(("asking", "personal"), [("notes-coa", True), ("ner-extraction", False), ("other", False)])
async def test_what_a_service_for_personal_data_asks_is_personal_too(
    url: str, http: aiohttp.ClientSession, node: Node, asking: str, personal: bool
) -> None:
    catalogue = Catalogue((NER, msgspec.structs.replace(NOTES, data_class="personal")))
    node.state = msgspec.structs.replace(node.state, catalogue=catalogue)
    sent = {"Authorization": f"Bearer {node.local_tokens.of(asking)}"}
    async with http.post(url + "/service/ner", headers=sent) as answer:
        assert (await answer.json())["personal"] is personal


@pytest.mark.parametrize("why", [{"paused": True}, {"ruled": MESH_OFF}, {"rules": Rules(mesh_on=False)}])
async def test_a_resting_node_sends_members_on(
    url: str, http: aiohttp.ClientSession, node: Node, why: dict[str, Any]
) -> None:
    node.state = NodeState(membership=MEMBERSHIP, **why)
    async with http.post(url + "/service/ner", headers={headers.MESH_TOKEN: token()}) as answer:
        assert answer.status == 503
        assert (await answer.json(content_type=None))["type"].endswith("/draining")


async def test_a_node_that_has_left_the_mesh_to_stop_sends_members_on(
    url: str, http: aiohttp.ClientSession, node: Node
) -> None:
    node.verifier, node.state = None, NodeState(stopping=True)
    async with http.post(url + "/service/ner", headers={headers.MESH_TOKEN: token()}) as answer:
        assert answer.status == 503
        assert (await answer.json(content_type=None))["type"].endswith("/draining")


async def test_a_node_outside_any_mesh_believes_nobody(url: str, http: aiohttp.ClientSession, node: Node) -> None:
    node.verifier = None
    async with http.post(url + "/service/ner", headers={headers.MESH_TOKEN: token()}) as answer:
        assert answer.status == 401


@pytest.mark.parametrize(
    ("host", "status"),
    [("evil.example:8000", 401), ("abc.trycloudflare.com", 401), ("[", 400), ("192.0.2.1:8000", 401)],
)
async def test_a_page_that_rebinds_its_name_to_this_machine_reads_nothing(
    url: str, http: aiohttp.ClientSession, host: str, status: int
) -> None:
    for path in ("/health", "/stats"):
        async with http.get(url + path, headers={"Host": host}) as answer:
            assert answer.status == status


async def test_localhost_is_this_machine(url: str, http: aiohttp.ClientSession) -> None:
    async with http.get(url + "/health", headers={"Host": "localhost:8000"}) as answer:
        assert answer.status == 200


# --- what comes by a tunnel: from this machine's cloudflared, on behalf of the whole internet ---------------------

BY_TUNNEL = (
    {"Host": "four-words.trycloudflare.com"},
    {"Host": "localhost", "CF-Connecting-IP": "203.0.113.7"},
    {"Host": "127.0.0.1", "X-Forwarded-For": "203.0.113.7"},
    {"Host": "localhost", "CF-Ray": "8f1b2c3d4e5f6a7b-LHR"},
    {"Host": "localhost", "Cdn-Loop": "cloudflare; loops=1"},
    {"Host": "localhost", "Forwarded": "for=203.0.113.7"},
    {"Host": "localhost", "X-Forwarded-For": ""},
)


@pytest.mark.parametrize("sent", BY_TUNNEL)
async def test_who_comes_by_a_tunnel_is_not_of_this_machine(
    url: str, http: aiohttp.ClientSession, sent: dict[str, str]
) -> None:
    for path in ("/health", "/stats"):
        async with http.get(url + path, headers=sent) as answer:
            assert answer.status == 401
        async with http.get(url + path, headers={**sent, headers.MESH_TOKEN: token()}) as answer:
            assert answer.status == 200, "a member may read through a tunnel as by any other way"
    async with http.post(url + "/service/ner", headers=sent) as answer:
        assert answer.status == 401
    async with http.post(url + "/service/ner", headers={**sent, headers.MESH_TOKEN: token()}) as answer:
        assert answer.status == 200
        assert (await answer.json())["caller"] == "w2"


async def test_a_question_of_its_own_is_answered_and_no_other(node: Node, http: aiohttp.ClientSession) -> None:
    api = HttpApi(node, {"asked": "word"}.get)
    server = DataPlane(ServiceDoor(node), api.application(), bind("127.0.0.1", 0))
    await server.start()
    async with http.get(server.url + "/.well-known/rma-mesh/asked", headers=BY_TUNNEL[0]) as answer:
        assert (answer.status, await answer.text()) == (200, "word")
        assert answer.headers["Cache-Control"] == "no-store"
    async with http.get(server.url + "/.well-known/rma-mesh/made-up") as answer:
        assert answer.status == 404
    await server.stop()


async def test_without_a_tunnel_there_is_nothing_to_answer(url: str, http: aiohttp.ClientSession) -> None:
    async with http.get(url + "/.well-known/rma-mesh/asked") as answer:
        assert answer.status == 404
