"""A node lets frontends in by tokens that a coordinator signed, for what they say and as often as they say."""

from __future__ import annotations

from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from node.client_access import MOST, ClientAccess
from node.wire.client_tokens import AUDIENCE, LIFE, ClientPass, ClientTokenVerifier, issue
from node.wire.manifests import Catalogue
from node.wire.mesh_keys import trust_in
from node.wire.problems import Problem
from node.wire.tokens import TokenIssuer
from tests.support.mesh_keys import NOW, Clock, Mesh
from tests.support.node_values import NER, NOTES

CATALOGUE = Catalogue((NER, NOTES))


class Door:
    """A node's door that knows a mesh, and a coordinator of it that signs."""

    def __init__(self, **credential: Any) -> None:
        self.clock, mesh, key = Clock(), Mesh(), Ed25519PrivateKey.generate()
        held = mesh.admit(key, "c-1", **{"role": "coordinator", **credential})
        self.issuer = TokenIssuer(key, "c-1", held, self.clock)
        self.revoked: set[str] = set()
        self.open = True
        self.verifier: ClientTokenVerifier | None = ClientTokenVerifier(
            trust_in(mesh.key.public_key()), self.clock, self.revoked
        )
        self.access = ClientAccess(lambda: self.verifier, lambda: self.open, self.clock)

    def token(self, services: tuple[str, ...] = (), rate: tuple[int, float] = (2, 60.0), key: str = "k1") -> str:
        return issue(self.issuer, key, services, rate, now=self.clock.now, until=NOW * 2)[0]

    def refused(self, token: str) -> str:
        with pytest.raises(Problem) as caught:
            self.access.recognise(f"Bearer {token}")
        assert caught.value.kind == "unauthorized"
        return caught.value.detail

    def permit(self, client: ClientPass | None, service: str) -> str:
        assert client is not None
        try:
            self.access.permit(client, service, CATALOGUE)
        except Problem as problem:
            return problem.kind
        return ""


def test_a_token_lets_in_for_its_services_and_at_its_rate() -> None:
    door = Door()
    client = door.access.recognise("bearer " + door.token((NER.name,)))
    assert client is not None
    assert client.sub == "k1"
    assert door.permit(client, NOTES.name) == "forbidden"
    assert door.permit(client, "no-such-service") == "forbidden"
    assert [door.permit(client, NER.name) for _ in range(3)] == ["", "", "rate-limited"]
    door.clock.now += 30
    assert [door.permit(client, NER.name) for _ in range(2)] == ["", "rate-limited"]
    door.clock.now -= 500
    assert door.permit(client, NER.name) == "rate-limited", "a clock that steps back fills no bucket"
    door.clock.now += 500
    other = door.access.recognise("Bearer " + door.token(key="k2"))
    assert door.permit(other, NOTES.name) == "", "each key has a rate of its own, and this one has all services"


def test_a_second_token_of_a_key_has_no_rate_of_its_own() -> None:
    door = Door()
    first = door.access.recognise("Bearer " + door.token())
    assert [door.permit(first, NER.name) for _ in range(2)] == ["", ""]
    door.clock.now += 1
    second = door.access.recognise("Bearer " + door.token())
    assert door.permit(second, NER.name) == "rate-limited"


def test_what_is_no_client_token_is_somebody_elses_business() -> None:
    door = Door()
    for authorization in ("", "Basic abc", "Bearer", "Bearer local-token", "Bearer a.b"):
        assert door.access.recognise(authorization) is None


def test_bad_tokens_are_refused() -> None:
    door = Door()
    token = door.token()
    assert "expired" in (_after(door, token, LIFE + 1))
    door = Door()
    token = door.token()
    door.revoked.add("c-1")
    assert "revoked" in door.refused(token)
    door.revoked.clear()
    assert door.access.recognise(f"Bearer {token}") is not None
    head, body, signature = token.split(".")
    assert door.refused(f"{head}.{body}.{signature[:-4]}AAAA")
    assert door.refused(f"{head}.{body}x.{signature}")
    assert door.refused("x." * 2)
    assert "too long" in door.refused(f"{head}.{'A' * 9000}.{signature}")
    assert door.refused(Door().token()), "another mesh's"
    worker = Door(role="worker")
    assert "coordinator" in worker.refused(worker.token())
    claims = {"sub": "k1", "services": [], "limit": 2, "seconds": 60, "iat": int(NOW), "exp": int(NOW) + LIFE}
    assert door.access.recognise("Bearer " + door.issuer.sign({**claims, "aud": AUDIENCE})) is not None
    for change in (
        {"exp": int(NOW) + LIFE + 1},
        {"iat": int(NOW) + 1000},
        {"limit": 0},
        {"seconds": -1},
        {"sub": ""},
        {"exp": "later"},
        {"aud": "w1"},
        {"aud": [AUDIENCE]},
    ):
        assert door.refused(door.issuer.sign({**claims, "aud": AUDIENCE, **change}))


def _after(door: Door, token: str, seconds: float) -> str:
    assert door.access.recognise(f"Bearer {token}") is not None
    door.clock.now += seconds
    return door.refused(token)


def test_a_mesh_token_is_no_client_token() -> None:
    door = Door()
    assert door.refused(door.issuer.issue(AUDIENCE)), "even one for that audience lacks the claims"


def test_the_door_is_closed_where_the_node_is_no_entry_point() -> None:
    door = Door()
    token = door.token()
    door.open = False
    assert "no entry point" in door.refused(token)
    door.open, door.verifier = True, None
    assert "no entry point" in door.refused(token)


def test_the_buckets_are_bounded() -> None:
    door = Door()
    for number in range(MOST + 10):
        client = ClientPass(f"k{number}", (), 1, 60.0, 0, 0)
        assert door.permit(client, NER.name) == ""
    assert len(door.access._buckets) == MOST
