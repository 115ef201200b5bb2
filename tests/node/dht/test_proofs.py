"""Proofs of ids: only the holder's own, fresh and for us counts; on real sockets nobody passes for another."""

from __future__ import annotations

from collections.abc import AsyncIterator

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from node.dht import messages
from node.dht.messages import FindNode, Found, Ping, Pong, Proof, Response
from node.dht.node import DhtNode
from node.dht.proofs import (
    IdentityProver,
    ProofError,
    check_proof,
    make_proof,
    node_id_of,
    pack_address,
    seen_from,
)
from node.dht.verifier import RecordVerifier
from node.wire import credentials
from node.wire.credentials import Credential
from node.wire.encoding import b64decode
from tests.support.dht_nodes import Clock, Member, Mesh, RawPeer, found, raw_peer, until, worker

ID, OTHER_ID = b"i" * 20, b"j" * 20
US = ("10.42.0.9", 8468)
PEER = ("10.42.0.2", 8468)


def credential_of(member: Member) -> Credential:
    return credentials.peek(member.credential)


# --- one proof ----------------------------------------------------------------------------------------------------


def test_a_good_proof_counts(alice: Member) -> None:
    check_proof(alice.proof(ID, US), credential_of(alice), alice.id, ID, US)
    check_proof(alice.proof(ID, US), credential_of(alice), alice.id, ID, None)


def test_an_id_follows_from_key_and_place(alice: Member) -> None:
    credential = credential_of(alice)
    assert node_id_of(credential) == alice.id
    assert node_id_of(msgspec.structs.replace(credential, place=b"elsewher")) != alice.id
    assert node_id_of(msgspec.structs.replace(credential, public_key=b"k" * 32)) != alice.id
    assert node_id_of(msgspec.structs.replace(credential, issued_at=0, trust="vetted")) == alice.id


@pytest.mark.parametrize("seen", [("10.42.0.3", 8468), ("10.42.0.9", 8469), ("fd00::9", 8468)])
def test_a_proof_made_for_somebody_else_does_not_count(alice: Member, seen: tuple[str, int]) -> None:
    with pytest.raises(ProofError, match="for somebody else"):
        check_proof(alice.proof(ID, seen), credential_of(alice), alice.id, ID, US)
    check_proof(alice.proof(ID, seen), credential_of(alice), alice.id, ID, None)  # behind address translation


def test_a_proof_cannot_be_changed_or_used_again(alice: Member) -> None:
    proof = alice.proof(ID, US)
    other = pack_address(("10.42.0.10", 8468))
    for bad, message_id in (
        (proof, OTHER_ID),
        (msgspec.structs.replace(proof, seen=other), ID),
        (msgspec.structs.replace(proof, signature=bytes(64)), ID),
        (msgspec.structs.replace(proof, signature=b""), ID),
    ):
        with pytest.raises(ProofError, match="not signed by alice"):
            check_proof(bad, credential_of(alice), alice.id, message_id, None)


def test_a_stolen_credential_or_a_borrowed_id_does_not_help(alice: Member, bob: Member) -> None:
    stolen = make_proof(bob.identity, b64decode(alice.credential), ID, US)
    with pytest.raises(ProofError, match="not signed by alice"):
        check_proof(stolen, credential_of(alice), alice.id, ID, US)
    with pytest.raises(ProofError, match="bob claims the id of somebody else"):
        check_proof(bob.proof(ID, US), credential_of(bob), alice.id, ID, US)


def test_a_key_that_is_no_key_is_refused(alice: Member) -> None:
    credential = msgspec.structs.replace(credential_of(alice), public_key=b"\xff" * 32)
    with pytest.raises(ProofError, match="not signed"):
        check_proof(alice.proof(ID, US), credential, node_id_of(credential), ID, US)


@pytest.mark.parametrize(
    ("own", "asked", "known"),
    [
        ("10.42.3.4", "10.42.200.1", True),
        ("10.42.3.4", "10.43.3.4", False),
        ("10.42.3.4", "192.0.2.1", False),
        ("127.0.0.1", "127.0.0.2", True),
        ("127.0.0.1", "192.0.2.1", False),
        ("192.0.2.1", "127.0.0.1", False),
        ("::1", "::1", True),
        ("fd00:1:2:3::1", "fd00:1:2:ffff::9", True),
        ("fd00:1:2:3::1", "fd00:1:3::9", False),
        ("::1", "127.0.0.1", False),
    ],
)
def test_own_address_is_known_where_nobody_translates_it(own: str, asked: str, known: bool) -> None:
    assert seen_from((own, 5), (asked, 6)) == ((own, 5) if known else None)


def test_bound_to_every_address_nothing_is_known() -> None:
    assert seen_from(None, PEER) is None


# --- who has proved -----------------------------------------------------------------------------------------------


