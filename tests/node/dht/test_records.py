"""Entries: small, signed, and the same after the journey."""

from __future__ import annotations

import ipaddress

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from node.dht import records
from node.dht.records import Body, Kind, Offer, Post, RecordTooLargeError, Sheet
from node.wire.encoding import b64decode
from node.wire.messages import Capabilities, CoordinatorInfo, Endpoints, WorkerRecord
from tests.support.dht_nodes import Mesh, coordinator, worker

PORTS = st.integers(1, 65535)
HOSTS = st.one_of(
    st.ip_addresses(v=4).map(str),
    st.ip_addresses(v=6).map(str),
    st.from_regex(r"\A[a-z][a-z0-9-]{0,30}\.(local|example)\Z"),
    st.sampled_from(["fe80::1%eth0", "::0001", "1.2.3.4.example", "abcd", "sixteen-letters1"]),
)
SERVICES = st.lists(st.from_regex(r"\A[a-z0-9][a-z0-9-]{0,20}\Z"), max_size=6, unique=True).map(
    lambda names: tuple(sorted(names))
)
RECORDS = st.builds(
    WorkerRecord,
    worker_id=st.just("alice"),
    endpoints=st.builds(
        Endpoints,
        port=PORTS,
        dht_port=st.none() | PORTS,
        vpn_ip=st.none() | HOSTS,
        direct_hosts=st.lists(HOSTS, max_size=3).map(tuple),
        tunnel_url=st.none() | st.just("https://some-words-here.trycloudflare.com"),
    ),
    services=SERVICES,
    capabilities=st.builds(
        Capabilities,
        worker_type=st.sampled_from(["gpu", "edge", "storage", "cpu"]),
        os=st.text(max_size=20),
        cpu_cores=st.integers(0, 512),
        ram_bytes=st.integers(0, 2**45),
        has_gpu=st.booleans(),
        disk_free_bytes=st.integers(0, 2**50),
    ),
    load=st.integers(0, 1000).map(lambda permille: permille / 1000),
    in_flight=st.integers(0, 10_000),
    last_seen=st.just(7.0),
    relays=st.sampled_from([(), ("boss",), ("boss", "c" * 64)]),
)


@given(RECORDS)
def test_a_worker_record_comes_back_as_it_was(record: WorkerRecord) -> None:
    payload = records.decode_payload(Kind.WORKER, records.worker_payload(record, 1000))
    assert isinstance(payload, Sheet)
    assert records.worker_record("alice", payload, 7.0) == record


@given(RECORDS)
def test_an_offer_tells_where_and_how_busy(record: WorkerRecord) -> None:
    payload = records.decode_payload(Kind.SERVICE, records.service_payload(record, 1000))
    assert isinstance(payload, Offer)
    there = records.worker_record("alice", payload, 7.0, "ocr")
    assert there == msgspec.structs.replace(record, services=("ocr",), capabilities=Capabilities())


@given(host=HOSTS)
def test_a_host_comes_back_as_it_was(host: str) -> None:
    packed = records.pack_host(host)
    assert records.unpack_host(packed) == host
    assert len(packed) <= max(17, 1 + len(host))


@given(data=st.binary(max_size=20))
def test_bytes_that_are_no_host_are_refused_or_safe(data: bytes) -> None:
    try:
        host = records.unpack_host(data)
    except ValueError:
        return
    assert records.unpack_host(records.pack_host(host)) == host


@given(data=st.binary(max_size=1200))
@settings(max_examples=300)
def test_random_bytes_are_a_value_error_or_an_entry(data: bytes) -> None:
    try:
        body, signed, signature = records.split(data)
    except ValueError:
        return
    assert isinstance(body, Body)
    assert signed + signature == data


@given(data=st.binary(max_size=200), kind=st.sampled_from(Kind))
def test_random_payloads_are_a_value_error_or_a_payload(data: bytes, kind: Kind) -> None:
    try:
        payload = records.decode_payload(kind, data)
    except ValueError:
        return
    assert isinstance(payload, Offer | Sheet | Post)


