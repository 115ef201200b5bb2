"""What travels on a worker's WebSocket to its coordinator, /api/worker/channel.

Text frames are JSON objects with a `type`; who does not know a type passes over it. So far there is one, from the
coordinator: an `Assignment`, as a heartbeat's answer is, with the type "assignment". Binary frames are reserved.
"""

from __future__ import annotations

from enum import IntEnum
from typing import Annotated

import msgspec

from node.wire.messages import Assignment

PATH = "/api/worker/channel"
ASSIGNMENT = "assignment"
LARGEST_FROM_WORKER = 64 * 1024  # bytes of one message


class Close(IntEnum):
    """Why a coordinator closes a channel (RFC 6455 §7.4.2: codes from 4000 on are an application's own)."""

    EXPIRED = 4401  # the credential that it was opened with
    EXPELLED = 4403  # the worker was put out of the mesh, or has left it
    UNKNOWN_WORKER = 4404  # it has to register (again)
    REPLACED = 4409  # by a newer channel of the same worker


class _Typed(msgspec.Struct):
    type: Annotated[str, msgspec.Meta(max_length=64)]


def read_type(text: str | bytes) -> str:
    """Return a message's type; raise ValueError for what is no message."""
    try:
        return msgspec.json.decode(text, type=_Typed).type
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise ValueError(f"no message: {error}") from None


def read_assignment(text: str | bytes) -> Assignment:
    """Return what a message of type "assignment" says; raise ValueError."""
    try:
        return msgspec.json.decode(text, type=Assignment)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise ValueError(f"no assignment: {error}") from None
