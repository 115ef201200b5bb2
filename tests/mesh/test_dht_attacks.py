"""Members that lie, strangers that forge, and records that are not what they say, against real nodes."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import random
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass

import pytest
from kademlia.node import Node

from node.dht import messages, records
from node.dht.messages import Address, Found, Pong, Response
from node.dht.node import DhtNode
from node.dht.records import Kind
from node.dht.settings import DhtSettings
from node.dht.storage import StorageCaps
from node.wire.encoding import b64decode
from tests.support.dht_attackers import (
    LOOPBACK,
    Tap,
    answer_otherwise,
    as_contact,
    protocol_of,
    store,
    tell_contacts,
    tell_entries,
    victims,
)
from tests.support.dht_fuzzing import HOME, PEER, Wire
from tests.support.dht_nodes import Clock, Member, Mesh, RawPeer, found, raw_peer, until, worker

OCR = records.service_key("ocr")
# Nothing expires or is said again by itself: what happens is what the attacker does.
CALM = DhtSettings(rpc_timeout=0.5, republish=600.0, entry_ttl=180.0, rejoin_first=0.05, rejoin_longest=0.5)


@dataclass
class Scene:
    """Two honest nodes and one whose owner is a member, and lies."""

    mesh: Mesh
    clock: Clock
    revoked: set[str]
    alice: Member
    members: dict[str, Member]
    asker: DhtNode
    storer: DhtNode
    liar: DhtNode

    async def finds(self, *expected: str) -> None:
        await found(self.asker, "ocr", *expected)

    def refused(self, node: DhtNode, reason: str) -> int:
        return node.stats().rejected.get(reason, 0)


@contextlib.asynccontextmanager
async def scene_with(settings: DhtSettings) -> AsyncIterator[Scene]:
    clock = Clock()
    mesh, revoked = Mesh(clock), {"ursula"}
    members = {name: mesh.member(name) for name in ("asker", "storer", "mallory", "ursula")}
    asker, storer, liar = (
        mesh.node(members[name], settings=settings, revoked=revoked) for name in ("asker", "storer", "mallory")
    )
    async with mesh.running(asker, storer, liar):
        for node in (asker, storer, liar):
            await until(lambda node=node: len(node.contacts()) == 2, "everybody knows everybody")  # type: ignore[misc]
        yield Scene(mesh, clock, revoked, mesh.member("alice"), members, asker, storer, liar)


@pytest.fixture
async def scene() -> AsyncIterator[Scene]:
    async with scene_with(CALM) as made:
        yield made


@pytest.fixture(autouse=True)
def nothing_is_logged_as_an_error(caplog: pytest.LogCaptureFixture) -> object:
    yield
    assert [record.getMessage() for record in caplog.records if record.levelname == "ERROR"] == []


# --- entries that are not what they say ---------------------------------------------------------------------------

Maker = Callable[[Scene], bytes]
BOSSES = records.coordinators_key()


def foreign(scene: Scene) -> bytes:
    return Mesh(scene.clock).member("alice").entry()


def in_a_strangers_name(scene: Scene) -> bytes:
    """Mallory says where Alice is, with her own credential."""
    return scene.members["mallory"].entry(Kind.WORKER, "", record=worker("alice"))


def with_a_stolen_credential(scene: Scene) -> bytes:
    return scene.members["mallory"].entry(credential=b64decode(scene.alice.credential))


def with_an_old_credential(scene: Scene) -> bytes:
    return scene.mesh.member("late", life=-3600).entry()


def touched(scene: Scene) -> bytes:
    data = scene.alice.entry()
    return data[:-1] + bytes([data[-1] ^ 1])


BAD: dict[str, tuple[bytes, str, Maker]] = {
    "under another key": (records.service_key("llm"), "wrong-key", lambda scene: scene.alice.entry()),
    "about somebody else": (records.worker_key("alice"), "wrong-key", in_a_strangers_name),
    "with a stolen credential": (OCR, "signature", with_a_stolen_credential),
    "with a flipped bit": (OCR, "signature", touched),
    "of another mesh": (OCR, "credential", foreign),
    "with a credential that has ended": (OCR, "credential", with_an_old_credential),
    "of a worker as coordinator": (
        BOSSES, "wrong-role", lambda scene: scene.alice.entry(Kind.COORDINATORS, "", payload=b"x")
    ),
    "expired": (OCR, "expired", lambda scene: scene.alice.entry(age=400.0)),
    "of the future": (OCR, "future", lambda scene: scene.alice.entry(age=-200.0)),
    "for ever": (OCR, "malformed", lambda scene: scene.alice.entry(life=10_000.0)),
    "too large for a service": (OCR, "too-large", lambda scene: scene.alice.entry(payload=bytes(500))),
    "too large for anything": (OCR, "too-large", lambda scene: scene.alice.entry(payload=bytes(800))),
    "revoked": (OCR, "revoked", lambda scene: scene.members["ursula"].entry()),
    "nonsense": (OCR, "malformed", lambda scene: bytes(300)),
    "with nonsense inside": (OCR, "malformed", lambda scene: scene.alice.entry(payload=b"\xc1" * 40)),
    "with an impossible name": (OCR, "malformed", lambda scene: scene.alice.entry(name="../ocr")),
}  # fmt: skip


@pytest.mark.parametrize("how", BAD)
async def test_a_bad_entry_is_not_kept_and_is_counted(scene: Scene, how: str) -> None:
    key, reason, make = BAD[how]
    answer = await store(scene.liar, scene.storer, key, make(scene))
    assert (answer.kept, answer.reason) == (0, reason)
    assert scene.refused(scene.storer, reason) == 1
    assert scene.storer.stats().entries == 0
    await scene.finds()


async def test_a_good_entry_is_refused_under_a_wrong_key_also_when_it_is_known(scene: Scene) -> None:
    entry = scene.alice.entry()
    assert (await store(scene.liar, scene.storer, OCR, entry)).kept == 1
    answer = await store(scene.liar, scene.storer, records.service_key("llm"), entry)
    assert (answer.kept, answer.reason) == (0, "wrong-key")
    assert await scene.asker.find_service("llm") == []


async def test_bad_entries_do_not_keep_the_good_one_beside_them_out(scene: Scene) -> None:
    answer = await store(scene.liar, scene.storer, OCR, touched(scene), scene.alice.entry())
    assert (answer.kept, answer.reason) == (1, "signature")
    await scene.finds("alice")


async def test_a_storer_that_answers_with_bad_entries_is_not_believed(scene: Scene) -> None:
    """Every kind of bad entry is served again and again, and said to be of ninety-nine."""
    await store(scene.liar, scene.storer, OCR, scene.alice.entry())
    tell_entries(scene.liar, [make(scene) for key, _, make in BAD.values() if key == OCR])
    seen: set[str] = set()
    while not seen >= {reason for key, reason, _ in BAD.values() if key == OCR}:
        assert {record.worker_id for record in await scene.asker.find_service("ocr")} <= {"alice"}
        seen |= set(scene.asker.stats().rejected)
    await scene.finds("alice")


async def test_a_lying_storer_moves_no_worker_to_another_place(scene: Scene) -> None:
    """A worker's own key is asked for; the liar answers with other workers' and other keys' good entries."""
    await store(scene.liar, scene.storer, records.worker_key("alice"), scene.alice.entry(Kind.WORKER, ""))
    mallory = scene.members["mallory"]
    tell_entries(scene.liar, [mallory.entry(Kind.WORKER, ""), scene.alice.entry(), mallory.entry()])
    for _ in range(10):
        record = await scene.asker.find_worker("alice")
        assert record is None or record.worker_id == "alice"
    async with asyncio.timeout(20):
        while await scene.asker.find_worker("alice") is None:
            continue
    assert scene.refused(scene.asker, "wrong-key") > 0


