"""The chain of hashes over the audit log's lines, and the seals on it. Pure.

Each line's hash is SHA-256 over the one before and the line in a form that is always the same. A seal says what
hash its last line has, names the seal before by its hash, and is signed with a coordinator's identity key, whose
credential is in it. Its `marks` are the first bytes of each line's own hash: they tell which line was changed.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from hashlib import sha256
from typing import Annotated

import msgspec

from coordinator_server.store.interface import AuditLine

CONTEXT = b"rma-mesh audit seal v1\x00"
START = sha256(b"rma-mesh audit log v1\x00").digest()  # stands before the first line
NO_SEAL = bytes(32)  # stands before the first seal
MARK = 8  # bytes
MOST_LINES = 500  # of one seal

Number = Annotated[int, msgspec.Meta(ge=1)]
Hash = Annotated[bytes, msgspec.Meta(min_length=32, max_length=32)]


class SealError(ValueError):
    """What stands where a seal should be is none."""


class Seal(msgspec.Struct, frozen=True, kw_only=True, array_like=True):
    """The word of a coordinator on the lines `first` to `last`; `time` is Unix seconds."""

    number: Number
    first: Number
    last: Number
    time: float
    previous: Hash  # of the seal before
    digest: Hash  # of the chain at the line `last`
    marks: Annotated[bytes, msgspec.Meta(min_length=MARK, max_length=MARK * MOST_LINES)]
    credential: str
    signature: bytes = b""

    @property
    def hash(self) -> bytes:
        """Return what the next seal calls this one by."""
        return sha256(encode(self)).digest()

    def mark(self, number: int) -> bytes:
        """Return what the seal says of a line in it."""
        start = (number - self.first) * MARK
        return self.marks[start : start + MARK]


def canonical(line: AuditLine) -> bytes:
    """Return a line in the form that every engine gives back alike."""
    return msgspec.msgpack.encode(
        (
            line.number,
            float(line.time),
            line.actor,
            line.action,
            line.subject,
            line.detail,
            line.address,
            line.outcome,
        )
    )


def extend(digest: bytes, line: AuditLine) -> bytes:
    """Return the chain's hash at a line, after that of the line before."""
    return sha256(digest + canonical(line)).digest()


def mark_of(line: AuditLine) -> bytes:
    return sha256(canonical(line)).digest()[:MARK]


def make_seal(
    before: Seal | None,
    lines: Sequence[AuditLine],
    *,
    time: float,
    credential: str,
    sign: Callable[[bytes], bytes],
) -> Seal:
    """Seal the lines that follow those of the seal before, in the order of their numbers."""
    digest = START if before is None else before.digest
    for line in lines:
        digest = extend(digest, line)
    seal = Seal(
        number=1 if before is None else before.number + 1,
        first=lines[0].number,
        last=lines[-1].number,
        time=time,
        previous=NO_SEAL if before is None else before.hash,
        digest=digest,
        marks=b"".join(map(mark_of, lines)),
        credential=credential,
    )
    return msgspec.structs.replace(seal, signature=sign(said(seal)))


def said(seal: Seal) -> bytes:
    """Return what the signature of a seal is over."""
    return CONTEXT + encode(msgspec.structs.replace(seal, signature=b""))


def encode(seal: Seal) -> bytes:
    return msgspec.msgpack.encode(seal)


def decode(data: bytes) -> Seal:
    """Read a seal as it is stored; raise SealError."""
    try:
        return msgspec.msgpack.decode(data, type=Seal)
    except msgspec.MsgspecError as error:
        raise SealError(str(error)) from None
