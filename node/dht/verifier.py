"""Checks entries that came from anywhere: signature, credential, key, times and revocation.

Ed25519 is the costly part, so what was verified once is remembered, bounded; times and revocation are looked at
anew each time.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Container
from typing import Literal, TypeVar

import msgspec
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from node.dht import records
from node.dht.records import Kind, Offer, Payload
from node.wire import credentials
from node.wire.credentials import CLOCK_SKEW, Credential, CredentialError, Trust
from node.wire.mesh_keys import MeshTrust, trust_in

K = TypeVar("K")
V = TypeVar("V")

Reason = Literal[
    "malformed", "too-large", "wrong-key", "wrong-role", "credential", "signature", "revoked", "expired", "future",
    "older", "full",
]  # fmt: skip


class RecordError(ValueError):
    """An entry that does not count; `reason` is for counters, the text for people."""

    def __init__(self, reason: Reason, text: str) -> None:
        super().__init__(text)
        self.reason: Reason = reason


class Checked(msgspec.Struct, frozen=True):
    """An entry whose signature and credential have been verified; `payload` is None for a tombstone."""

    key: bytes
    kind: Kind
    name: str
    subject: str
    sequence: int
    expires_at: int
    payload: Payload | None
    credential_expires_at: int
    mesh_id: bytes  # of the key that signed the credential
    trust: Trust
    data: bytes

    @property
    def published_at(self) -> float:
        """Unix seconds of the publisher's clock."""
        return self.sequence / 1000

    @property
    def life(self) -> float:
        """Seconds that the publisher wants it kept."""
        return self.expires_at - self.published_at

    @property
    def load(self) -> float:
        """The publisher's load, 0.0 where the payload has none."""
        return self.payload.load / 1000 if isinstance(self.payload, Offer) else 0.0


class RecordVerifier:
    """Checks entries for one mesh; at most `remembered` verified entries and credentials are kept in mind."""

    def __init__(
        self,
        mesh_public_key: MeshTrust | Ed25519PublicKey,
        revoked: Container[str] = frozenset(),
        remembered: int = 4096,
    ) -> None:
        self._trust = trust_in(mesh_public_key)
        self._revoked = revoked
        self._remembered = remembered
        self._entries: OrderedDict[bytes, Checked] = OrderedDict()
        self._credentials: OrderedDict[bytes, Credential] = OrderedDict()

    def check(self, key: bytes, data: bytes, now: float) -> Checked:
        """Return the checked entry, if it may stand under `key` now; raise RecordError."""
        checked = self._entries.get(data)
        if checked is None:
            checked = self._verify(key, data, now)
            _remember(self._entries, data, checked, self._remembered)
        if checked.key != key:
            raise RecordError("wrong-key", "the entry belongs under another key")
        self.check_still(checked, now)
        return checked

    def check_still(self, checked: Checked, now: float) -> None:
        """Look again at what time and revocation can change; raise RecordError."""
        _check_times(checked.sequence, checked.expires_at, now)
        self._check_holder(checked.subject, checked.mesh_id, checked.credential_expires_at, now)

    def credential(self, data: bytes, now: float) -> Credential:
        """Return a credential of this mesh that counts now; raise RecordError."""
        credential = self._credential(data, now)
        self.check_credential(credential, now)
        return credential

    def check_credential(self, credential: Credential, now: float) -> None:
        """Look again at what time and revocation can change; raise RecordError."""
        self._check_holder(credential.subject, credential.mesh_id, credential.expires_at, now)

    def _check_holder(self, subject: str, mesh_id: bytes, expires_at: int, now: float) -> None:
        if expires_at + CLOCK_SKEW < now:
            raise RecordError("credential", f"the credential of {subject} has expired")
        if not self._trust.accepts(mesh_id):
            raise RecordError("credential", f"the credential of {subject} was signed by a key that was retired")
        if subject in self._revoked:
            raise RecordError("revoked", f"{subject} has been revoked")

    def _verify(self, key: bytes, data: bytes, now: float) -> Checked:
        if len(data) > records.MAX_ENTRY_BYTES:
            raise RecordError("too-large", f"an entry of {len(data)} bytes is too large")
        try:
            body, signed, signature = records.split(data)
        except ValueError as error:  # msgspec's errors are ValueErrors
            raise RecordError("malformed", f"the entry is malformed: {error}") from None
        if len(data) > body.kind.max_bytes:
            raise RecordError("too-large", f"a {body.kind.name} entry of {len(data)} bytes is too large")
        _check_times(body.sequence, body.expires_at, now)
        credential = self._credential(body.credential, now)
        self._check_place(key, body, credential)
        _check_signature(credential, signed, signature)
        return Checked(
            key=key,
            kind=body.kind,
            name=body.name,
            subject=credential.subject,
            sequence=body.sequence,
            expires_at=body.expires_at,
            payload=_payload(body),
            credential_expires_at=credential.expires_at,
            mesh_id=credential.mesh_id,
            trust=credential.trust,
            data=data,
        )

    def _credential(self, data: bytes, now: float) -> Credential:
        known = self._credentials.get(data)
        if known is None:
            try:
                known = credentials.verify_bytes(data, self._trust, now)
            except CredentialError as error:
                raise RecordError("credential", str(error)) from None
            _remember(self._credentials, data, known, self._remembered)
        return known

    def _check_place(self, key: bytes, body: records.Body, credential: Credential) -> None:
        """Refuse an entry that its publisher may not put under this key."""
        if credential.role != body.kind.role:
            raise RecordError("wrong-role", f"a {credential.role} may not publish a {body.kind.name} entry")
        try:
            place = records.key_of(body.kind, body.name, credential.subject)
        except ValueError as error:
            raise RecordError("malformed", str(error)) from None
        if place != key:
            raise RecordError("wrong-key", f"the entry of {credential.subject} belongs under another key")


def _check_times(sequence: int, expires_at: int, now: float) -> None:
    if sequence / 1000 > now + CLOCK_SKEW:
        raise RecordError("future", "the entry is dated in the future: check the clocks")
    if expires_at + CLOCK_SKEW < now:
        raise RecordError("expired", f"the entry expired {now - expires_at:.0f} s ago")
    if not 0 <= expires_at - sequence / 1000 <= records.MAX_LIFE:
        raise RecordError("malformed", "the entry asks for an impossible life")


def _check_signature(credential: Credential, signed: bytes, signature: bytes) -> None:
    try:
        Ed25519PublicKey.from_public_bytes(credential.public_key).verify(signature, records.CONTEXT + signed)
    except (InvalidSignature, ValueError):
        raise RecordError("signature", f"the entry was not signed by {credential.subject}") from None


def _payload(body: records.Body) -> Payload | None:
    if not body.payload:
        return None
    try:
        return records.decode_payload(body.kind, body.payload)
    except ValueError as error:
        raise RecordError("malformed", f"the entry's payload is malformed: {error}") from None


def _remember(cache: OrderedDict[K, V], key: K, value: V, most: int) -> None:
    cache[key] = value
    while len(cache) > most:
        cache.popitem(last=False)
