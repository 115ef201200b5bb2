"""The form of every datagram between DHT nodes, and what refuses bytes that do not have it.

A datagram is one byte (0 request, 1 response), a message id of 20 bytes as the package `rpcudp` has it, the
first 4 bytes of the mesh's fingerprint, and MessagePack of a tagged array. It never exceeds 1,200 bytes, so that
no path and no overlay fragments it.
"""

from __future__ import annotations

import socket
from collections.abc import Iterable, Sequence
from typing import Annotated, TypeVar

import msgspec
from kademlia.node import Node

from node.dht.records import KEY_BYTES

MAX_DATAGRAM = 1200
ID_BYTES = 20
MESH_TAG_BYTES = 4
HEADER_BYTES = 1 + ID_BYTES + MESH_TAG_BYTES
REQUEST, RESPONSE = b"\x00", b"\x01"
MAX_CONTACTS = 32
CONTACT_BYTES = 44  # an IPv6 contact with its MessagePack headers, the largest there is
ENVELOPE_BYTES = HEADER_BYTES + 64  # header, tag, sender, key and counts: more than any message needs
ENTRY_ROOM = MAX_DATAGRAM - ENVELOPE_BYTES - 2 * CONTACT_BYTES

T = TypeVar("T")
Address = tuple[str, int]
Key = Annotated[bytes, msgspec.Meta(min_length=KEY_BYTES, max_length=KEY_BYTES)]
Entries = Annotated[tuple[bytes, ...], msgspec.Meta(max_length=16)]


class WireContact(msgspec.Struct, frozen=True, array_like=True):
    """A node as it is told to others: id, packed IP address, UDP port."""

    id: Key
    host: Annotated[bytes, msgspec.Meta(min_length=4, max_length=16)]
    port: Annotated[int, msgspec.Meta(ge=1, le=65535)]


Contacts = Annotated[tuple[WireContact, ...], msgspec.Meta(max_length=MAX_CONTACTS)]


class Ping(msgspec.Struct, frozen=True, array_like=True, tag="ping"):
    """Asks whether somebody is there, and who."""

    sender: Key


class FindNode(msgspec.Struct, frozen=True, array_like=True, tag="find_node"):
    """Asks for contacts near a key."""

    sender: Key
    key: Key


class FindValue(msgspec.Struct, frozen=True, array_like=True, tag="find_value"):
    """Asks for the entries under a key, and for contacts near it."""

    sender: Key
    key: Key


class Store(msgspec.Struct, frozen=True, array_like=True, tag="store"):
    """Asks to keep entries under a key."""

    sender: Key
    key: Key
    entries: Entries


class Pong(msgspec.Struct, frozen=True, array_like=True, tag="pong"):
    """Answers Ping."""

    sender: Key


class Found(msgspec.Struct, frozen=True, array_like=True, tag="found"):
    """Answers FindNode and FindValue; `total` is how many living entries the sender has, sent or not."""

    sender: Key
    contacts: Contacts
    total: Annotated[int, msgspec.Meta(ge=0)] = 0
    entries: Entries = ()


class Stored(msgspec.Struct, frozen=True, array_like=True, tag="stored"):
    """Answers Store: how many entries are kept now, and why not the others."""

    sender: Key
    kept: Annotated[int, msgspec.Meta(ge=0, le=16)]
    reason: Annotated[str, msgspec.Meta(max_length=32)] = ""


Request = Ping | FindNode | FindValue | Store
Response = Pong | Found | Stored
ANSWERS: dict[type[Request], type[Response]] = {Ping: Pong, FindNode: Found, FindValue: Found, Store: Stored}

_encode = msgspec.msgpack.Encoder().encode
_requests = msgspec.msgpack.Decoder(Request)
_responses = msgspec.msgpack.Decoder(Response)


class MalformedError(ValueError):
    """A datagram that is not one of ours."""


class ForeignError(ValueError):
    """A datagram of another mesh."""


def encode(kind: bytes, message_id: bytes, mesh_tag: bytes, message: Request | Response) -> bytes:
    """Return the datagram; raise ValueError where it would be too large, which is a mistake of the caller."""
    data = kind + message_id + mesh_tag + _encode(message)
    if len(data) > MAX_DATAGRAM:
        raise ValueError(f"a datagram of {len(data)} bytes is too large")
    return data


def decode(data: bytes, mesh_tag: bytes) -> tuple[bytes, Request | Response]:
    """Return message id and message; raise MalformedError or ForeignError."""
    if not HEADER_BYTES < len(data) <= MAX_DATAGRAM or data[:1] not in (REQUEST, RESPONSE):
        raise MalformedError("not a datagram of ours")
    if data[1 + ID_BYTES : HEADER_BYTES] != mesh_tag:
        raise ForeignError("a datagram of another mesh")
    decoder: msgspec.msgpack.Decoder[Request | Response] = _requests if data[:1] == REQUEST else _responses
    try:
        message = decoder.decode(data[HEADER_BYTES:])
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise MalformedError(str(error)) from None
    return data[1 : 1 + ID_BYTES], message


def to_wire(nodes: Iterable[Node]) -> tuple[WireContact, ...]:
    """Return contacts as they travel."""
    return tuple(WireContact(node.id, _pack(node.ip), node.port) for node in nodes)


def from_wire(contacts: Iterable[WireContact], family_bytes: int) -> list[Node]:
    """Return the contacts that a socket of this address family (4 or 16 bytes) can reach at all."""
    family = socket.AF_INET if family_bytes == 4 else socket.AF_INET6
    return [
        Node(contact.id, socket.inet_ntop(family, contact.host), contact.port)
        for contact in contacts
        if len(contact.host) == family_bytes and _is_one_host(contact.host)
    ]


def _pack(ip: str) -> bytes:
    return socket.inet_pton(socket.AF_INET6 if ":" in ip else socket.AF_INET, ip)


def _is_one_host(host: bytes) -> bool:
    """Whether an address can be that of one node: not unspecified, multicast, reserved or broadcast."""
    if len(host) == 4:
        return 0 < host[0] < 224
    return host[0] != 0xFF and any(host)


def fitting(items: Sequence[T], sizes: Iterable[int], room: int) -> Sequence[T]:
    """Return the longest beginning of `items` whose sizes are at most `room` together."""
    count = 0
    for size in sizes:
        if size > room:
            break
        room -= size
        count += 1
    return items[:count]
