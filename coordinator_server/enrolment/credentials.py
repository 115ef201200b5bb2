"""What the mesh key signs about workers and about this coordinator."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from node.wire.credentials import Credential, Role, Trust, issue, place_of
from node.wire.encoding import fingerprint
from node.wire.mesh_keys import SigningKey


@dataclass(frozen=True, slots=True)
class CredentialOffice:
    """Issues credentials that live `life` seconds; whoever holds one renews it at half of that.

    `places` tells the place in the DHT of a subject whose place is not given, and b"" where it is derived.
    """

    mesh_key: SigningKey = field(repr=False)
    life: float
    places: Callable[[str], bytes] = lambda _subject: b""

    def issue(
        self, subject: str, role: Role, public_key: bytes, trust: Trust, now: float, *, place: bytes = b""
    ) -> str:
        """Return a new credential in its HTTP form."""
        credential = Credential(
            version=1,
            mesh_id=fingerprint(self.mesh_key.public_key().public_bytes_raw()),
            subject=subject,
            role=role,
            public_key=public_key,
            trust=trust,
            place=place or self.places(subject) or place_of(public_key, self.mesh_key),
            issued_at=int(now),
            expires_at=int(now + self.life),
        )
        return issue(credential, self.mesh_key)
