"""The form of every datagram between DHT nodes, and what refuses bytes that do not have it.

A datagram is one byte (0 request, 1 response), a message id of 20 bytes as the package `rpcudp` has it, the
first 4 bytes of the mesh's fingerprint, and MessagePack of a tagged array. It never exceeds 1,200 bytes, so that
no path and no overlay fragments it.

Requests are padded: what a request makes others send to its sender's address, which may be forged, is at most
three times as long as the request itself (the idea of RFC 9000, section 8), so that nobody can use a node to flood
others.
"""

from __future__ import annotations

import socket
from collections.abc import Iterable, Sequence
from typing import Annotated, TypeVar

import msgspec
from kademlia.node import Node

from node.dht.records import KEY_BYTES
from node.wire import credentials
from node.wire.messages import UNREADABLE

MAX_DATAGRAM = 1200
ID_BYTES = 20
MESH_TAG_BYTES = 4
HEADER_BYTES = 1 + ID_BYTES + MESH_TAG_BYTES
REQUEST, RESPONSE = b"\x00", b"\x01"
MAX_CONTACTS = 32
CONTACT_BYTES = 44  # an IPv6 contact with its MessagePack headers, the largest there is
MOST_TIMES = 3  # an answer is at most this many times as long as its request
FIND_BYTES = 400  # least length of a request for contacts or entries: three times that is a whole datagram
PROVE_BYTES = 208  # of other requests for a proof: three times that is an answer with one, and such a request back
PLAIN_BYTES = 100  # of other requests: three times that is a short answer, and a request for a proof back
PROOF_BYTES = 330  # more than any proof takes
BARE_BYTES = HEADER_BYTES + 60  # more than any answer without proof, contacts and entries takes
MARK_BYTES = 4  # the end of an entry, so of its signature: enough to tell it from the others of a key
MOST_MARKS = 48  # which fit into the padding that a request for entries has anyway
ENVELOPE_BYTES = HEADER_BYTES + 64  # header, tag, sender, key and counts: more than any message needs
ENTRY_ROOM = MAX_DATAGRAM - ENVELOPE_BYTES - 2 * CONTACT_BYTES

T = TypeVar("T")
Address = tuple[str, int]
Key = Annotated[bytes, msgspec.Meta(min_length=KEY_BYTES, max_length=KEY_BYTES)]
Entries = Annotated[tuple[bytes, ...], msgspec.Meta(max_length=16)]
Padding = Annotated[bytes, msgspec.Meta(max_length=MAX_DATAGRAM)]
Mark = Annotated[bytes, msgspec.Meta(min_length=MARK_BYTES, max_length=MARK_BYTES)]
Seen = Annotated[bytes, msgspec.Meta(min_length=6, max_length=18)]


class WireContact(msgspec.Struct, frozen=True, array_like=True):
    """A node as it is told to others: id, packed IP address, UDP port."""

    id: Key
    host: Annotated[bytes, msgspec.Meta(min_length=4, max_length=16)]
    port: Annotated[int, msgspec.Meta(ge=1, le=65535)]


Contacts = Annotated[tuple[WireContact, ...], msgspec.Meta(max_length=MAX_CONTACTS)]


class Proof(msgspec.Struct, frozen=True, array_like=True):
    """That a response is from the holder of its sender's id, who saw the request come from `seen`: see `proofs`."""

    credential: Annotated[bytes, msgspec.Meta(max_length=credentials.MAX_BYTES)]
    seen: Seen
    signature: Annotated[bytes, msgspec.Meta(max_length=credentials.SIGNATURE_BYTES)]


class Ping(msgspec.Struct, frozen=True, array_like=True, tag="ping"):
    """Asks whether somebody is there, and who."""

    sender: Key
    prove: bool = False
    padding: Padding = b""


class FindNode(msgspec.Struct, frozen=True, array_like=True, tag="find_node"):
    """Asks for contacts near a key."""

    sender: Key
    key: Key
    prove: bool = False
    padding: Padding = b""


class FindValue(msgspec.Struct, frozen=True, array_like=True, tag="find_value"):
    """Asks for the entries under a key, and for contacts near it; `known` are marks of entries that are no news."""

    sender: Key
    key: Key
    prove: bool = False
    padding: Padding = b""
    known: Annotated[tuple[Mark, ...], msgspec.Meta(max_length=MOST_MARKS)] = ()


