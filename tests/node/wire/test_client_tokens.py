"""Client tokens say what a key may do, and end with it."""

from __future__ import annotations

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from node.wire.client_tokens import CACHED, LIFE, ClientTokenVerifier, issue
from node.wire.mesh_keys import trust_in
from node.wire.tokens import TokenError, TokenIssuer, TokenVerifier
from tests.support.mesh_keys import NOW, Clock, Mesh


def test_a_token_lives_ten_minutes_or_as_long_as_its_key() -> None:
    clock, mesh, key = Clock(), Mesh(), Ed25519PrivateKey.generate()
    issuer = TokenIssuer(key, "c-1", mesh.admit(key, "c-1", role="coordinator"), clock)
    verifier = ClientTokenVerifier(trust_in(mesh.key.public_key()), clock)
    many = tuple(f"service-{number:02}-with-a-long-name-of-its-own-to-be-sent" for number in range(64))
    token, expires_at = issue(issuer, "k1", many, (120, 60.0), now=NOW, until=NOW + 10**6)
    assert expires_at == NOW + LIFE
    client = verifier.verify(token)
    assert (client.services, client.limit, client.allows(many[5]), client.allows("ner")) == (many, 120, True, False)
    assert verifier.verify(token) is client, "it is checked once"
    token, expires_at = issue(issuer, "k1", (), (1, 1.0), now=NOW, until=NOW + 5)
    assert expires_at == NOW + 5
    assert verifier.verify(token).allows("anything")
    clock.now += 6
    with pytest.raises(TokenError, match="expired"):
        verifier.verify(token)
    with pytest.raises(TokenError):
        TokenVerifier(mesh.key.public_key(), "w1", clock).verify(token)


def test_a_key_of_the_mesh_that_is_retired_takes_its_tokens_along() -> None:
    clock, mesh, key = Clock(), Mesh(), Ed25519PrivateKey.generate()
    issuer = TokenIssuer(key, "c-1", mesh.admit(key, "c-1", role="coordinator"), clock)
    trust = trust_in(mesh.key.public_key())
    verifier = ClientTokenVerifier(trust, clock)
    token, _ = issue(issuer, "k1", (), (1, 1.0), now=NOW, until=NOW + 100)
    verifier.verify(token)
    trust.keys = trust_in(Mesh().key.public_key()).keys
    with pytest.raises(TokenError):
        verifier.verify(token)


def test_what_is_remembered_is_bounded() -> None:
    clock, mesh, key = Clock(), Mesh(), Ed25519PrivateKey.generate()
    issuer = TokenIssuer(key, "c-1", mesh.admit(key, "c-1", role="coordinator"), clock)
    verifier = ClientTokenVerifier(trust_in(mesh.key.public_key()), clock)
    for number in range(CACHED + 5):
        verifier.verify(issue(issuer, f"k{number}", (), (1, 1.0), now=NOW, until=NOW + 100)[0])
    assert len(verifier._verified) == CACHED