# --- replays ------------------------------------------------------------------------------------------------------


async def test_an_older_entry_does_not_replace_a_newer_one(scene: Scene) -> None:
    old = scene.alice.entry(record=worker("alice", load=0.1), age=60.0)
    new = scene.alice.entry(record=worker("alice", load=0.9))
    assert (await store(scene.liar, scene.storer, OCR, new)).kept == 1
    answer = await store(scene.liar, scene.storer, OCR, old)
    assert (answer.kept, answer.reason) == (0, "older")
    tell_entries(scene.liar, [old])
    loads = set()
    while 0.9 not in loads:
        loads |= {record.load for record in await scene.asker.find_service("ocr")}
    assert [record.load for record in await scene.asker.find_service("ocr")] == [0.9]


async def test_who_has_left_is_not_brought_back_by_what_was_captured(scene: Scene) -> None:
    """Also not when the tombstone's own life is over: what was captured counts a little longer than it says."""
    captured = scene.alice.entry()
    await store(scene.liar, scene.storer, OCR, captured)
    await scene.finds("alice")
    scene.clock.now += 30
    tombstone = scene.alice.entry(payload=b"")
    for node in (scene.storer, scene.asker):
        assert (await store(scene.liar, node, OCR, tombstone)).kept == 1
    tell_entries(scene.liar, [captured])
    while scene.clock.now < 1_800_000_000 + 2000:
        for node in (scene.storer, scene.asker):
            answer = await store(scene.liar, node, OCR, captured)
            assert (answer.kept, answer.reason) in {(0, "older"), (0, "expired")}, scene.clock.now
        assert await scene.asker.find_service("ocr") == [], scene.clock.now
        scene.clock.now += 25
    assert scene.storer.stats().entries == 0  # the tombstone is gone as well


