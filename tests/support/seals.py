"""Lines of an audit log, and somebody who seals them as a coordinator of a mesh does."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from coordinator_server.enrolment.credentials import CredentialOffice
from coordinator_server.seals.chain import Seal, encode, make_seal
from coordinator_server.seals.checking import Check, Expected, Finding
from coordinator_server.store.interface import AuditLine
from node.wire.credentials import Role
from node.wire.mesh_keys import MeshKeys, founded

NOW = 1_000_000.0


def line_of(number: int, **changes: Any) -> AuditLine:
    return AuditLine(
        **{"number": number, "time": NOW + number, "actor": "admin", "action": "did", "subject": "w-1", **changes}
    )


def lines_to(last: int) -> list[AuditLine]:
    return [line_of(number) for number in range(1, last + 1)]


class Notary:
    """A coordinator with keys of its own, of a mesh of its own unless one is given."""

    def __init__(
        self, mesh: Ed25519PrivateKey | None = None, role: Role = "coordinator", life: float = 1e6
    ) -> None:
        self.mesh = mesh or Ed25519PrivateKey.generate()
        self.key = Ed25519PrivateKey.generate()
        public = self.key.public_key().public_bytes_raw()
        self.credential = CredentialOffice(self.mesh, life).issue("coordinator-1", role, public, "vetted", NOW)

    @property
    def keys(self) -> MeshKeys:
        return founded(self.mesh.public_key().public_bytes_raw())

    def seal(self, before: Seal | None, lines: Sequence[AuditLine], time: float = NOW) -> Seal:
        return make_seal(before, lines, time=time, credential=self.credential, sign=self.key.sign)

    def seals(self, lines: Sequence[AuditLine], *ends: int) -> list[Seal]:
        """Return seals on the lines up to each of these numbers."""
        made: list[Seal] = []
        start = 0
        for end in ends:
            made.append(self.seal(made[-1] if made else None, lines[start:end]))
            start = end
        return made


def check(
    lines: Iterable[AuditLine],
    seals: Sequence[Seal],
    keys: MeshKeys,
    expected: Expected | None = None,
    now: float = NOW,
) -> Finding:
    walk = Check([encode(seal) for seal in seals], keys, expected)
    walk.take(lines)
    return walk.finish(now)
