"""What the mesh key signs can be checked with its public half, for as long as it lives."""

from __future__ import annotations

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from coordinator_server.enrolment.credentials import CredentialOffice
from node.wire import credentials
from node.wire.credentials import CredentialError

NOW = 1_800_000_000.0


def test_a_credential_says_who_as_what_and_for_how_long() -> None:
    mesh, holder = Ed25519PrivateKey.generate(), Ed25519PrivateKey.generate()
    public_key = holder.public_key().public_bytes_raw()
    text = CredentialOffice(mesh, 3600.0).issue("w-1", "worker", public_key, "vetted", NOW)
    found = credentials.verify(text, mesh.public_key(), NOW)
    assert (found.subject, found.role, found.trust, found.public_key) == ("w-1", "worker", "vetted", public_key)
    assert found.expires_at - found.issued_at == 3600
    with pytest.raises(CredentialError, match="expired"):
        credentials.verify(text, mesh.public_key(), NOW + 3600 + credentials.CLOCK_SKEW + 1)


def test_an_office_does_not_show_its_key() -> None:
    assert "mesh_key" not in repr(CredentialOffice(Ed25519PrivateKey.generate(), 1.0))