def test_a_coordinator_comes_back_as_it_was() -> None:
    payload = records.decode_payload(Kind.COORDINATORS, records.coordinator_payload(coordinator("boss"), 500))
    assert isinstance(payload, Post)
    assert records.coordinator_info("boss", payload) == coordinator("boss")


def test_a_usual_service_entry_is_small_enough_for_three_in_a_datagram(mesh: Mesh) -> None:
    member = mesh.member("volunteer-laptop-7f3a")
    assert len(member.entry(Kind.SERVICE, "document-processing")) < 340


def test_the_longest_names_and_most_addresses_still_fit(mesh: Mesh) -> None:
    name, subject = "s" * 64, "w" * 64
    hosts = tuple(str(ipaddress.IPv6Address(2**127 + number)) for number in range(8))
    tunnel = "https://" + "t" * 60 + ".example.org"
    endpoints = Endpoints(port=65535, dht_port=65535, vpn_ip="10.42.0.1", direct_hosts=hosts, tunnel_url=tunnel)
    record = WorkerRecord(worker_id=subject, endpoints=endpoints, services=tuple("x" * 60 for _ in range(64)))
    record = msgspec.structs.replace(record, relays=("c" * 64, "d" * 64))
    member = mesh.member(subject)
    credential = b64decode(member.credential)
    for kind, make in ((Kind.SERVICE, records.service_payload), (Kind.WORKER, records.worker_payload)):
        own_name = name if kind is Kind.SERVICE else ""
        payload = make(record, records.room_for_payload(kind, own_name, credential))
        data = member.entry(kind, own_name, payload=payload)
        assert len(data) <= kind.max_bytes
        decoded = records.decode_payload(kind, payload)
        offer = decoded if isinstance(decoded, Offer) else decoded.offer  # type: ignore[union-attr]
        assert offer.port == 65535


def test_what_the_relay_is_reached_by_is_told_longer_than_a_tunnel(mesh: Mesh) -> None:
    tunnel = "https://" + "t" * 60 + ".example.org"
    endpoints = Endpoints(port=65535, direct_hosts=("192.168.1.10",), tunnel_url=tunnel)
    record = WorkerRecord(worker_id="alice", endpoints=endpoints, relays=("c" * 64, "d" * 64))
    told = [
        records.decode_payload(Kind.SERVICE, records.service_payload(record, room)) for room in (250, 180, 100, 20)
    ]
    assert [(len(o.hosts), o.tunnel, o.relays) for o in told if isinstance(o, Offer)] == [
        (1, tunnel, ("c" * 64, "d" * 64)),
        (0, tunnel, ("c" * 64,)),
        (0, None, ("c" * 64,)),
        (0, None, ()),
    ]


def test_entries_of_nodes_that_know_of_no_relay_are_read() -> None:
    older = msgspec.msgpack.encode([8000, None, [], None, None, 0, 0])
    offer = records.decode_payload(Kind.SERVICE, older)
    assert isinstance(offer, Offer)
    assert offer.relays == ()


def test_what_cannot_fit_is_said() -> None:
    info = CoordinatorInfo(id="boss", url="https://" + "x" * 1500)
    with pytest.raises(RecordTooLargeError, match="bytes too large"):
        records.coordinator_payload(info, 700)


def test_an_entry_has_one_key_only() -> None:
    assert records.key_of(Kind.SERVICE, "ocr", "alice") == records.service_key("ocr")
    assert records.key_of(Kind.WORKER, "", "alice") == records.worker_key("alice")
    assert records.key_of(Kind.COORDINATOR, "", "boss") == records.coordinator_key("boss")
    assert records.key_of(Kind.COORDINATORS, "", "boss") == records.coordinators_key()
    for kind, name in ((Kind.WORKER, "bob"), (Kind.SERVICE, ""), (Kind.SERVICE, "Not A Name")):
        with pytest.raises(ValueError, match=r"."):
            records.key_of(kind, name, "alice")


def test_loads_are_kept_to_a_thousandth() -> None:
    payload = records.decode_payload(Kind.SERVICE, records.service_payload(worker("alice", load=0.33333), 500))
    assert isinstance(payload, Offer)
    assert payload.load == 333
