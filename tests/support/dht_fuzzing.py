"""Feeds a DHT node from a fuzzer's bytes, as everything that can reach it: strangers, members, and whom it asks.

What nobody can guess (signatures, proofs, message ids) is made here around the fuzzer's bytes, so that also what
lies behind them is reached. Every input meets a new node and a clock of its own, so it always does the same.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Any

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from kademlia.node import Node

from node.dht import messages, proofs, records
from node.dht.messages import MAX_DATAGRAM, FindNode, FindValue, Ping, Request, Response, Store
from node.dht.node import DhtNode, node_id_of
from node.dht.protocol import MeshProtocol
from node.dht.records import PAYLOAD_TYPES, Body, Kind
from node.dht.verifier import RecordError, RecordVerifier
from node.wire import credentials
from node.wire.credentials import Credential
from node.wire.encoding import b64decode, fingerprint
from tests.support.dht_nodes import Clock, Member, Mesh
from tests.support.wire_values import make

MOST_STEPS = 8  # that one input takes
STRANGER = ("198.51.100.66", 6666)
PEER = ("198.51.100.7", 8468)
HOME = ("198.51.100.1", 8468)


class Bytes:
    """Choices read from bytes, front to back; zeros when they have run out."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    def __bool__(self) -> bool:
        return self._at < len(self._data)

    def number(self, low: int, high: int) -> int:
        span = high - low + 1
        return low + int.from_bytes(self.data((span.bit_length() + 6) // 8), "big") % span

    def data(self, size: int) -> bytes:
        taken = self._data[self._at : self._at + size]
        self._at += size
        return taken.ljust(size, b"\x00")

    def some(self, most: int) -> bytes:
        """Return a piece of a length that the bytes themselves tell."""
        return self.data(self.number(0, min(most, max(0, len(self._data) - self._at))))


class StillLoop(asyncio.SelectorEventLoop):
    """An event loop whose time only moves when it is told to."""

    now = 1000.0

    def time(self) -> float:
        return self.now


class Wire(asyncio.DatagramTransport):
    """The operating system's edge: keeps what the node sends."""

    def __init__(self, protocol: MeshProtocol) -> None:
        super().__init__()
        self.sent: list[tuple[bytes, tuple[str, int]]] = []
        self._closing = False
        self._protocol = protocol
        protocol.connection_made(self)

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        return HOME if name == "sockname" else default

    def sendto(self, data: Any, addr: Any = None) -> None:
        self.sent.append((bytes(data), addr))

    def is_closing(self) -> bool:
        return self._closing

    def close(self) -> None:
        self._closing = True
        self._protocol.connection_lost(None)


class Alarm(logging.Handler):
    """Keeps what is logged as an error: in this project a traceback in the log is a bug."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.raised: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.raised.append(logging.Formatter().format(record))


class Fuzzed:
    """Feeds inputs; `feed` raises where a promise is broken."""

    def __init__(self) -> None:
        self.mesh = Mesh(Clock(), key=_key(1))
        self.members = [
            Member(self.mesh, "alice", identity=_key(2)),
            Member(self.mesh, "bob", "coordinator", identity=_key(3)),
        ]
        self._home = Member(self.mesh, "home", identity=_key(4))
        self._tag = fingerprint(self.mesh.key.public_key().public_bytes_raw())[: messages.MESH_TAG_BYTES]
        self._alarm = Alarm()
        logging.getLogger().addHandler(self._alarm)
        self._level = logging.getLogger("node").level
        logging.getLogger("node").setLevel(logging.WARNING)
        self._loop = StillLoop()
        self._loop.set_exception_handler(lambda _, context: self._alarm.raised.append(str(context)))

    def close(self) -> None:
        logging.getLogger("node").setLevel(self._level)
        logging.getLogger().removeHandler(self._alarm)
        self._loop.close()

    def feed(self, data: bytes) -> None:
        """Do what the bytes say to a new node."""
        self._loop.run_until_complete(self._feed(Bytes(data)))
        if self._alarm.raised:
            raise AssertionError("logged as an error: " + self._alarm.raised.pop())

    async def _feed(self, source: Bytes) -> None:
        visit = Visit(self.mesh, self._home, self.members, self._tag)
        try:
            for _ in range(MOST_STEPS):
                if not source:
                    break
                visit.step(source)
                await asyncio.sleep(0)
                self._loop.now += 0.2
                await asyncio.sleep(0)
                visit.check()
        finally:
            await visit.protocol.stop()


class Visit:
    """One node, and everything that one input does to it."""

    def __init__(self, mesh: Mesh, home: Member, members: list[Member], tag: bytes) -> None:
        self._mesh = mesh
        self._members = members
        self._tag = tag
        self._node: DhtNode = mesh.node(home)
        server = self._node._server
        self.protocol = server.protocol = server._create_protocol()
        self.wire = Wire(self.protocol)
        self._from_stranger = 0  # bytes
        self._verifier = RecordVerifier(mesh.key.public_key())
        self._actions: tuple[Callable[[Bytes], None], ...] = (
            self._raw_datagram,
            self._tagged_datagram,
            self._made_request,
            self._changed_request,
            self._answer,
            self._changed_answer,
            self._store_signed,
            self._store_made,
            self._check_bytes,
            self._check_credential,
        )

    def step(self, source: Bytes) -> None:
        self._actions[source.number(0, len(self._actions) - 1)](source)

    def check(self) -> None:
        """Hold the node to what it promises whatever comes."""
        assert all(len(data) <= MAX_DATAGRAM for data, _ in self.wire.sent)
        proved = {node_id_of(credentials.peek(member.credential)) for member in self._members}
        assert {node.id for node in self.protocol.router} <= proved
        assert all((node.ip, node.port) == PEER for node in self.protocol.router)
        assert self._node.stats().entries <= len(self._members) * MOST_STEPS
        to_stranger = sum(len(data) for data, to in self.wire.sent if to == STRANGER)
        assert to_stranger <= 3 * self._from_stranger, f"{to_stranger} bytes for {self._from_stranger}"

    # --- strangers ------------------------------------------------------------------------------------------------

    def _raw_datagram(self, source: Bytes) -> None:
        self._hear_stranger(source.some(MAX_DATAGRAM + 50))

    def _tagged_datagram(self, source: Bytes) -> None:
        self._hear_stranger(self._head(source) + source.some(MAX_DATAGRAM))

    def _made_request(self, source: Bytes) -> None:
        self._hear_stranger(self._request(source))

    def _changed_request(self, source: Bytes) -> None:
        self._hear_stranger(_changed(self._request(source), source))

    def _head(self, source: Bytes) -> bytes:
        kind = messages.REQUEST if source.number(0, 1) else messages.RESPONSE
        return kind + bytes(messages.ID_BYTES) + self._tag

    def _request(self, source: Bytes) -> bytes:
        return self._encoded(messages.REQUEST, bytes(messages.ID_BYTES), make(Request, source))

    def _encoded(self, kind: bytes, message_id: bytes, message: Request | Response) -> bytes:
        try:
            return messages.encode(kind, message_id, self._tag, message)
        except ValueError:  # too large for any datagram
            return b""

    def _hear_stranger(self, data: bytes) -> None:
        self._from_stranger += len(data)
        self.protocol.datagram_received(data, STRANGER)

    # --- who is asked ---------------------------------------------------------------------------------------------

    def _answer(self, source: Bytes) -> None:
        data = self._made_answer(source)
        if source.number(0, 7) == 0:
            self._hear_stranger(data)
        for _ in range(source.number(1, 2)):
            self.protocol.datagram_received(data, PEER)

    def _changed_answer(self, source: Bytes) -> None:
        data, head = self._made_answer(source), 0 if source.number(0, 3) == 0 else messages.HEADER_BYTES
        self.protocol.datagram_received(data[:head] + _changed(data[head:], source), PEER)

    def _made_answer(self, source: Bytes) -> bytes:
        """Make the node ask, and answer: mostly with the message that it expects, mostly with a proof."""
        member = self._members[source.number(0, len(self._members) - 1)]
        peer_id = node_id_of(credentials.peek(member.credential))
        me, key = self.protocol.source_node.id, records.service_key("ocr")
        requests = (Ping(me), FindNode(me, key), FindValue(me, key), Store(me, key, ()))
        request = requests[source.number(0, len(requests) - 1)]
        asked = Node(peer_id, *PEER) if source.number(0, 3) else None
        self.protocol.ask(request, PEER, asked)
        message_id = self.wire.sent[-1][0][1 : 1 + messages.ID_BYTES]
        response: Any = make(messages.ANSWERS[type(request)] if source.number(0, 7) else Response, source)
        if source.number(0, 7):
            proof = proofs.make_proof(member.identity, b64decode(member.credential), message_id, HOME)
            response = msgspec.structs.replace(response, sender=peer_id, proof=proof)
        return self._encoded(messages.RESPONSE, message_id, response)

    # --- members --------------------------------------------------------------------------------------------------

    def _store_signed(self, source: Bytes) -> None:
        """Sign any payload: who is a member may do so."""
        kind = tuple(Kind)[source.number(0, 3)]
        self._store(source, kind, source.some(400))

    def _store_made(self, source: Bytes) -> None:
        kind = tuple(Kind)[source.number(0, 3)]
        self._store(source, kind, msgspec.msgpack.encode(make(PAYLOAD_TYPES[kind], source)))

    def _store(self, source: Bytes, kind: Kind, payload: bytes) -> None:
        now = self._mesh.clock()
        member = self._members[kind.role == "coordinator"]
        name = ("ocr", "", "\u00e9", "a" * 64)[source.number(0, 3)] if kind is Kind.SERVICE else ""
        sequence = int((now + source.number(-400, 200)) * 1000)
        expires_at = int(now) + source.number(-200, 5000)
        entry = records.sign(
            Body(kind, name, sequence, expires_at, payload, b64decode(member.credential)), member.identity
        )
        if source.number(0, 3) == 0:
            entry = _changed(entry, source)
        try:
            key = records.key_of(kind, name, member.subject)
        except ValueError:
            key = records.service_key("ocr")
        self._check_entry(key, entry)
        store = Store(bytes(20), key, (entry,) * source.number(1, 2))
        self._hear_stranger(self._encoded(messages.REQUEST, bytes(messages.ID_BYTES), store))

    def _check_bytes(self, source: Bytes) -> None:
        data = source.some(1100)
        for decode in (records.split, lambda data: records.decode_payload(Kind.SERVICE, data)):
            try:
                decode(data)
            except ValueError:
                continue
        self._check_entry(records.service_key("ocr"), data)

    def _check_entry(self, key: bytes, entry: bytes) -> None:
        """Check twice: what was remembered counts for no more than what was just looked at."""
        outcomes = []
        for _ in range(2):
            try:
                outcomes.append(self._verifier.check(key, entry, self._mesh.clock()).data)
            except RecordError as error:
                outcomes.append(error.reason.encode())
        assert outcomes[0] == outcomes[1]

    def _check_credential(self, source: Bytes) -> None:
        """Let the mesh sign any credential, or anything at all."""
        if source.number(0, 1):
            data = b64decode(credentials.issue(make(Credential, source), self._mesh.key))
        else:
            payload = source.some(400)
            data = payload + self._mesh.key.sign(credentials.CONTEXT + payload)
        member = self._members[0]
        self._check_entry(records.service_key("ocr"), member.entry(credential=data))


def seeds() -> list[bytes]:
    """Return inputs that begin well: every action with bytes of every size."""
    sizes = (4, 40, 400, 1200)
    return [
        bytes([action]) + bytes(range(256))[:size] * (1 + size // 256) for action in range(10) for size in sizes
    ]


def _changed(data: bytes, source: Bytes) -> bytes:
    """Return data with one to four pieces overwritten, cut out or put in."""
    for _ in range(source.number(1, 4)):
        at, piece = source.number(0, len(data)), source.some(16)
        over = (0, len(piece), len(data), 1)[source.number(0, 3)]
        data = data[:at] + piece + data[at + over :]
    return data


def _key(number: int) -> Ed25519PrivateKey:
    return Ed25519PrivateKey.from_private_bytes(bytes([number]) * 32)
