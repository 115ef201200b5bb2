"""Answers: always within the room that there is, with a proof where it fits, and never naming the unproved."""

from __future__ import annotations

import ipaddress
import random

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from kademlia.node import Node

from node.dht import messages, records
from node.dht.answering import ENTRIES_PER_TOKEN, Answerer
from node.dht.messages import (
    BARE_BYTES,
    FIND_BYTES,
    MAX_DATAGRAM,
    MOST_TIMES,
    PLAIN_BYTES,
    PROOF_BYTES,
    PROVE_BYTES,
    FindNode,
    FindValue,
    Found,
    Ping,
    Pong,
    Proof,
    Store,
    Stored,
)
from node.dht.proofs import IdentityProver
from node.dht.stats import Counters
from node.dht.storage import MergingStorage, StorageCaps
from node.dht.table import ContactTable
from node.dht.verifier import RecordVerifier
from node.wire.credentials import Role
from node.wire.encoding import b64decode
from tests.support.dht_nodes import Clock, Member, Mesh, worker

OCR, LLM = records.service_key("ocr"), records.service_key("llm")
ID, TAG = b"i" * 20, b"mesh"
V6 = ipaddress.IPv6Address(2**128 - 2)


class Lab:
    """An answerer that has 60 proved contacts and ten entries of one service."""

    def __init__(self) -> None:
        clock = Clock()
        self.mesh = Mesh(clock)
        self.revoked: set[str] = set()
        self.counters = Counters()
        self.me = self.mesh.member("me")
        self.contacts = [self.mesh.member(f"w{n}") for n in range(60)]
        verifier = RecordVerifier(self.mesh.key.public_key(), self.revoked)
        self.prover = IdentityProver(self.me.identity, b64decode(self.me.credential), verifier, clock)
        self.table = ContactTable(Node(self.me.id), 20)
        storage = MergingStorage(verifier, clock, StorageCaps(), random.Random(5), lambda error: None)
        for number, member in enumerate(self.contacts):
            address = str(V6 - number), 1 + number
            self.prover.check(member.id, address, ID, member.proof(ID, ("127.0.0.1", 5)), None)
            self.table.add_contact(Node(member.id, *address))
        for member in self.contacts[:10]:
            storage.put(OCR, member.entry(record=worker(member.subject)))
        self.answerer = Answerer(self.me.id, self.table, storage, self.prover, self.counters)
        self.asker = Node(b"a" * 20, "10.42.0.9", 8468)

    def answer(self, request: messages.Request, room: int = MAX_DATAGRAM) -> messages.Response:
        return self.answerer.answer(request, self.asker, ID, room)


@pytest.fixture(scope="module")
def whole() -> Lab:
    return Lab()


@pytest.fixture
def lab(whole: Lab) -> Lab:
    whole.revoked.clear()
    return whole


KEYS = st.sampled_from([OCR, records.service_key("nothing"), b"\0" * 20, b"\xff" * 20])
REQUESTS = st.one_of(
    st.builds(Ping, sender=KEYS, prove=st.booleans()),
    st.builds(FindNode, sender=KEYS, key=KEYS, prove=st.booleans()),
    st.builds(FindValue, sender=KEYS, key=KEYS, prove=st.booleans()),
    st.builds(
        Store,
        sender=KEYS,
        key=KEYS,
        entries=st.lists(st.binary(max_size=90), max_size=5).map(tuple),
        prove=st.booleans(),
    ),
)


