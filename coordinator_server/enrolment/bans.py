"""Puts out a machine although nobody here can read what the store has of it. Pure."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from coordinator_server.enrolment.leases import Lease
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


def _object(row: bytes) -> dict[str, object] | None:
    try:
        return msgspec.json.decode(row, type=dict[str, object])
    except UNREADABLE:
        return None
