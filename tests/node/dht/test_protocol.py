"""One socket against the world: nonsense, forged answers and senders, floods, and a peer that moves."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from kademlia.node import Node

from node.dht import messages, records
from node.dht.limits import Rate, RateLimits
from node.dht.messages import Address, FindNode, FindValue, Found, Ping, Pong, Store, Stored
from node.dht.node import DhtNode
from node.dht.protocol import MeshProtocol
from tests.support.dht_nodes import QUICK, Clock, Member, Mesh, RawPeer, found, raw_peer, until, worker

ME = b"m" * 20
ID = b"i" * 20


@pytest.fixture
async def node(mesh: Mesh) -> AsyncIterator[DhtNode]:
    async with mesh.running(mesh.node("victim")) as (started,):
        yield started


@pytest.fixture
async def peer(mesh: Mesh) -> AsyncIterator[RawPeer]:
    async with raw_peer(mesh) as opened:
        yield opened


async def test_nonsense_is_counted_and_the_node_goes_on_answering(
    node: DhtNode, peer: RawPeer, caplog: pytest.LogCaptureFixture
) -> None:
    rng = random.Random(4)
    header = ID + peer.tag
    whole = messages.encode(messages.REQUEST, ID, peer.tag, FindValue(ME, records.service_key("ocr")))
    junk = [rng.randbytes(rng.randrange(1500)) for _ in range(400)]
    junk += [rng.choice([b"\x00", b"\x01"]) + header + rng.randbytes(rng.randrange(900)) for _ in range(400)]
    junk += [whole[:length] for length in range(len(whole))]
    junk += [b"", b"\x00" + header + b"\x91" * 1000, b"\x02" + whole[1:]]
    for number, data in enumerate(junk, 1):
        peer.send(node, data)
        if number % 50 == 0:  # no more at a time than the socket's buffer takes
            await until(lambda wanted=number: _received(node) >= wanted * 0.9, "the nonsense arrived")  # type: ignore[misc]
    peer.request(node, Ping(ME))
    assert isinstance(await peer.answer(node), Pong)
    assert node.stats().malformed > len(junk) * 0.5
    assert not [record for record in caplog.records if record.exc_info or record.levelname == "ERROR"]


def _received(node: DhtNode) -> int:
    stats = node.stats()
    return stats.malformed + stats.foreign + stats.unsolicited + stats.rpc_served


async def test_semi_valid_messages_harm_nobody(node: DhtNode, peer: RawPeer, mesh: Mesh) -> None:
    rng = random.Random(9)
    good = mesh.member("alice").entry()
    for _ in range(100):
        position = rng.randrange(len(good))
        bad = good[:position] + bytes([good[position] ^ (1 << rng.randrange(8))]) + good[position + 1 :]
        peer.request(node, Store(ME, records.service_key("ocr"), (bad,)))
        stored = await peer.answer(node)
        assert isinstance(stored, Stored)
        assert stored.kept == 0
        assert stored.reason
    assert node.stats().entries == 0
    assert sum(node.stats().rejected.values()) == 100


async def test_a_response_counts_only_from_the_address_that_was_asked(
    node: DhtNode, peer: RawPeer, mesh: Mesh, alice: Member
) -> None:
    async with raw_peer(mesh) as spoofer:
        node.set_bootstrap([("127.0.0.1", peer.port)])
        message_id, request = await peer.receive(messages.REQUEST)
        assert isinstance(request, Ping)
        spoofer.pong(node, message_id, alice)
        await until(lambda: node.stats().unsolicited == 1, "the forged response was counted")
        assert node.contacts() == []
        peer.pong(node, message_id, alice)
        await until(lambda: [contact.port for contact in node.contacts()] == [peer.port], "the real one counts")


async def test_a_response_of_the_wrong_kind_or_to_no_request_does_not_count(
    node: DhtNode, peer: RawPeer, alice: Member
) -> None:
    node.set_bootstrap([("127.0.0.1", peer.port)])
    message_id, _ = await peer.receive(messages.REQUEST)
    proof = alice.proof(message_id, ("127.0.0.1", node.port))
    peer.respond(node, message_id, Found(alice.id, (), proof=proof))
    peer.pong(node, ID, alice)
    await until(lambda: node.stats().unsolicited == 2, "both were counted")
    assert node.contacts() == []


async def test_a_sender_becomes_a_contact_only_after_it_has_answered(
    node: DhtNode, peer: RawPeer, alice: Member
) -> None:
    peer.request(node, Ping(alice.id))
    assert isinstance(await peer.answer(node), Pong)
    assert node.contacts() == []
    message_id, request = await peer.receive(messages.REQUEST)
    assert isinstance(request, Ping)
    peer.pong(node, message_id, alice)
    await until(lambda: [contact.port for contact in node.contacts()] == [peer.port], "it is a contact now")


async def test_nobody_takes_the_place_of_a_contact_that_still_answers(node: DhtNode, mesh: Mesh) -> None:
    async with mesh.running(mesh.node("friend")) as (friend,), raw_peer(mesh) as thief:
        friend.set_bootstrap([("127.0.0.1", node.port)])
        await until(node.contacts, "the friend is known")
        served = friend.stats().rpc_served
        thief.request(node, Ping(friend.id))
        await until(lambda: friend.stats().rpc_served > served, "the friend was asked whether it is still there")
        assert [contact.port for contact in node.contacts()] == [friend.port]


async def test_who_claims_to_be_a_contact_cannot_use_up_what_it_hears_from_us(
    node: DhtNode, peer: RawPeer, mesh: Mesh
) -> None:
    async with mesh.running(mesh.node("friend")) as (friend,):
        friend.set_bootstrap([("127.0.0.1", node.port)])
        await until(node.contacts, "the friend is known")
        sent, claims = node.stats().rpc_sent, 100
        for _ in range(claims):
            peer.request(node, Ping(friend.id))
            assert isinstance(await peer.answer(node), Pong)
        assert node.stats().rpc_sent - sent < claims / 2  # else one for each: nobody else has to be asked much here


async def test_a_contact_that_has_moved_is_followed(node: DhtNode, mesh: Mesh) -> None:
    member = mesh.member("mover")
    async with mesh.running(mesh.node(member)) as (before,):
        before.set_bootstrap([("127.0.0.1", node.port)])
        await until(node.contacts, "known")
    async with mesh.running(mesh.node(member)) as (after,):
        after.set_bootstrap([("127.0.0.1", node.port)])
        await until(lambda: [c.port for c in node.contacts()] == [after.port], "known at its new port, and once")


async def test_a_dead_contact_is_dropped(node: DhtNode, mesh: Mesh) -> None:
    async with mesh.running(mesh.node("brief")) as (brief,):
        brief.set_bootstrap([("127.0.0.1", node.port)])
        await until(node.contacts, "known")
    await node.find_service("ocr")
    await until(lambda: not node.contacts(), "dropped")


async def test_entries_travel_in_datagrams_of_less_than_1200_bytes(
    node: DhtNode, peer: RawPeer, mesh: Mesh
) -> None:
    key = records.service_key("ocr")
    for number in range(30):
        member = mesh.member(f"worker-{number}")
        peer.request(node, Store(ME, key, (member.entry(record=worker(member.subject)),)))
        stored = await peer.answer(node)
        assert isinstance(stored, Stored)
        assert (stored.kept, stored.reason) == (1, "")
    told: set[bytes] = set()
    for _ in range(60):
        peer.request(node, FindValue(ME, key))
        data = await peer.receive_datagram(messages.RESPONSE)
        assert len(data) <= 1200
        _, found = messages.decode(data, peer.tag)
        assert isinstance(found, Found)
        assert found.total == 30
        assert 2 <= len(found.entries) < 30
        told.update(found.entries)
    assert len(told) > 20  # the samples differ


# --- limits -------------------------------------------------------------------------------------------------------


@pytest.fixture
async def strict(mesh: Mesh) -> AsyncIterator[DhtNode]:
    """A node that grants strangers on its own machine no more than others, which is next to nothing."""
    limits = RateLimits(stranger=Rate(0.01, 20), loopback=1.0)
    async with mesh.running(mesh.node("strict", settings=replace(QUICK, limits=limits))) as (started,):
        yield started


async def test_a_flood_of_strangers_starves_neither_contacts_nor_our_own_lookups(
    strict: DhtNode, peer: RawPeer, mesh: Mesh
) -> None:
    async with mesh.running(mesh.node("friend")) as (friend,):
        friend.set_bootstrap([("127.0.0.1", strict.port)])
        await until(lambda: friend.peers() and strict.peers(), "joined")
        for number in range(1, 401):
            peer.request(strict, FindValue(ME, records.service_key("ocr")))
            if number % 50 == 0:
                await until(lambda wanted=number: strict.stats().limited >= wanted * 0.8 - 20, "the flood arrived")  # type: ignore[misc]
        assert strict.stats().limited >= 300
        await friend.publish(worker("friend"), ["ocr"])
        await until(lambda: strict.stats().stored >= 2, "the strict node keeps its contact's entries")
        await strict.publish(worker("strict"), ["ner-extraction"])
        await found(friend, "ner-extraction", "strict")
        await found(strict, "ocr", "friend")


async def test_nonsense_uses_up_its_senders_share_and_is_not_even_read_then(strict: DhtNode, peer: RawPeer) -> None:
    for _ in range(60):
        peer.send(strict, messages.REQUEST + b"nonsense" * 10)
    await until(lambda: strict.stats().limited + strict.stats().foreign >= 60, "all arrived")
    assert strict.stats().foreign == 20
    assert strict.stats().limited == 40


async def test_a_new_peer_is_reached_in_the_midst_of_a_flood(strict: DhtNode, peer: RawPeer, mesh: Mesh) -> None:
    """Answers that we wait for are not counted against anybody."""
    for _ in range(60):
        peer.send(strict, messages.REQUEST + b"nonsense" * 10)
    await until(lambda: strict.stats().limited >= 40, "strangers have nothing left")
    async with mesh.running(mesh.node("new")) as (new,):
        strict.set_bootstrap([("127.0.0.1", new.port)])
        await until(strict.peers, "it is a contact")


# --- amplification ------------------------------------------------------------------------------------------------


class Wire(asyncio.DatagramTransport):
    """Stands in for a socket: keeps what is sent."""

    def __init__(self) -> None:
        super().__init__()
        self.sent: list[tuple[bytes, Address]] = []

    def get_extra_info(self, name: str, default: object = None) -> object:
        return ("127.0.0.1", 8468) if name == "sockname" else default

    def is_closing(self) -> bool:
        return False

    def sendto(self, data: bytes, addr: Address | None = None) -> None:  # type: ignore[override]
        assert addr is not None
        self.sent.append((data, addr))

    def close(self) -> None:
        self.protocol.connection_lost(None)

    def plug_into(self, node: DhtNode, protocol: MeshProtocol) -> None:
        """Become the socket of a node that is not started."""
        self.protocol = protocol
        protocol.connection_made(self)
        node._server.protocol = protocol


class Reflector:
    """A node full of contacts and entries that somebody may want to use against others."""

    def __init__(self) -> None:
        self.runner = asyncio.Runner()
        self.mesh = Mesh(Clock())
        self.tag = RawPeer(self.mesh).tag
        self.wire = Wire()
        self.runner.run(self.start())

    async def start(self) -> None:
        unlimited = RateLimits(contact=Rate(1e9, 1e9), stranger=Rate(1e9, 1e9), strangers=Rate(1e9, 1e9))
        self.node = self.mesh.node("me", settings=replace(QUICK, limits=unlimited))
        self.protocol = self.node._server._create_protocol()
        self.wire.plug_into(self.node, self.protocol)
        self.members = [self.mesh.member(f"w{number}") for number in range(40)]
        self.contacts = [Node(member.id, "10.42.0.7", 1000 + n) for n, member in enumerate(self.members)]
        for member, contact in zip(self.members, self.contacts, strict=True):
            proof = member.proof(ID, ("127.0.0.1", 8468))
            self.node._prover.check(member.id, (contact.ip, contact.port), ID, proof, None)
        for member in self.members[:10]:
            self.node._storage.put(OCR, member.entry(record=worker(member.subject)))

    async def receive(self, data: bytes, address: Address) -> int:
        """Return how many bytes one datagram makes the node send to where it seems to come from."""
        await self.silence()
        for contact in self.contacts:
            self.protocol.router.add_contact(contact)
        self.wire.sent.clear()
        self.protocol.datagram_received(data, address)
        for _ in range(5):
            await asyncio.sleep(0)
        return sum(len(sent) for sent, to in self.wire.sent if to == address)

    async def silence(self) -> None:
        """Let all that the node has asked time out."""
        while self.protocol._outstanding:
            for message_id, outstanding in list(self.protocol._outstanding.items()):
                outstanding.timer.cancel()
                self.protocol._timeout(message_id)
            for _ in range(5):
                await asyncio.sleep(0)

    def close(self) -> None:
        self.runner.run(self.node.stop())
        self.runner.close()


@pytest.fixture(scope="module")
def reflector() -> Iterator[Reflector]:
    opened = Reflector()
    yield opened
    opened.close()


OCR = records.service_key("ocr")
KEYS = st.binary(min_size=20, max_size=20) | st.sampled_from([OCR, ME])
PADDING = st.integers(0, 400).map(bytes)
REQUESTS = st.one_of(
    st.builds(Ping, sender=KEYS, prove=st.booleans(), padding=PADDING),
    st.builds(FindNode, sender=KEYS, key=KEYS, prove=st.booleans(), padding=PADDING),
    st.builds(FindValue, sender=KEYS, key=KEYS, prove=st.booleans(), padding=PADDING),
    st.builds(
        Store,
        sender=KEYS,
        key=KEYS,
        entries=st.lists(st.binary(max_size=90), max_size=5).map(tuple),
        prove=st.booleans(),
        padding=PADDING,
    ),
)


@given(REQUESTS, st.integers(1, 65535), st.integers(0, 39))
@settings(max_examples=500, deadline=None)
def test_no_request_makes_a_node_send_more_than_three_times_as_much(
    reflector: Reflector, request_: messages.Request, port: int, number: int
) -> None:
    for sender in (request_.sender, reflector.members[number].id):
        body = msgspec.msgpack.encode(msgspec.structs.replace(request_, sender=sender))
        data = messages.REQUEST + ID + reflector.tag + body
        if len(data) <= messages.MAX_DATAGRAM:
            sent = reflector.runner.run(reflector.receive(data, ("192.0.2.1", port)))
            assert 0 < sent <= 3 * len(data)


def test_an_honest_stranger_gets_a_whole_answer_and_is_pinged(reflector: Reflector) -> None:
    requests: list[messages.Request] = [Ping(ME, prove=True), Ping(ME), FindNode(ME, OCR, prove=True)]
    for number, request in enumerate(requests):
        data = messages.encode(messages.REQUEST, ID, reflector.tag, request)
        reflector.runner.run(reflector.receive(data, ("192.0.2.200", 1000 + number)))
        (answer, ping) = (messages.decode(sent, reflector.tag)[1] for sent, _ in reflector.wire.sent)
        assert isinstance(answer, Pong | Found)
        assert (answer.proof is not None) == request.prove
        assert isinstance(ping, Ping)
        assert ping.prove
        if isinstance(answer, Found):
            assert len(answer.contacts) >= 15


# --- who is who ---------------------------------------------------------------------------------------------------


async def test_two_who_cannot_prove_themselves_to_one_another_do_not_ping_for_ever(mesh: Mesh) -> None:
    """Each would look at the other because of the other's look."""
    one, two = mesh.node("one", revoked={"two"}), mesh.node("two", revoked={"one"})
    async with mesh.running(one, two):
        await until(lambda: one.stats().unproven and two.stats().unproven, "they met")
        looks = two.stats().rpc_served
        await until(lambda: two.stats().rpc_sent >= 4, "the second tries to join again and again")
        tries = two.stats().rpc_sent
        assert one.stats().rpc_sent + two.stats().rpc_served - looks <= tries + 4


