"""Contacts: exactly the nearest are found, the dead go, and nobody can talk a living one away."""

from __future__ import annotations

import random

import pytest
from kademlia.node import Node

from node.dht.table import FRESH_FOR, ContactTable
from tests.support.dht_nodes import Clock


def node(number: int, port: int = 1000) -> Node:
    return Node(number.to_bytes(20, "big"), "127.0.0.1", port)


@pytest.fixture
def rng() -> random.Random:
    return random.Random(11)


@pytest.fixture
def table(rng: random.Random) -> ContactTable:
    return ContactTable(node(rng.getrandbits(160)), ksize=4)


def test_the_nearest_of_all_are_found_after_many_splits(table: ContactTable, rng: random.Random) -> None:
    for _ in range(500):
        table.add_contact(node(rng.getrandbits(160)))
    everybody = list(table)
    assert len(everybody) == len(table) > 40
    for _ in range(50):
        target = node(rng.getrandbits(160))
        nearest = sorted(everybody, key=target.distance_to)[:4]
        assert table.find_neighbors(target) == nearest
        assert table.find_neighbors(target, exclude=nearest[0])[0] is nearest[1]


def test_it_stays_small_however_many_come(table: ContactTable, rng: random.Random) -> None:
    for _ in range(5000):
        table.add_contact(node(rng.getrandbits(160)))
    assert len(table) < 1000
    assert all(len(bucket.replacement_nodes) <= bucket.max_replacement_nodes for bucket in table.buckets)


def test_a_full_bucket_names_the_contact_to_ping(rng: random.Random) -> None:
    clock = Clock()
    table = ContactTable(node(1), ksize=2, clock=clock)
    far = [node(2**159 + rng.getrandbits(159)) for _ in range(400)]
    to_ping = [table.add_contact(contact) for contact in far[:200]]
    assert to_ping == [None] * 200  # all that are there have answered just now
    clock.now += FRESH_FOR
    to_ping = [table.add_contact(contact) for contact in far[200:]]
    pinged = [contact for contact in to_ping if contact is not None]
    assert pinged
    assert len(set(pinged)) == len(pinged)  # nobody is asked twice while the answer may be on its way
    assert {contact.id for contact in pinged} <= {contact.id for contact in table}


def test_room_is_told_as_it_is(rng: random.Random) -> None:
    table = ContactTable(node(1), ksize=2)
    for contact in (node(rng.getrandbits(160)) for _ in range(500)):
        had_room = table.has_room_for(contact)
        table.add_contact(contact)
        if not had_room:
            assert table.known(contact.id) is None
    assert not table.has_room_for(node(2**160 - 1))
    assert table.has_room_for(node(2))


def test_a_dropped_contact_is_replaced_by_one_that_was_turned_away(rng: random.Random) -> None:
    clock = Clock()
    table = ContactTable(node(1), ksize=2, clock=clock)
    far = [node(2**159 + rng.getrandbits(159)) for _ in range(300)]
    for contact in far[:200]:
        table.add_contact(contact)
    clock.now += FRESH_FOR
    pinged = next(contact for contact in map(table.add_contact, far[200:]) if contact is not None)
    before = len(table)
    assert table.missed(pinged)
    assert table.missed(pinged)
    assert not table.missed(pinged)
    assert table.known(pinged.id) is None
    assert len(table) == before


def test_one_lost_answer_makes_a_suspect_and_three_in_a_row_drop_it(table: ContactTable) -> None:
    contact, other = node(77), node(78)
    table.add_contact(contact)
    table.add_contact(other)
    assert table.missed(contact)
    assert contact.id in table.suspects
    assert table.find_neighbors(node(76), trusted=True) == table.find_living(node(76)) == [other]
    assert set(table.find_neighbors(node(76))) == {contact, other}
    table.add_contact(contact)  # it answered
    assert contact.id not in table.suspects
    assert table.missed(contact)
    assert table.missed(contact)
    assert table.missed(other)
    assert set(table.find_living(node(76))) == {contact, other}  # better than nobody
    assert not table.missed(contact)
    assert table.known(contact.id) is None


def test_a_wrong_address_of_somebody_does_not_harm_him(table: ContactTable) -> None:
    table.add_contact(node(77, port=1000))
    elsewhere = node(77, port=2000)
    assert not table.missed(elsewhere)
    table.remove_contact(elsewhere)
    known = table.known(node(77).id)
    assert known is not None
    assert known.port == 1000
    assert known.id not in table.suspects


def test_a_quiet_bucket_is_lonely_until_somebody_looks_there() -> None:
    table = ContactTable(node(1), ksize=2, refresh_after=0.0)
    assert len(table.lonely_buckets()) == 1
    patient = ContactTable(node(1), ksize=2)
    assert patient.lonely_buckets() == []