async def test_what_is_stored_again_and_again_does_not_live_for_ever(scene: Scene) -> None:
    captured = scene.alice.entry()
    lived = 0.0
    while (await store(scene.liar, scene.storer, OCR, captured)).kept:
        lived += 20
        scene.clock.now += 20
        assert lived < 1000
    assert lived <= 180 + 120 + 20  # its life, and the clock skew that is tolerated
    await scene.finds()


async def test_a_revoked_worker_is_gone_at_once_though_its_entries_are_everywhere(scene: Scene) -> None:
    for node in (scene.storer, scene.asker):
        await store(scene.liar, node, OCR, scene.alice.entry())
    await scene.finds("alice")
    tell_entries(scene.liar, [scene.alice.entry()])
    scene.revoked.add("alice")
    assert await scene.asker.find_service("ocr") == []
    await until(lambda: scene.refused(scene.asker, "revoked") > 0, "it was counted")


async def test_one_identity_cannot_fill_a_storage() -> None:
    async with scene_with(dataclasses.replace(CALM, caps=StorageCaps(per_identity=5))) as scene:
        mallory = scene.members["mallory"]
        for number in range(8):
            name = f"junk-{number}"
            answer = await store(scene.liar, scene.storer, records.service_key(name), mallory.entry(name=name))
            assert (answer.kept, answer.reason) == ((1, "") if number < 5 else (0, "full"))
        assert (await store(scene.liar, scene.storer, OCR, scene.alice.entry())).kept == 1
        await scene.finds("alice")


# --- answers that are not what they say ---------------------------------------------------------------------------


def forged(scene: Scene, message_id: bytes, sender: bytes, sink: Address) -> list[bytes]:
    """Return answers of every form, with Mallory's proof: the contact is a victim's, the entry Mallory's own."""
    mallory = scene.members["mallory"]
    proof = mallory.proof(message_id, (LOOPBACK, scene.asker.port))
    contact = messages.to_wire([Node(OCR[:19] + b"!", *sink)])
    tag = protocol_of(scene.liar)._mesh_tag
    made: list[Response] = [
        Pong(sender, proof),
        Found(sender, contact, 1, (mallory.entry(),), proof=proof),
        messages.Stored(sender, 1, "", proof),
    ]
    return [messages.encode(messages.RESPONSE, message_id, tag, response) for response in made]