class Prover(IdentityProver):
    """The prover of somebody called me."""

    def __init__(self, mesh: Mesh, clock: Clock, revoked: set[str], most: int = 4096) -> None:
        me = mesh.member("me")
        verifier = RecordVerifier(mesh.key.public_key(), revoked)
        super().__init__(me.identity, b64decode(me.credential), verifier, clock, most)

    def hear(self, member: Member, address: tuple[str, int] = PEER) -> Credential:
        return self.check(member.id, address, ID, member.proof(ID, US), US)


@pytest.fixture
def revoked() -> set[str]:
    return set()


@pytest.fixture
def prover(mesh: Mesh, clock: Clock, revoked: set[str]) -> Prover:
    return Prover(mesh, clock, revoked)


def test_what_we_prove_others_believe(prover: Prover, mesh: Mesh, clock: Clock) -> None:
    other = Prover(mesh, clock, set())
    mine = credentials.verify_bytes(prover.credential, mesh.key.public_key(), clock.now)
    assert other.check(node_id_of(mine), PEER, ID, prover.prove(ID, US), US) == mine


def test_who_has_proved_is_remembered_at_that_address_only(prover: Prover, alice: Member, bob: Member) -> None:
    assert not prover.is_proved(alice.id, PEER)
    assert prover.hear(alice).subject == "alice"
    assert prover.is_proved(alice.id, PEER)
    assert not prover.is_proved(alice.id, (PEER[0], 9))
    assert not prover.is_proved(bob.id, PEER)


def test_a_bad_proof_is_not_remembered(prover: Prover, alice: Member, clock: Clock) -> None:
    stranger = Mesh(clock).member("alice")
    with pytest.raises(ProofError, match="not signed by this mesh"):
        prover.hear(stranger)
    with pytest.raises(ProofError, match="impossible length"):
        prover.check(alice.id, PEER, ID, Proof(b"", pack_address(US), b""), US)
    with pytest.raises(ProofError, match="for somebody else"):
        prover.check(alice.id, PEER, ID, alice.proof(ID, PEER), US)
    assert len(prover) == 0


def test_a_proof_holds_until_the_credential_ends(prover: Prover, mesh: Mesh, clock: Clock) -> None:
    brief = mesh.member("brief", life=60)
    prover.hear(brief)
    clock.now += 60 + 119
    assert prover.is_proved(brief.id, PEER)
    clock.now += 3
    assert not prover.is_proved(brief.id, PEER)
    with pytest.raises(ProofError, match="expired"):
        prover.hear(brief)
    assert len(prover) == 0


def test_revocation_counts_at_once(prover: Prover, alice: Member, revoked: set[str]) -> None:
    prover.hear(alice)
    revoked.add("alice")
    assert prover.credential_of(alice.id, PEER) is None
    with pytest.raises(ProofError, match="revoked"):
        prover.hear(alice)


def test_memory_is_bounded_and_who_is_asked_about_stays(mesh: Mesh, clock: Clock, alice: Member) -> None:
    prover = Prover(mesh, clock, set(), most=5)
    prover.hear(alice)
    for port in range(1, 50):
        prover.hear(mesh.member(f"w{port}"), ("10.42.0.3", port))
        assert prover.is_proved(alice.id, PEER)
    assert len(prover) == 5


# --- on real sockets ----------------------------------------------------------------------------------------------


@pytest.fixture
async def node(mesh: Mesh, revoked: set[str]) -> AsyncIterator[DhtNode]:
    async with mesh.running(mesh.node("victim", revoked=revoked)) as (started,):
        yield started


@pytest.fixture
async def peer(mesh: Mesh) -> AsyncIterator[RawPeer]:
    async with raw_peer(mesh) as opened:
        yield opened


async def refuses(node: DhtNode, peer: RawPeer, answer: Response, message_id: bytes) -> None:
    """Answer the node's ping and see that the answer counts for nothing."""
    before = node.stats().unproven
    peer.respond(node, message_id, answer)
    await until(lambda: node.stats().unproven > before, "the answer was counted as unproven")
    assert node.contacts() == []
    assert node.peers() == []


async def pinged(node: DhtNode, peer: RawPeer) -> bytes:
    """Have the node ping the peer; return the ping's id."""
    node.set_bootstrap([("127.0.0.1", peer.port)])
    message_id, request = await peer.receive(messages.REQUEST)
    assert isinstance(request, Ping)
    assert request.prove
    return message_id


async def test_without_a_proof_nobody_is_a_contact(node: DhtNode, peer: RawPeer, alice: Member) -> None:
    await refuses(node, peer, Pong(alice.id), await pinged(node, peer))


async def test_an_id_that_is_not_the_keys_is_refused(node: DhtNode, peer: RawPeer, alice: Member) -> None:
    message_id = await pinged(node, peer)
    await refuses(node, peer, Pong(b"x" * 20, alice.proof(message_id, ("127.0.0.1", node.port))), message_id)


async def test_a_proof_of_another_mesh_is_refused(
    node: DhtNode, peer: RawPeer, clock: Clock, alice: Member
) -> None:
    message_id = await pinged(node, peer)
    eve = Mesh(clock).member("alice")
    await refuses(node, peer, Pong(eve.id, eve.proof(message_id, ("127.0.0.1", node.port))), message_id)


