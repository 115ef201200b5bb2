"""Machines with keys and credentials of their own, as enrolment would have left them in the store.

To enrol ten thousand one after the other takes minutes and is no part of what is measured, so all that an enrolment
writes is written at once; the mesh's key signs each credential.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from coordinator_server.enrolment.blocklist import Blocklist
from coordinator_server.enrolment.credentials import CredentialOffice
from coordinator_server.enrolment.kept_blocklist import BLOCKLIST_KEY
from coordinator_server.enrolment.workers import IDENTITY_PREFIX, PREFIX, Enrolment
from coordinator_server.keys import Secrets, load_or_make_secrets
from coordinator_server.store.interface import Store
from coordinator_server.store.sqlite import FILE_NAME, open_sqlite
from node.wire.credentials import place_of
from node.wire.encoding import b64encode

LIFE = 7 * 86_400.0  # seconds of a credential, as by default
OF_ONE_OWNER = 2  # machines that an invite let in
TOGETHER = 1000  # records that are written in one go


class Identity(msgspec.Struct, frozen=True):
    """What an enrolled machine has; the key is base64url of its private half."""

    worker_id: str
    key: str
    credential: str


def make(count: int, mesh: Secrets) -> tuple[list[Identity], list[tuple[str, bytes]]]:
    """Return so many machines, and the records that say that they are enrolled."""
    now = time.time()
    office = CredentialOffice(mesh.mesh_key, LIFE)
    found, records = [], []
    for number in range(count):
        key = Ed25519PrivateKey.generate()
        public, name = key.public_key().public_bytes_raw(), f"bench-{number:05}"
        place = place_of(public, mesh.mesh_key)
        credential = office.issue(name, "worker", public, "vetted", now, place=place)
        enrolment = Enrolment(
            worker_id=name,
            name=f"PC {number}",
            identity_public_key=b64encode(public),
            invite_id=f"invite-{number // OF_ONE_OWNER}",
            trust="vetted",
            enrolled_at=now,
            address="127.0.0.1",
            place=place,
            credential_until=now + LIFE,
        )
        found.append(Identity(name, b64encode(key.private_bytes_raw()), credential))
        records.append((PREFIX + name, msgspec.json.encode(enrolment)))
        records.append((IDENTITY_PREFIX + enrolment.identity_public_key, name.encode()))
    return found, records


def put_out(count: int) -> Blocklist:
    """Return a blocklist of so many machines, each with a certificate of the overlay."""
    until = time.time() + LIFE
    names = {f"former-{number:05}-{secrets.token_hex(4)}": until for number in range(count)}
    return Blocklist(1, names, {secrets.token_hex(32): until for _ in range(count)})


async def prepare(folder: Path, count: int, revoked: int, store: Store | None = None) -> Sequence[Identity]:
    """Have a data directory whose coordinator will know so many machines; with a `store` they are there."""
    found, records = make(count, load_or_make_secrets(folder))
    if revoked:
        records.append((BLOCKLIST_KEY, msgspec.json.encode(put_out(revoked))))
    own = None if store is not None else await open_sqlite(folder / FILE_NAME)
    target = store or own
    assert target is not None
    try:
        for some in _portions(records):
            await target.bring(some, ())
    finally:
        if own is not None:
            await own.close()
    return found


def _portions(records: Sequence[tuple[str, bytes]]) -> Iterator[Sequence[tuple[str, bytes]]]:
    for start in range(0, len(records), TOGETHER):
        yield records[start : start + TOGETHER]
