"""What travels on a worker's WebSocket to its coordinator, /api/worker/channel.

Text frames are JSON objects with a `type`; who does not know a type passes over it. Two come from the coordinator:
an `Assignment`, as a heartbeat's answer is, with the type "assignment"; and `Open`, with the type "open", to a
worker that said in RELAY how many connections it opens. For each ticket it opens a WebSocket to RELAY_PATH with the
ticket behind it, once and within seconds: binary frames there are the bytes of one HTTP/1.1 connection whose client
is the coordinator. Closing one with 1000 is its good end, anything else a reset. The channel's binary frames are
reserved.

A worker that is registered with one coordinator may hold a second channel, to another one, which says so in its
handshake (KIND: RELAY_ONLY). Only `Open` comes on it: for what the worker is and runs it asks the first alone.

Where both ends know the WebSocket subprotocol BEATS, the worker sends its heartbeats here (`Beat`), one at a time
and not more than one in LEAST_GAP, and each is answered (`BeatAnswer`) as it would be on HTTP. It is not signed:
the channel's handshake was.
"""

from __future__ import annotations

from enum import IntEnum
from typing import Annotated

import msgspec

from node.wire.messages import UNREADABLE, Assignment, HeartbeatRequest
from node.wire.problems import Problem

PATH = "/api/worker/channel"
RELAY_PATH = "/api/worker/relay/"
RELAY = "X-RMA-Relay"  # in a channel's handshake: how many relay connections the worker opens at most
KIND = "X-RMA-Channel"  # in a channel's handshake: what it is for, when that is not all that a channel carries
RELAY_ONLY = "relay"  # the kind of a worker's channel to a coordinator that it is not registered with
MOST_RELAYED = 1024  # that a worker may offer
ASSIGNMENT = "assignment"
OPEN = "open"
BEATS = "rma-heartbeat.1"  # the subprotocol of a channel that heartbeats go by
HEARTBEAT = "heartbeat"
ANSWER = "heartbeat-answer"
LEAST_GAP = 1.0  # seconds between two heartbeats on a channel; who has more to say uses HTTP
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


Number = Annotated[int, msgspec.Meta(ge=0, le=2**53)]


class Beat(msgspec.Struct, frozen=True, kw_only=True, tag=HEARTBEAT, gc=False):
    """A heartbeat of the worker whose channel it is; the number comes back with the answer."""

    number: Number
    heartbeat: HeartbeatRequest


class Refusal(msgspec.Struct, frozen=True, kw_only=True):
    """Why a heartbeat is not taken, as a problem on HTTP would say it."""

    kind: Annotated[str, msgspec.Meta(max_length=64)]
    status: int
    detail: str = ""


class BeatAnswer(msgspec.Struct, frozen=True, kw_only=True, tag=ANSWER):
    """What a worker is told upon its heartbeat with this number, or why it was not taken."""

    number: Number
    told: Assignment | None = None
    refused: Refusal | None = None


class _Typed(msgspec.Struct):
    type: Annotated[str, msgspec.Meta(max_length=64)]


def read_type(text: str | bytes) -> str:
    """Return a message's type; raise ValueError for what is no message."""
    try:
        return msgspec.json.decode(text, type=_Typed).type
    except UNREADABLE as error:
        raise ValueError(f"no message: {error}") from None


def read_assignment(text: str | bytes) -> Assignment:
    """Return what a message of type "assignment" says; raise ValueError."""
    try:
        return msgspec.json.decode(text, type=Assignment)
    except UNREADABLE as error:
        raise ValueError(f"no assignment: {error}") from None


def read_open(text: str | bytes) -> Open:
    """Return what a message of type "open" says; raise ValueError."""
    try:
        return msgspec.json.decode(text, type=Open)
    except UNREADABLE as error:
        raise ValueError(f"no request for connections: {error}") from None


def read_tickets(text: str | bytes) -> tuple[str, ...]:
    """Return the tickets in a message of type "open", none in one of another type; raise ValueError."""
    return read_open(text).tickets if read_type(text) == OPEN else ()


_BEATS = msgspec.json.Decoder(Beat)
_ANSWERS = msgspec.json.Decoder(BeatAnswer)


def read_beat(text: str | bytes) -> Beat | None:
    """Return the heartbeat that a message is, None for one of another type; raise ValueError."""
    try:
        return _BEATS.decode(text)
    except UNREADABLE as error:
        if read_type(text) != HEARTBEAT:
            return None
        raise ValueError(f"no heartbeat: {error}") from None


def read_answer(text: str | bytes) -> BeatAnswer:
    """Return what a message of type "heartbeat-answer" says; raise ValueError."""
    try:
        return _ANSWERS.decode(text)
    except UNREADABLE as error:
        raise ValueError(f"no answer to a heartbeat: {error}") from None


def encode_answer(number: int, told: bytes) -> bytes:
    """Return the answer to the heartbeat with this number; `told` is an assignment that is encoded already."""
    return msgspec.json.encode({"type": ANSWER, "number": number, "told": msgspec.Raw(told)})


def encode_refusal(number: int, problem: Problem) -> bytes:
    """Return that the heartbeat with this number is not taken."""
    refused = Refusal(kind=problem.kind, status=problem.status, detail=problem.detail[:500])
    return msgspec.json.encode(BeatAnswer(number=number, refused=refused))


def relay_offered(field: str) -> int:
    """Return how many relay connections a channel's handshake offers; what is no number offers none."""
    if not (field.isascii() and field.isdecimal() and len(field) <= 6):
        return 0
    return min(int(field), MOST_RELAYED)
