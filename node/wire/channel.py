"""What travels on a worker's WebSocket to its coordinator, /api/worker/channel.

Text frames are JSON objects with a `type`; who does not know a type passes over it. Two come from the coordinator:
an `Assignment`, as a heartbeat's answer is, with the type "assignment"; and `Open`, with the type "open", to a
worker that said in RELAY how many connections it opens. For each ticket it opens a WebSocket to RELAY_PATH with the
ticket behind it, once and within seconds: binary frames there are the bytes of one HTTP/1.1 connection whose client
is the coordinator. Closing one with 1000 is its good end, anything else a reset. The channel's binary frames are
reserved.

A worker that is registered with one coordinator may hold a second channel, to another one, which says so in its
handshake (KIND: RELAY_ONLY). Only `Open` comes on it: for what the worker is and runs it asks the first alone.
"""

from __future__ import annotations

from enum import IntEnum
from typing import Annotated

import msgspec

from node.wire.messages import Assignment

PATH = "/api/worker/channel"
RELAY_PATH = "/api/worker/relay/"
RELAY = "X-RMA-Relay"  # in a channel's handshake: how many relay connections the worker opens at most
KIND = "X-RMA-Channel"  # in a channel's handshake: what it is for, when that is not all that a channel carries
RELAY_ONLY = "relay"  # the kind of a worker's channel to a coordinator that it is not registered with
MOST_RELAYED = 1024  # that a worker may offer
ASSIGNMENT = "assignment"
OPEN = "open"
LARGEST_FROM_WORKER = 64 * 1024  # bytes of one message


class Close(IntEnum):
    """Why a coordinator closes a channel (RFC 6455 §7.4.2: codes from 4000 on are an application's own)."""

    EXPIRED = 4401  # the credential that it was opened with
    EXPELLED = 4403  # the worker was put out of the mesh, or has left it
    UNKNOWN_WORKER = 4404  # it has to register (again)
    REPLACED = 4409  # by a newer channel of the same worker


Ticket = Annotated[str, msgspec.Meta(max_length=64, pattern=r"^[A-Za-z0-9_-]{16,64}$(?!\n)")]


class Open(msgspec.Struct, frozen=True, kw_only=True, tag=OPEN):
    """Asks for relay connections, one for each ticket."""

    tickets: Annotated[tuple[Ticket, ...], msgspec.Meta(max_length=MOST_RELAYED)]


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


def read_open(text: str | bytes) -> Open:
    """Return what a message of type "open" says; raise ValueError."""
    try:
        return msgspec.json.decode(text, type=Open)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise ValueError(f"no request for connections: {error}") from None


def read_tickets(text: str | bytes) -> tuple[str, ...]:
    """Return the tickets in a message of type "open", none in one of another type; raise ValueError."""
    return read_open(text).tickets if read_type(text) == OPEN else ()


def relay_offered(field: str) -> int:
    """Return how many relay connections a channel's handshake offers; what is no number offers none."""
    if not (field.isascii() and field.isdecimal() and len(field) <= 6):
        return 0
    return min(int(field), MOST_RELAYED)
