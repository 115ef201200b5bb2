"""What the mesh key signs about workers and about this coordinator."""

from __future__ import annotations

from dataclasses import dataclass, field

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from node.wire.credentials import Credential, Role, Trust, issue, place_of
from node.wire.encoding import fingerprint


@dataclass(frozen=True, slots=True)
class CredentialOffice:
    """Issues credentials that live `life` seconds; whoever holds one renews it at half of that."""

    mesh_key: Ed25519PrivateKey = field(repr=False)
    life: float

    def issue(self, subject: str, role: Role, public_key: bytes, trust: Trust, now: float) -> str:
        """Return a new credential in its HTTP form."""
        credential = Credential(
            version=1,
            mesh_id=fingerprint(self.mesh_key.public_key().public_bytes_raw()),
            subject=subject,
            role=role,
            public_key=public_key,
            trust=trust,
            place=place_of(public_key, self.mesh_key),
            issued_at=int(now),
            expires_at=int(now + self.life),
        )
        return issue(credential, self.mesh_key)