async def test_an_entry_for_which_a_proof_left_no_room_is_asked_for_again(mesh: Mesh) -> None:
    """A worker's own record may be as large as a datagram."""
    async with mesh.running(mesh.node("big")) as (big,), mesh.running(mesh.node("one")) as (one,):
        services = [f"service-with-a-long-name-{number}" for number in range(20)]
        await big.publish(worker("big"), services)
        protocol = one._server.protocol
        assert protocol is not None
        answer = await protocol.call_find_value(
            Node(big.id, "127.0.0.1", big.port), Node(records.worker_key("big"))
        )
        assert isinstance(answer, Found)
        assert answer.proof is None
        assert len(answer.entries[0]) > 600


async def test_somebody_else_at_a_known_address_is_not_taken_for_the_one_before(
    node: DhtNode, peer: RawPeer, alice: Member, bob: Member
) -> None:
    peer.request(node, Ping(alice.id))
    message_id, _ = await peer.receive(messages.REQUEST)
    peer.pong(node, message_id, alice)
    await until(lambda: [contact.subject for contact in node.peers()] == ["alice"], "alice is known")
    protocol = node._server.protocol
    assert protocol is not None
    answer = protocol.call_find_node(Node(alice.id, "127.0.0.1", peer.port), Node(OCR))
    message_id, request = await _next(peer, FindNode)
    while isinstance(request, FindNode) and request.key != OCR:  # it also looks around, now that it knows somebody
        peer.respond(node, message_id, Found(alice.id, ()))
        message_id, request = await _next(peer, FindNode)
    assert not request.prove
    peer.respond(node, message_id, Found(bob.id, ()))
    assert await answer is None
    message_id, request = await _next(peer, Ping)
    assert request.prove
    peer.pong(node, message_id, bob)
    await until(lambda: [contact.subject for contact in node.peers()] == ["bob"], "bob has proved himself")


