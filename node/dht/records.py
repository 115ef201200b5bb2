"""One DHT entry: a publisher's signed, dated statement under one key, as compact MessagePack.

An entry is MessagePack of the array [kind, name, sequence, expires_at, payload, credential], followed by an
Ed25519 signature (RFC 8032) of the publisher's identity key over a context string and those bytes. The key that
it belongs under follows from kind, name and the credential's subject, so it cannot be moved under another one.
An empty payload is a tombstone: the publisher withdrew.
"""

from __future__ import annotations

import enum
import ipaddress
from collections.abc import Iterator
from typing import Annotated

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from kademlia.utils import digest

from node.wire import credentials
from node.wire.credentials import Name
from node.wire.manifests import ServiceName
from node.wire.messages import (
    Capabilities,
    CoordinatorInfo,
    Count,
    Endpoints,
    Host,
    Port,
    Services,
    Text,
    Url,
    WorkerRecord,
    WorkerType,
)

CONTEXT = b"rma-mesh dht entry v1\x00"
SIGNATURE_BYTES = 64
KEY_BYTES = 20
MAX_ENTRY_BYTES = 1000  # fits into one datagram with room for contacts
MAX_SERVICE_ENTRY_BYTES = 500  # at least two fit into one datagram
MAX_LIFE = 3600.0  # seconds that any entry may ask to be kept
IPV4, IPV6, NAME = b"\x04", b"\x06", b"\x00"  # the forms of a packed host
FRAME_BYTES = 32  # more than an entry's own MessagePack headers and numbers take


class Kind(enum.IntEnum):
    """Which of the four kinds of key an entry stands under."""

    WORKER = 0
    SERVICE = 1
    COORDINATOR = 2
    COORDINATORS = 3

    @property
    def role(self) -> credentials.Role:
        """The role that a publisher of this kind must hold."""
        return "worker" if self in (Kind.WORKER, Kind.SERVICE) else "coordinator"

    @property
    def max_bytes(self) -> int:
        return MAX_SERVICE_ENTRY_BYTES if self is Kind.SERVICE else MAX_ENTRY_BYTES


PackedHost = Annotated[bytes, msgspec.Meta(min_length=2, max_length=254)]
Permille = Annotated[int, msgspec.Meta(ge=0, le=1000)]


class Body(msgspec.Struct, frozen=True, array_like=True):
    """What is signed; `sequence` is milliseconds of the publisher's clock and always rises."""

    kind: Kind
    name: Annotated[str, msgspec.Meta(max_length=64)]
    sequence: Annotated[int, msgspec.Meta(ge=0, lt=2**53)]
    expires_at: Annotated[int, msgspec.Meta(ge=0, lt=2**43)]
    payload: bytes
    credential: bytes


class Offer(msgspec.Struct, frozen=True, array_like=True):
    """Where a worker is and how busy: all that a router needs to choose it. IP addresses are packed."""

    port: Port
    vpn: PackedHost | None
    hosts: Annotated[tuple[PackedHost, ...], msgspec.Meta(max_length=8)]
    tunnel: Url | None
    dht_port: Port | None
    load: Permille
    in_flight: Count
    relays: Annotated[tuple[credentials.Name, ...], msgspec.Meta(max_length=2)] = ()


class Sheet(msgspec.Struct, frozen=True, array_like=True):
    """A worker's own record: its offer, its services and the outline of what the machine has."""

    offer: Offer
    services: Services
    worker_type: WorkerType
    os: Text
    cpu_cores: Count
    ram_bytes: Count
    has_gpu: bool
    disk_free_bytes: Count


class Post(msgspec.Struct, frozen=True, array_like=True):
    """Where a coordinator is."""

    url: Url
    location: Text
    dht_host: PackedHost | None
    dht_port: Port | None


Payload = Offer | Sheet | Post
PAYLOAD_TYPES: dict[Kind, type[Payload]] = {
    Kind.WORKER: Sheet,
    Kind.SERVICE: Offer,
    Kind.COORDINATOR: Post,
    Kind.COORDINATORS: Post,
}