async def test_answers_from_elsewhere_or_to_nothing_asked_do_not_count(scene: Scene) -> None:
    """Somebody who sees every question answers it first, from another address; the real one's ids are guessed."""
    await store(scene.liar, scene.storer, OCR, scene.alice.entry())
    async with raw_peer(scene.mesh) as spoofer, victims(1) as (victim,):
        sent = 0

        def spoof(data: bytes, address: Address) -> None:
            nonlocal sent
            if data[:1] != messages.REQUEST:
                return
            asked = {scene.storer.port: scene.storer.id, scene.liar.port: scene.liar.id}.get(address[1], b"?" * 20)
            message_id = data[1:21]
            for forgery in forged(scene, message_id, asked, victim.address):
                spoofer.send(scene.asker, forgery)  # the right message id, the wrong address
                sent += 1
            wrong_id = bytes(reversed(message_id))
            for forgery in forged(scene, wrong_id, asked, victim.address):
                # the right address, the wrong message id
                protocol_of(scene.liar).transport.sendto(forgery, (LOOPBACK, scene.asker.port))
                sent += 1

        before = scene.asker.stats().unsolicited
        Tap(scene.asker, spoof)
        for _ in range(5):
            assert {record.worker_id for record in await scene.asker.find_service("ocr")} <= {"alice"}
        await scene.finds("alice")
        await until(lambda: scene.asker.stats().unsolicited - before >= sent * 0.5, "forgeries are counted")
        assert victim.datagrams == 0
        assert {contact.port for contact in scene.asker.contacts()} == {scene.storer.port, scene.liar.port}


async def test_a_peer_that_answers_with_the_wrong_kind_is_as_good_as_silent(scene: Scene) -> None:
    await store(scene.liar, scene.storer, OCR, scene.alice.entry())
    before = scene.asker.stats().unsolicited
    answer_otherwise(scene.liar, lambda answer: Pong(answer.sender, answer.proof))
    await scene.finds("alice")
    assert await protocol_of(scene.asker).call_find_node(as_contact(scene.liar), Node(OCR)) is None
    await until(lambda: scene.asker.stats().unsolicited > before, "it was counted")


async def test_a_peer_that_claims_another_id_is_nobody(scene: Scene) -> None:
    """Mallory, with a good credential, says that she is whoever lies next to a key, or Alice."""
    for claimed in (OCR[:19] + b"!", scene.alice.id):
        impostor = scene.mesh.node(scene.members["mallory"], settings=CALM)
        impostor._server.node = Node(claimed)
        async with scene.mesh.running(impostor):
            before = scene.asker.stats().unproven
            impostor.set_bootstrap([(LOOPBACK, scene.asker.port)])
            await until(lambda: scene.asker.stats().unproven > before, "the claim was looked at")  # noqa: B023
            answer = await protocol_of(scene.asker).call_find_node(
                Node(claimed, LOOPBACK, impostor.port), Node(OCR)
            )
            assert answer is None
            assert impostor.port not in {contact.port for contact in scene.asker.contacts()}
            assert impostor.port not in {contact.port for contact in scene.storer.contacts()}


class Between(RawPeer):
    """Hands every question on to somebody else, and that one's answer back as his own."""

    def __init__(self, mesh: Mesh, asker: DhtNode, other: DhtNode) -> None:
        super().__init__(mesh)
        self._asker, self._other = (LOOPBACK, asker.port), (LOOPBACK, other.port)
        self.handed_back = 0

    def datagram_received(self, data: bytes, addr: Address) -> None:
        if addr == self._asker and data[:1] == messages.REQUEST:
            self.transport.sendto(data, self._other)
        elif addr == self._other and data[:1] == messages.RESPONSE:
            self.handed_back += 1
            self.transport.sendto(data, self._asker)