async def _next(peer: RawPeer, kind: type[messages.Request]) -> tuple[bytes, messages.Request]:
    while True:
        message_id, request = await peer.receive(messages.REQUEST)
        if isinstance(request, kind):
            return message_id, request


async def test_times_follow_from_what_peers_take(node: DhtNode, mesh: Mesh) -> None:
    protocol = node._server.protocol
    assert protocol is not None
    stranger = Node(ME, "127.0.0.1", 9)
    assert protocol.time_limit(stranger) == QUICK.rpc_timeout
    assert protocol.patience(stranger) == QUICK.rpc_timeout * QUICK.patience
    async with mesh.running(mesh.node("friend")) as (friend,):
        friend.set_bootstrap([("127.0.0.1", node.port)])
        await until(node.peers, "known")
        (contact,) = node.peers()
        assert contact.rtt_ms is not None
        assert contact.rtt_ms > 0
        known = Node(friend.id, "127.0.0.1", friend.port)
        assert 0 < protocol.patience(known) <= QUICK.rpc_timeout * QUICK.patience
        assert 0 < protocol.time_limit(known) <= QUICK.rpc_timeout


async def test_an_answer_that_comes_late_shows_that_its_peer_lives_and_how_slow_it_is(
    mesh: Mesh, node: DhtNode, peer: RawPeer
) -> None:
    protocol, address = node._server.protocol, ("127.0.0.1", peer.port)
    assert protocol is not None
    asked = protocol.ask(Ping(node.id), address)
    message_id, _ = await peer.receive(messages.REQUEST)
    assert await asked is None  # its time is over
    assert (node.stats().rpc_failed, node.contacts()) == (1, [])
    peer.pong(node, message_id, mesh.member("slow"))
    await until(node.contacts, "the slow peer is a contact")
    assert protocol.round_trips.limit(address) > QUICK.rpc_timeout
    assert node.stats().unsolicited == 0
    peer.pong(node, message_id, mesh.member("slow"))  # once is enough
    await until(lambda: node.stats().unsolicited == 1, "the second answer is one that nobody asked for")