class RecordTooLargeError(ValueError):
    """A record that cannot be made small enough for a datagram; the text says by how much."""


def worker_key(worker_id: str) -> bytes:
    return _digest(f"worker:{worker_id}")


def service_key(service: str) -> bytes:
    return _digest(f"service:{service}")


def coordinator_key(coordinator_id: str) -> bytes:
    return _digest(f"coordinator:{coordinator_id}")


def coordinators_key() -> bytes:
    return _digest("coordinators")


def key_of(kind: Kind, name: str, subject: str) -> bytes:
    """Return the 160-bit key that an entry belongs under; raise ValueError where the name makes no sense."""
    if kind is Kind.SERVICE:
        return service_key(msgspec.convert(name, type=ServiceName))
    if name:
        raise ValueError("only service entries have a name of their own")
    if kind is Kind.WORKER:
        return worker_key(subject)
    return coordinator_key(subject) if kind is Kind.COORDINATOR else coordinators_key()


def sign(body: Body, identity: Ed25519PrivateKey) -> bytes:
    """Return the entry's bytes."""
    data = msgspec.msgpack.encode(body)
    return data + identity.sign(CONTEXT + data)


def split(data: bytes) -> tuple[Body, bytes, bytes]:
    """Return body, signed bytes and signature of an entry; raise ValueError where it is malformed."""
    if not SIGNATURE_BYTES < len(data) <= MAX_ENTRY_BYTES:
        raise ValueError(f"an entry of {len(data)} bytes is impossible")
    signed, signature = data[:-SIGNATURE_BYTES], data[-SIGNATURE_BYTES:]
    try:
        return msgspec.msgpack.decode(signed, type=Body), signed, signature
    except RecursionError:
        raise ValueError("nested too deep") from None


def decode_payload(kind: Kind, payload: bytes) -> Payload:
    """Decode and check a payload that is no tombstone; raise ValueError."""
    try:
        decoded: Payload = msgspec.msgpack.decode(payload, type=PAYLOAD_TYPES[kind])
    except RecursionError:
        raise ValueError("nested too deep") from None
    for host in _packed_hosts(decoded):
        unpack_host(host)
    return decoded


def service_payload(record: WorkerRecord, room: int) -> bytes:
    """Return a service entry's payload of at most `room` bytes, leaving out LAN addresses where they do not fit."""
    return _first_that_fits((msgspec.msgpack.encode(offer) for offer in _offers(record)), room)


def worker_payload(record: WorkerRecord, room: int) -> bytes:
    """Return a worker entry's payload of at most `room` bytes, leaving out services and addresses if it must."""
    return _first_that_fits((msgspec.msgpack.encode(sheet) for sheet in _sheets(record)), room)


def coordinator_payload(info: CoordinatorInfo, room: int) -> bytes:
    """Return a coordinator entry's payload of at most `room` bytes."""
    host = None if info.dht_host is None else pack_host(info.dht_host)
    posts = (Post(info.url, location, host, info.dht_port) for location in (info.location, ""))
    return _first_that_fits((msgspec.msgpack.encode(post) for post in posts), room)


def room_for_payload(kind: Kind, name: str, credential: bytes) -> int:
    """Return how many bytes of payload an entry of this kind can have."""
    return kind.max_bytes - SIGNATURE_BYTES - FRAME_BYTES - len(name.encode()) - len(credential)


def worker_record(subject: Name, payload: Offer | Sheet, last_seen: float, service: str = "") -> WorkerRecord:
    """Return the record that an offer (under a service) or a sheet (under the worker) stands for."""
    if isinstance(payload, Offer):
        return _record(subject, payload, (service,) if service else (), Capabilities(), last_seen)
    capabilities = Capabilities(
        worker_type=payload.worker_type,
        os=payload.os,
        cpu_cores=payload.cpu_cores,
        ram_bytes=payload.ram_bytes,
        has_gpu=payload.has_gpu,
        disk_free_bytes=payload.disk_free_bytes,
    )
    return _record(subject, payload.offer, payload.services, capabilities, last_seen)


