"""Certifies the overlay's members: keeps the authorities in the store, signs with the first, has them rotate."""

from __future__ import annotations

from ipaddress import IPv4Network

import msgspec

from coordinator_server.audit import Audit
from coordinator_server.enrolment.authorities import (
    Authorities,
    SealedAuthority,
    Signer,
    begin,
    first,
    make_authority,
    onwards,
    open_signer,
    resealed,
)
from coordinator_server.enrolment.sealing import SealError
from coordinator_server.store.interface import ABSENT, AuditLine, Store, Versioned, Write
from node.program.errors import UserFacingError
from node.wire.encoding import fingerprint
from node.wire.mesh_keys import Phase, SigningKey
from node.wire.messages import UNREADABLE
from node.wire.nebula_certificates import CertificateError
from node.wire.problems import Problem

KEY = "authorities"


class CertificateOffice:
    """Signs with the first authority of the store; `load` comes first, and again to see what others changed."""

    def __init__(self, store: Store, audit: Audit, mesh_key: SigningKey, network: IPv4Network) -> None:
        self._store = store
        self._audit = audit
        self._mesh_key = mesh_key
        self.network = network
        self._authorities: Authorities | None = None
        self._version = ABSENT
        self._signer: Signer | None = None

    @property
    def signer(self) -> Signer:
        assert self._signer is not None, "load() comes first"
        return self._signer

    @property
    def authorities(self) -> Authorities:
        assert self._authorities is not None, "load() comes first"
        return self._authorities

    @property
    def phase(self) -> Phase:
        return self.authorities.phase

    async def load(self, now: float) -> None:
        """Read the authorities, or make the first one; raise UserFacingError for what cannot be used."""
        entry = await self._store.get(KEY)
        if entry is None:
            await self._replace(first(self._new(now), now))
            entry = await self._store.get(KEY)  # another coordinator may have been quicker
        if entry is not None and entry.version != self._version:
            self._take(entry)

    async def rotate(self, now: float, *, actor: str, address: str = "") -> bool:
        """Take the next step of a rotation, or begin one; return False when another coordinator did meanwhile."""
        if self.phase == "steady":
            line = self._audit.line("authority-rotation-begun", actor=actor, address=address)
            return await self._replace(begin(self.authorities, self._new(now), now), line)
        after = onwards(self.authorities, now)
        line = self._audit.line("authority-rotation-" + after.phase, actor=actor, address=address)
        return await self._replace(after, line)

    async def start_over(self, now: float) -> None:
        """Have nothing but a new authority, for when nobody holds a certificate of the old one."""
        line = self._audit.line("authority-made", actor="coordinator", detail=f"for {self.network}")
        await self._replace(first(self._new(now), now), line)

    def _new(self, now: float) -> SealedAuthority:
        mesh = fingerprint(self._mesh_key.public_key().public_bytes_raw()).hex()[:8]
        return make_authority(f"RMA Mesh {mesh}", self.network, now, self._mesh_key)

    async def _replace(self, after: Authorities, *lines: AuditLine) -> bool:
        write = Write(KEY, msgspec.json.encode(after), self._version)
        done = await self._store.commit([write], lines)
        entry = await self._store.get(KEY)
        if entry is not None:
            self._take(entry)
        return done

    def _take(self, entry: Versioned) -> None:
        try:
            found = msgspec.json.decode(entry.value, type=Authorities)
            self._signer = open_signer(found, self._mesh_key)
        except (*UNREADABLE, SealError, CertificateError) as error:
            raise UserFacingError(
                "The overlay's authority cannot be used.",
                f"The system says: {error}.",
                "Restore a backup with `rma-mesh-coordinator restore FILE`, or start with --vpn off.",
            ) from None
        self._authorities, self._version = found, entry.version


async def resealing(store: Store, old: SigningKey, new: SigningKey) -> tuple[Write, ...]:
    """Return the write by which another mesh key opens the authorities, and the old one no more."""
    entry = await store.get(KEY)
    if entry is None:
        return ()
    try:
        after = resealed(msgspec.json.decode(entry.value, type=Authorities), old, new)
    except SealError as error:
        raise Problem("conflict", f"The overlay's authority cannot be opened with the old key: {error}.") from None
    return (Write(KEY, msgspec.json.encode(after), entry.version),)
