"""Datagrams: the same after the journey, never too large, and nothing else gets in."""

from __future__ import annotations

import ipaddress

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from kademlia.node import Node

from node.dht import messages
from node.dht.messages import (
    FindNode,
    FindValue,
    ForeignError,
    Found,
    MalformedError,
    Ping,
    Pong,
    Request,
    Response,
    Store,
    Stored,
    WireContact,
)

TAG = b"mesh"
ID = b"i" * 20
KEYS = st.binary(min_size=20, max_size=20)
MARKS = st.lists(st.binary(min_size=4, max_size=4), max_size=messages.MOST_MARKS).map(tuple)
CONTACTS = st.builds(
    WireContact, id=KEYS, host=st.ip_addresses().map(lambda ip: ip.packed), port=st.integers(1, 65535)
)
REQUESTS = st.one_of(
    st.builds(Ping, sender=KEYS),
    st.builds(FindNode, sender=KEYS, key=KEYS),
    st.builds(FindValue, sender=KEYS, key=KEYS, known=MARKS),
    st.builds(Store, sender=KEYS, key=KEYS, entries=st.lists(st.binary(max_size=300), max_size=3).map(tuple)),
)
RESPONSES = st.one_of(
    st.builds(Pong, sender=KEYS),
    st.builds(
        Found,
        sender=KEYS,
        contacts=st.lists(CONTACTS, max_size=4).map(tuple),
        total=st.integers(0, 10**6),
        entries=st.lists(st.binary(max_size=300), max_size=3).map(tuple),
    ),
    st.builds(Stored, sender=KEYS, kept=st.integers(0, 16), reason=st.text(max_size=8)),
)


@given(REQUESTS)
def test_a_request_arrives_as_it_was(request: Request) -> None:
    data = messages.encode(messages.REQUEST, ID, TAG, request)
    message_id, arrived = messages.decode(data, TAG)
    assert (message_id, msgspec.structs.replace(arrived, padding=b"")) == (ID, request)
    assert len(data) >= messages.least_bytes(request)


@given(RESPONSES)
def test_a_response_arrives_as_it_was(response: Response) -> None:
    data = messages.encode(messages.RESPONSE, ID, TAG, response)
    assert messages.decode(data, TAG) == (ID, response)


@given(st.binary(max_size=1300))
@settings(max_examples=300)
def test_random_bytes_are_refused(data: bytes) -> None:
    with pytest.raises((MalformedError, ForeignError)):
        messages.decode(data, TAG)


@given(st.sampled_from([messages.REQUEST, messages.RESPONSE]), st.binary(max_size=400))
@settings(max_examples=300)
def test_random_bytes_behind_a_good_header_are_refused_or_a_message(kind: bytes, data: bytes) -> None:
    try:
        message_id, message = messages.decode(kind + ID + TAG + data, TAG)
    except MalformedError:
        return
    assert message_id == ID
    assert isinstance(message, Request if kind == messages.REQUEST else Response)


@given(REQUESTS, st.data())
def test_a_truncated_datagram_is_refused(request: Request, data: st.DataObject) -> None:
    whole = messages.encode(messages.REQUEST, ID, TAG, request)
    length = data.draw(st.integers(0, len(whole) - 1))
    with pytest.raises((MalformedError, ForeignError)):
        messages.decode(whole[:length], TAG)


def test_a_response_is_not_taken_for_a_request() -> None:
    data = messages.encode(messages.RESPONSE, ID, TAG, Pong(ID))
    with pytest.raises(MalformedError):
        messages.decode(messages.REQUEST + data[1:], TAG)


def test_another_mesh_is_foreign() -> None:
    with pytest.raises(ForeignError):
        messages.decode(messages.encode(messages.REQUEST, ID, b"else", Ping(ID)), TAG)


def test_nothing_larger_than_a_datagram_is_sent_or_read() -> None:
    with pytest.raises(ValueError, match="too large"):
        messages.encode(messages.REQUEST, ID, TAG, Store(ID, ID, (b"x" * 1200,)))
    with pytest.raises(MalformedError):
        messages.decode(messages.REQUEST + ID + TAG + bytes(1200), TAG)


def test_deeply_nested_bytes_are_refused() -> None:
    with pytest.raises(MalformedError):
        messages.decode(messages.REQUEST + ID + TAG + b"\x91" * 1100, TAG)


def test_twenty_contacts_and_a_largest_entry_fit() -> None:
    node = Node(ID, str(ipaddress.IPv6Address(2**127)), 65535)
    contacts = messages.to_wire([node] * 25)
    room = messages.MAX_DATAGRAM - messages.ENVELOPE_BYTES
    assert room >= messages.CONTACT_BYTES * 25
    messages.encode(messages.RESPONSE, ID, TAG, Found(ID, contacts))
    entries = (b"x" * (messages.ENTRY_ROOM // 2 - 3),) * 2
    messages.encode(messages.RESPONSE, ID, TAG, Found(ID, contacts[:2], 2**31, entries))
    messages.encode(messages.REQUEST, ID, TAG, Store(ID, ID, entries))


def test_only_contacts_that_the_socket_can_reach_are_used() -> None:
    told = [
        WireContact(ID, ipaddress.ip_address("127.0.0.1").packed, 8468),
        WireContact(ID, ipaddress.ip_address("::1").packed, 8468),
        WireContact(ID, ipaddress.ip_address("224.0.0.1").packed, 8468),
        WireContact(ID, ipaddress.ip_address("0.0.0.0").packed, 8468),
        WireContact(ID, ipaddress.ip_address("255.255.255.255").packed, 8468),
        WireContact(ID, b"12345", 8468),
    ]
    assert [tuple(node) for node in messages.from_wire(told, 4)] == [(ID, "127.0.0.1", 8468)]
    assert [tuple(node) for node in messages.from_wire(told, 16)] == [(ID, "::1", 8468)]


def test_fitting_takes_the_longest_beginning() -> None:
    assert messages.fitting("abcd", [3, 3, 3, 3], 8) == "ab"
    assert messages.fitting("abcd", [9, 1, 1, 1], 8) == ""