def coordinator_info(subject: Name, post: Post) -> CoordinatorInfo:
    host = None if post.dht_host is None else unpack_host(post.dht_host)
    return CoordinatorInfo(id=subject, url=post.url, location=post.location, dht_host=host, dht_port=post.dht_port)


def pack_host(host: str) -> bytes:
    """Return a byte that tells the form, and an IP address as 4 or 16 bytes or every other host as text."""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return NAME + host.encode()
    if str(address) != host or "%" in host:  # packed, it would not come back as it was
        return NAME + host.encode()
    return (IPV4 if address.version == 4 else IPV6) + address.packed


def unpack_host(host: bytes) -> str:
    """Reverse `pack_host`; raise ValueError for what it cannot have made."""
    form, rest = host[:1], host[1:]
    if form == NAME:
        return msgspec.convert(rest.decode("ascii"), type=Host)
    if (form, len(rest)) not in ((IPV4, 4), (IPV6, 16)):
        raise ValueError("not a packed host")
    return str(ipaddress.ip_address(rest))


def _digest(name: str) -> bytes:
    key: bytes = digest(name)
    return key


def _record(
    subject: Name, offer: Offer, services: Services, capabilities: Capabilities, last_seen: float
) -> WorkerRecord:
    endpoints = Endpoints(
        port=offer.port,
        dht_port=offer.dht_port,
        vpn_ip=None if offer.vpn is None else unpack_host(offer.vpn),
        direct_hosts=tuple(unpack_host(host) for host in offer.hosts),
        tunnel_url=offer.tunnel,
    )
    return WorkerRecord(
        worker_id=subject,
        endpoints=endpoints,
        services=services,
        capabilities=capabilities,
        load=offer.load / 1000,
        in_flight=offer.in_flight,
        last_seen=last_seen,
        relays=offer.relays,
    )


def _offers(record: WorkerRecord) -> Iterator[Offer]:
    """Yield the record's offer, then smaller and smaller ones: fewer LAN addresses, no tunnel, at last no relay."""
    endpoints = record.endpoints
    hosts = tuple(pack_host(host) for host in endpoints.direct_hosts)
    tunnel_url, relays = endpoints.tunnel_url, record.relays
    variants = [(hosts[:count], tunnel_url, relays) for count in range(len(hosts), -1, -1)]
    variants += [((), tunnel_url, relays[:1]), ((), None, relays[:1]), ((), None, ())]
    for some, tunnel, told in variants:
        yield Offer(
            port=endpoints.port,
            vpn=None if endpoints.vpn_ip is None else pack_host(endpoints.vpn_ip),
            hosts=some,
            tunnel=tunnel,
            dht_port=endpoints.dht_port,
            load=round(record.load * 1000),
            in_flight=record.in_flight,
            relays=told,
        )


def _sheets(record: WorkerRecord) -> Iterator[Sheet]:
    has = record.capabilities
    first = next(_offers(record))
    variants = [(first, record.services[:count]) for count in range(len(record.services), -1, -4)]
    variants += [(offer, ()) for offer in _offers(record)]
    for offer, services in variants:
        yield Sheet(
            offer=offer,
            services=services,
            worker_type=has.worker_type,
            os=has.os,
            cpu_cores=has.cpu_cores,
            ram_bytes=has.ram_bytes,
            has_gpu=has.has_gpu,
            disk_free_bytes=has.disk_free_bytes,
        )


def _first_that_fits(encoded: Iterator[bytes], room: int) -> bytes:
    smallest = 0
    for payload in encoded:
        if len(payload) <= room:
            return payload
        smallest = len(payload)
    raise RecordTooLargeError(f"a record of {smallest} bytes is {smallest - room} bytes too large for the DHT")


def _packed_hosts(payload: Payload) -> list[bytes]:
    if isinstance(payload, Post):
        hosts: tuple[bytes | None, ...] = (payload.dht_host,)
    else:
        offer = payload if isinstance(payload, Offer) else payload.offer
        hosts = (offer.vpn, *offer.hosts)
    return [host for host in hosts if host is not None]
