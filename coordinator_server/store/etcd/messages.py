"""What is said to etcd's JSON gateway (/v3) and what it answers: only the fields that we need. Pure.

Bytes are base64 in JSON, whole numbers are strings, and whatever is zero is left out: msgspec reads all three.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

import msgspec

from coordinator_server.store.interface import Versioned

T = TypeVar("T")
Message = Mapping[str, Any]


class Header(msgspec.Struct, frozen=True):
    """Stands above every answer."""

    revision: int = 0
    cluster_id: int = 0


class KeyValue(msgspec.Struct, frozen=True):
    """A key and what is there."""

    key: bytes
    value: bytes = b""
    mod_revision: int = 0
    lease: int = 0

    @property
    def entry(self) -> Versioned:
        return Versioned(self.value, self.mod_revision)


class RangeAnswer(msgspec.Struct, frozen=True):
    """What was read."""

    header: Header = Header()
    kvs: tuple[KeyValue, ...] = ()
    more: bool = False


class Part(msgspec.Struct, frozen=True):
    """What one operation of a transaction answers."""

    response_range: RangeAnswer = RangeAnswer()


class TxnAnswer(msgspec.Struct, frozen=True):
    """Whether a transaction's conditions held, and what its operations answered."""

    header: Header
    succeeded: bool = False
    responses: tuple[Part, ...] = ()


class LeaseAnswer(msgspec.Struct, frozen=True):
    """A lease and for how many seconds it is good; 0: there is no such lease."""

    ID: int = 0
    TTL: int = 0


class KeepAliveAnswer(msgspec.Struct, frozen=True):
    """One answer of a stream."""

    result: LeaseAnswer


class TokenAnswer(msgspec.Struct, frozen=True):
    """What proves us from now on."""

    token: str


class ErrorAnswer(msgspec.Struct, frozen=True):
    """Why not: `code` is gRPC's."""

    message: str = ""
    error: str = ""
    code: int = 2


class StreamError(msgspec.Struct, frozen=True):
    """Why a stream ends."""

    message: str = ""
    grpc_code: int = 2


class Event(msgspec.Struct, frozen=True):
    """One change of a key."""

    kv: KeyValue
    type: str = "PUT"


class WatchAnswer(msgspec.Struct, frozen=True):
    """What a watch is told at once; `fragment`: more of the same follows."""

    header: Header = Header()
    created: bool = False
    canceled: bool = False
    compact_revision: int = 0
    fragment: bool = False
    events: tuple[Event, ...] = ()


class WatchLine(msgspec.Struct, frozen=True):
    """One line of a watch's stream."""

    result: WatchAnswer | None = None
    error: StreamError | None = None


def encode(message: Message) -> bytes:
    return msgspec.json.encode(message)


def decode(body: bytes, kind: type[T]) -> T:
    """Read an answer; raise one of UNREADABLE for one that etcd does not give."""
    return msgspec.json.decode(body, type=kind, strict=False)


def after(prefix: bytes) -> bytes:
    """Return the first key that does not begin with this; it ends with a letter of ours."""
    return prefix[:-1] + bytes([prefix[-1] + 1])


def one(key: bytes, *, keys_only: bool = False) -> Message:
    return {"key": key, "keys_only": keys_only}


def below(prefix: bytes, start: bytes, limit: int, revision: int = 0) -> Message:
    """Read up to `limit` keys that begin with `prefix`, from `start` on, as they were at a revision (0: are)."""
    return {"key": start, "range_end": after(prefix), "limit": str(limit), "revision": str(revision)}


def is_version(key: bytes, version: int) -> Message:
    """Have a transaction's condition that a key is at this version."""
    return {"target": "MOD", "result": "EQUAL", "key": key, "mod_revision": str(version)}


def put(key: bytes, value: bytes, lease: int = 0) -> Message:
    return {"request_put": {"key": key, "value": value, "lease": str(lease)}}


def delete(key: bytes, range_end: bytes = b"") -> Message:
    return {"request_delete_range": {"key": key, "range_end": range_end}}


def read(key: bytes, *, keys_only: bool = False) -> Message:
    return {"request_range": one(key, keys_only=keys_only)}


def txn(compare: Sequence[Message], success: Sequence[Message], failure: Sequence[Message] = ()) -> Message:
    return {"compare": compare, "success": success, "failure": failure}


def watch(prefix: bytes, since: int) -> Message:
    """Follow a prefix from a revision on, with a word now and then that nothing happens, in bearable parts."""
    wish = {"key": prefix, "range_end": after(prefix), "start_revision": str(since)}
    return {"create_request": {**wish, "progress_notify": True, "fragment": True}}
