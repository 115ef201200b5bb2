"""What Cloudflare's API (v4) wraps every answer in: read, and quoted for people. Pure."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from node.program.plain_text import plain
from node.wire.messages import UNREADABLE

LONGEST_WAIT = 86400.0  # seconds
MOST_QUOTED = 3  # reasons
LONGEST_QUOTED = 300  # characters of all of them


class Fault(msgspec.Struct, frozen=True):
    """One of the reasons of a refusal."""

    code: int = 0
    message: str = ""


class Envelope(msgspec.Struct, frozen=True):
    """An answer; `result` is what was asked for, where it is a success."""

    success: bool = False
    errors: tuple[Fault, ...] = ()
    result: msgspec.Raw = msgspec.Raw(b"null")

    @property
    def codes(self) -> tuple[int, ...]:
        return tuple(fault.code for fault in self.errors)


def read_envelope(body: bytes) -> Envelope:
    """Return what a body holds; what is none of Cloudflare's is a refusal without a reason."""
    try:
        return msgspec.json.decode(body, type=Envelope)
    except UNREADABLE:
        return Envelope()


def quoted(faults: Iterable[Fault]) -> str:
    """Return a sentence that follows another one, with the reasons of a refusal; empty where it has none."""
    first = list(faults)[:MOST_QUOTED]
    reasons = "; ".join(f"{plain(fault.message).rstrip('.')} (code {fault.code})" for fault in first)
    return f" It says: {reasons[:LONGEST_QUOTED]}." if reasons else ""


def seconds_to_wait(retry_after: str) -> float | None:
    """Return for how long we shall not ask; None where a Retry-After is not given, or a date, which it never is."""
    if not (retry_after.isascii() and retry_after.isdigit()):
        return None
    return min(float(retry_after), LONGEST_WAIT)