async def test_an_expired_credential_is_refused(node: DhtNode, peer: RawPeer, clock: Clock, mesh: Mesh) -> None:
    brief = mesh.member("brief", life=60)
    clock.now += 300
    message_id = await pinged(node, peer)
    await refuses(node, peer, Pong(brief.id, brief.proof(message_id, ("127.0.0.1", node.port))), message_id)


async def test_a_revoked_credential_is_refused(
    node: DhtNode, peer: RawPeer, revoked: set[str], alice: Member
) -> None:
    revoked.add("alice")
    message_id = await pinged(node, peer)
    await refuses(node, peer, Pong(alice.id, alice.proof(message_id, ("127.0.0.1", node.port))), message_id)


async def test_a_proof_of_a_foreign_key_is_refused(node: DhtNode, peer: RawPeer, alice: Member) -> None:
    message_id = await pinged(node, peer)
    alice.identity = Ed25519PrivateKey.generate()
    await refuses(node, peer, Pong(alice.id, alice.proof(message_id, ("127.0.0.1", node.port))), message_id)


async def test_a_relayed_proof_is_refused(node: DhtNode, mesh: Mesh) -> None:
    """A member in the middle hands our request on to an honest node, and its good proof back to us."""
    async with mesh.running(mesh.node("honest")) as (honest,), raw_peer(mesh) as mallory:
        message_id = await pinged(node, mallory)
        mallory.request(honest, Ping(b"m" * 20, prove=True), message_id)
        answer = await mallory.answer(honest)
        assert isinstance(answer, Pong)
        assert answer.proof is not None
        await refuses(node, mallory, answer, message_id)
        node.set_bootstrap([("127.0.0.1", honest.port)])
        await until(lambda: [peer.port for peer in node.peers()] == [honest.port], "the honest one itself counts")


async def test_a_replayed_proof_is_refused(node: DhtNode, peer: RawPeer, alice: Member) -> None:
    old = alice.proof(b"o" * 20, ("127.0.0.1", node.port))
    await refuses(node, peer, Pong(alice.id, old), await pinged(node, peer))


async def test_a_peer_proves_itself_once(node: DhtNode, peer: RawPeer, alice: Member) -> None:
    peer.pong(node, await pinged(node, peer), alice)
    message_id, request = await peer.receive(messages.REQUEST)
    while isinstance(request, Ping):
        peer.pong(node, message_id, alice)
        message_id, request = await peer.receive(messages.REQUEST)
    assert isinstance(request, FindNode)
    assert not request.prove
    peer.respond(node, message_id, Found(alice.id, ()))
    await until(lambda: node.stats().contacts == 1, "its answer without a proof counts")
    assert node.stats().unproven == 0


async def test_the_revoked_are_dropped_and_told_to_nobody(node: DhtNode, mesh: Mesh, revoked: set[str]) -> None:
    async with mesh.running(mesh.node("good"), mesh.node("bad")) as (good, bad), raw_peer(mesh) as asker:
        for each in (good, bad):
            each.set_bootstrap([("127.0.0.1", node.port)])
        await until(lambda: len(node.peers()) == 2, "joined")
        revoked.add("bad")
        assert [peer.subject for peer in node.peers()] == ["good"]
        assert [contact.port for contact in node.contacts()] == [good.port]
        asker.request(node, FindNode(b"a" * 20, b"k" * 20))
        told = await asker.answer(node)
        assert isinstance(told, Found)
        assert [contact.port for contact in told.contacts] == [good.port]
        router = node._server.protocol.router  # type: ignore[union-attr]
        await until(lambda: len(router) == 1, "it is dropped from the table too")


async def test_a_peer_whose_credential_ended_comes_back_with_a_new_one(
    node: DhtNode, mesh: Mesh, clock: Clock
) -> None:
    brief = mesh.member("brief", life=60)
    async with mesh.running(mesh.node(brief)) as (other,):
        other.set_bootstrap([("127.0.0.1", node.port)])
        await until(lambda: node.peers() and other.peers(), "joined")
        clock.now += 300
        assert node.peers() == []
        brief.renew(life=3600)
        other.renew(brief.credential)
        await until(lambda: [peer.subject for peer in node.peers()] == ["brief"], "it is back")
        await other.publish(worker("brief"), ["ocr"])
        await found(node, "ocr", "brief")


async def test_a_credential_for_another_place_is_not_proved_with(
    node: DhtNode, mesh: Mesh, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    before = node.id
    node.renew(Mesh(clock).member("victim").credential)
    assert "another place" in caplog.text
    assert node.id == before
    async with mesh.running(mesh.node("one")) as (one,):
        one.set_bootstrap([("127.0.0.1", node.port)])
        await until(lambda: [peer.subject for peer in one.peers()] == ["victim"], "it still proves its old id")
