"""A mesh and a member of it, made of real keys."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from node.wire import credentials
from node.wire.credentials import Credential
from node.wire.encoding import fingerprint

NOW = 1_800_000_000.0
WEEK = 7 * 86400


@dataclass
class Mesh:
    """A mesh key that admits workers."""

    key: Ed25519PrivateKey = field(default_factory=Ed25519PrivateKey.generate)

    @property
    def public_bytes(self) -> bytes:
        return self.key.public_key().public_bytes_raw()

    def credential(self, holder: Ed25519PrivateKey, subject: str = "w-1", **changes: Any) -> Credential:
        made = Credential(
            version=1,
            mesh_id=fingerprint(self.public_bytes),
            subject=subject,
            role="worker",
            public_key=holder.public_key().public_bytes_raw(),
            trust="volunteer",
            place=credentials.place_of(holder.public_key().public_bytes_raw(), self.key),
            issued_at=int(NOW),
            expires_at=int(NOW) + WEEK,
        )
        return msgspec.structs.replace(made, **changes)

    def admit(self, holder: Ed25519PrivateKey, subject: str = "w-1", **changes: Any) -> str:
        return credentials.issue(self.credential(holder, subject, **changes), self.key)


class Clock:
    """A clock that stands until it is moved."""

    def __init__(self, now: float = NOW) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now