@given(REQUESTS, st.integers(BARE_BYTES, MAX_DATAGRAM))
@settings(max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_an_answer_never_takes_more_than_its_room(lab: Lab, request: messages.Request, room: int) -> None:
    data = messages.encode(messages.RESPONSE, ID, TAG, lab.answer(request, room))
    assert len(data) <= room


def test_the_room_that_honest_requests_pay_for_is_enough() -> None:
    assert MOST_TIMES * FIND_BYTES >= MAX_DATAGRAM
    assert MOST_TIMES * PROVE_BYTES >= BARE_BYTES + PROOF_BYTES + PROVE_BYTES
    assert MOST_TIMES * PLAIN_BYTES >= BARE_BYTES + PROVE_BYTES


@pytest.mark.parametrize("role", ["worker", "coordinator"])
def test_the_largest_proof_fits(mesh: Mesh, role: Role) -> None:
    member = mesh.member("w" * 64, role)
    proof = member.proof(ID, (str(V6), 65535))
    assert len(msgspec.msgpack.encode(proof)) <= PROOF_BYTES
    pong = messages.encode(messages.RESPONSE, ID, TAG, Pong(member.id, proof))
    assert len(pong) <= BARE_BYTES + PROOF_BYTES


@pytest.mark.parametrize("bare", [Pong(ID), Found(ID, (), 2**64 - 1), Stored(ID, 16, "too-large")])
def test_bare_answers_fit(bare: messages.Response) -> None:
    assert len(messages.encode(messages.RESPONSE, ID, TAG, bare)) <= BARE_BYTES


def test_a_proof_comes_when_it_was_asked_for_and_fits(lab: Lab) -> None:
    for request in (Ping(ID, prove=True), FindNode(ID, OCR, prove=True), FindValue(ID, OCR, prove=True)):
        assert isinstance(lab.answer(request).proof, Proof)
        assert lab.answer(request, 200).proof is None
        assert lab.answer(msgspec.structs.replace(request, prove=False)).proof is None


def test_entries_and_contacts_share_a_datagram_also_with_a_proof(lab: Lab) -> None:
    plain, proved = lab.answer(FindValue(ID, OCR)), lab.answer(FindValue(ID, OCR, prove=True))
    assert isinstance(plain, Found)
    assert isinstance(proved, Found)
    assert plain.total == proved.total == 10
    assert len(plain.entries) > len(proved.entries) >= 1
    assert plain.contacts
    assert proved.contacts


def test_with_much_room_the_nearest_k_are_told(lab: Lab) -> None:
    found = lab.answer(FindNode(ID, OCR))
    assert isinstance(found, Found)
    nearest = sorted(lab.table, key=Node(OCR).distance_to)[:20]
    assert [contact.id for contact in found.contacts] == [node.id for node in nearest]
    few = lab.answer(FindNode(ID, OCR), 300)
    assert isinstance(few, Found)
    assert few.contacts == found.contacts[: len(few.contacts)]
    assert 1 <= len(few.contacts) < 10


def test_the_revoked_are_never_told(lab: Lab) -> None:
    gone: list[Member] = sorted(lab.contacts, key=lambda member: Node(member.id).distance_to(Node(OCR)))[:3]
    lab.revoked.update(member.subject for member in gone)
    found = lab.answer(FindNode(ID, OCR))
    assert isinstance(found, Found)
    assert found.contacts
    assert not {contact.id for contact in found.contacts} & {member.id for member in gone}


def test_what_is_stored_and_why_the_rest_is_not(lab: Lab) -> None:
    good = lab.mesh.member("late").entry()
    stored = lab.answer(Store(ID, OCR, (good, b"junk" * 30)))
    assert (stored.kept, stored.reason) == (1, "malformed")  # type: ignore[union-attr]
    assert lab.counters.rejected["malformed"] >= 1


def test_what_takes_long_costs_more(lab: Lab) -> None:
    assert lab.answerer.cost(Ping(ID)) == lab.answerer.cost(FindNode(ID, OCR)) == 0
    assert lab.answerer.cost(Store(ID, OCR, ())) == lab.answerer.cost(Store(ID, OCR, (b"x",))) == 0
    assert lab.answerer.cost(Store(ID, OCR, (b"x",) * 16)) == 15
    assert lab.answerer.cost(FindValue(ID, OCR)) == 0
    for number in range(2 * ENTRIES_PER_TOKEN):
        lab.answer(Store(ID, LLM, (lab.mesh.member(f"m{number}").entry(name="llm"),)))
    assert lab.answerer.cost(FindValue(ID, LLM)) == 2
