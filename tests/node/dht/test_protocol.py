"""One socket against the world: nonsense, forged answers, forged senders, and a peer that moves."""

from __future__ import annotations

import random
from collections.abc import AsyncIterator

import pytest

from node.dht import messages, records
from node.dht.messages import FindValue, Found, Ping, Pong, Store, Stored
from node.dht.node import DhtNode
from tests.support.dht_nodes import Member, Mesh, RawPeer, raw_peer, until, worker

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
