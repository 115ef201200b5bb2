"""Puts out a machine although nobody here can read what the store has of it. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping

import msgspec

from coordinator_server.enrolment.leases import Lease
from coordinator_server.store.interface import Versioned
from node.wire.messages import UNREADABLE


def with_ban(row: bytes, now: float) -> bytes | None:
    """Return an enrolment's row with the time at which it was revoked (Unix s); None where it is no JSON object.

    Whoever can read the rest, as a newer version may, then reads that, too, also when the blocklist has forgotten.
    """
    said = _object(row)
    return None if said is None else msgspec.json.encode(said | {"revoked_at": now})


def certificates_in(row: bytes, now: float) -> Mapping[str, float]:
    """Return what there is to block of the machine's certificates, as far as its row can be read."""
    try:
        return msgspec.convert((_object(row) or {}).get("vpn"), Lease).blocked(now)
    except msgspec.MsgspecError:
        return {}


def spelt(worker_id: str, identities: Iterable[tuple[str, Versioned]]) -> Collection[str]:
    """Return an id as it was told, and as machines have it that were let in: capitals count in credentials only."""
    ids = (entry.value.decode("utf-8", "replace") for _, entry in identities)
    return {worker_id, *(one for one in ids if one.lower() == worker_id.lower())}


def _object(row: bytes) -> dict[str, object] | None:
    try:
        return msgspec.json.decode(row, type=dict[str, object])
    except UNREADABLE:
        return None