class Store(msgspec.Struct, frozen=True, array_like=True, tag="store"):
    """Asks to keep entries under a key."""

    sender: Key
    key: Key
    entries: Entries
    prove: bool = False
    padding: Padding = b""


class Pong(msgspec.Struct, frozen=True, array_like=True, tag="pong"):
    """Answers Ping."""

    sender: Key
    proof: Proof | None = None


class Found(msgspec.Struct, frozen=True, array_like=True, tag="found"):
    """Answers FindNode and FindValue; `total` is how many living entries the sender has, sent or not."""

    sender: Key
    contacts: Contacts
    total: Annotated[int, msgspec.Meta(ge=0)] = 0
    entries: Entries = ()
    proof: Proof | None = None


class Stored(msgspec.Struct, frozen=True, array_like=True, tag="stored"):
    """Answers Store: how many entries are kept now, and why not the others."""

    sender: Key
    kept: Annotated[int, msgspec.Meta(ge=0, le=16)]
    reason: Annotated[str, msgspec.Meta(max_length=32)] = ""
    proof: Proof | None = None


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
    """Return the datagram; raise ValueError where it would be too large, which is a mistake of the caller.

    A request without padding is padded to the length that a whole answer needs.
    """
    head = kind + message_id + mesh_tag
    data = head + _encode(message)
    if isinstance(message, Request) and not message.padding and len(data) < least_bytes(message):
        padding = bytes(least_bytes(message) - len(data))
        data = head + _encode(msgspec.structs.replace(message, padding=padding))
    if len(data) > MAX_DATAGRAM:
        raise ValueError(f"a datagram of {len(data)} bytes is too large")
    return data


def least_bytes(request: Request) -> int:
    """Return how long a request must be for its whole answer to be at most three times as long."""
    if isinstance(request, FindNode | FindValue):
        return FIND_BYTES
    return PROVE_BYTES if request.prove else PLAIN_BYTES


def decode(data: bytes, mesh_tag: bytes) -> tuple[bytes, Request | Response]:
    """Return message id and message; raise MalformedError or ForeignError."""
    if not HEADER_BYTES < len(data) <= MAX_DATAGRAM or data[:1] not in (REQUEST, RESPONSE):
        raise MalformedError("not a datagram of ours")
    if data[1 + ID_BYTES : HEADER_BYTES] != mesh_tag:
        raise ForeignError("a datagram of another mesh")
    decoder: msgspec.msgpack.Decoder[Request | Response] = _requests if data[:1] == REQUEST else _responses
    try:
        message = decoder.decode(data[HEADER_BYTES:])
    except UNREADABLE as error:
        raise MalformedError(str(error)) from None
    return data[1 : 1 + ID_BYTES], message


def mark_of(entry: bytes) -> bytes:
    """Return the few bytes by which a request says that its sender knows an entry."""
    return entry[-MARK_BYTES:]


def to_wire(nodes: Iterable[Node]) -> tuple[WireContact, ...]:
    """Return contacts as they travel."""
    return tuple(WireContact(node.id, pack_ip(node.ip), node.port) for node in nodes)


def contact_bytes(contact: WireContact) -> int:
    """Return how many bytes a contact takes in a datagram, at most."""
    return CONTACT_BYTES - 16 + len(contact.host)


def from_wire(contacts: Iterable[WireContact], family_bytes: int) -> list[Node]:
    """Return the contacts that a socket of this address family (4 or 16 bytes) can reach at all."""
    family = socket.AF_INET if family_bytes == 4 else socket.AF_INET6
    return [
        Node(contact.id, socket.inet_ntop(family, contact.host), contact.port)
        for contact in contacts
        if len(contact.host) == family_bytes and _is_one_host(contact.host)
    ]


def pack_ip(ip: str) -> bytes:
    return socket.inet_pton(socket.AF_INET6 if ":" in ip else socket.AF_INET, ip)


def without_loopback(contacts: Iterable[WireContact]) -> tuple[WireContact, ...]:
    """Return the contacts that are not on the very machine that asks: nobody elsewhere can know those."""
    return tuple(contact for contact in contacts if not _is_loopback(contact.host))


def _is_loopback(host: bytes) -> bool:
    return host[0] == 127 if len(host) == 4 else host == bytes(15) + b"\x01"


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