async def test_somebody_elses_proof_cannot_be_passed_on(scene: Scene) -> None:
    loop = asyncio.get_running_loop()
    transport, between = await loop.create_datagram_endpoint(
        lambda: Between(scene.mesh, scene.asker, scene.storer), local_addr=(LOOPBACK, 0)
    )
    try:
        before = scene.asker.stats().unproven
        asked = Node(scene.storer.id, LOOPBACK, between.port)
        assert await protocol_of(scene.asker).call_find_node(asked, Node(OCR)) is None
        assert between.handed_back > 0
        assert scene.asker.stats().unproven > before
        assert {contact.port for contact in scene.asker.contacts()} == {scene.storer.port, scene.liar.port}
    finally:
        transport.close()


async def test_a_revoked_peer_is_a_contact_no_more(scene: Scene) -> None:
    scene.revoked.add("mallory")
    for node in (scene.asker, scene.storer):
        await node.find_service("ocr")
        await until(
            lambda node=node: scene.liar.port not in {contact.port for contact in node.contacts()},  # type: ignore[misc]
            "nobody believes her any more",
        )
        assert "mallory" not in {peer.subject for peer in node.peers()}


# --- contacts that are not what they say --------------------------------------------------------------------------


async def test_told_contacts_are_not_added_and_who_is_told_is_not_flooded(scene: Scene) -> None:
    """The liar answers every question with contacts next to the key, all of them at three victims' addresses."""
    await store(scene.liar, scene.storer, OCR, scene.alice.entry())
    async with victims(3) as hit:
        tell_contacts(scene.liar, [victim.address for victim in hit], random.Random(5))
        for number in range(20):
            assert {record.worker_id for record in await scene.asker.find_service("ocr")} == {"alice"}
            assert await scene.asker.find_service(f"other-{number}") == []
        known = {contact.port for node in (scene.asker, scene.storer) for contact in node.contacts()}
        assert not known & {victim.address[1] for victim in hit}
        # Two at once and three in all make a silence of 5 s, which doubles: 40 lookups may take a minute here.
        assert 0 < max(victim.datagrams for victim in hit) < 20


async def test_a_member_is_not_flooded_with_questions_for_ids_that_are_not_his(scene: Scene) -> None:
    tell_contacts(scene.liar, [(LOOPBACK, scene.storer.port)], random.Random(6))
    before = scene.storer.stats().rpc_served
    lookups = 20
    for number in range(lookups):
        await scene.asker.find_service(f"other-{number}")
    assert scene.storer.stats().rpc_served - before <= 8 * lookups
    assert scene.storer.port in {contact.port for contact in scene.asker.contacts()}


async def test_nobody_elsewhere_can_send_us_to_programs_of_our_own_machine() -> None:
    """A peer across the network tells our loopback's ports; the network is played, the proof is real."""
    mesh = Mesh(Clock())
    node, peer = mesh.node("home"), mesh.member("peer")
    protocol = node._server._create_protocol()
    wire = Wire(protocol)
    answer = protocol.call_find_node(Node(peer.id, *PEER), Node(OCR))
    message_id = wire.sent[-1][0][1:21]
    told = messages.to_wire([Node(b"1" * 20, "127.0.0.1", 631), Node(b"2" * 20, "127.9.9.9", 53), Node(OCR, *PEER)])
    response = Found(peer.id, told, proof=peer.proof(message_id, HOME))
    protocol.datagram_received(messages.encode(messages.RESPONSE, message_id, protocol._mesh_tag, response), PEER)
    found_there = await answer
    assert isinstance(found_there, Found)
    assert [contact.port for contact in found_there.contacts] == [PEER[1]]
    await protocol.stop()
