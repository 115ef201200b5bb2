from __future__ import annotations

import gc
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from node.wire.messages import (
    Assignment,
    Capabilities,
    CoordinatorInfo,
    DhtContact,
    Disk,
    Endpoints,
    EnrollRequest,
    HeartbeatRequest,
    RegisterRequest,
    ServiceReport,
    WorkerRecord,
)

KEY = "A" * 43


def decode(cls: type[Any], document: object) -> Any:
    return msgspec.json.decode(msgspec.json.encode(document), type=cls)


@pytest.mark.parametrize(
    ("cls", "document"),
    [
        (EnrollRequest, {"invite": "RMA-X", "name": "pc", "identity_public_key": KEY}),
        (RegisterRequest, {"worker_id": "w-1", "capabilities": {}, "endpoints": {"port": 8000}}),
        (HeartbeatRequest, {"worker_id": "w-1"}),
        (WorkerRecord, {"worker_id": "w-1", "endpoints": {"port": 1, "direct_hosts": ["127.0.0.1", "fd00::1"]}}),
        (CoordinatorInfo, {"id": "c-1", "url": "http://[::1]:8080"}),
        (Assignment, {"role": "cpu"}),
    ],
)
def test_the_least_that_is_needed_is_enough_and_unknown_fields_are_ignored(cls: type[Any], document: Any) -> None:
    assert decode(cls, document) == decode(cls, {**document, "from_the_future": [1, 2]})


@pytest.mark.parametrize(
    ("cls", "document", "field"),
    [
        (HeartbeatRequest, {}, "worker_id"),
        (HeartbeatRequest, {"worker_id": ""}, "worker_id"),
        (HeartbeatRequest, {"worker_id": "w" * 65}, "worker_id"),
        (HeartbeatRequest, {"worker_id": "w/1"}, "worker_id"),
        (HeartbeatRequest, {"worker_id": "w-1\n"}, "worker_id"),
        (HeartbeatRequest, {"worker_id": "-w"}, "worker_id"),
        (HeartbeatRequest, {"worker_id": 7}, "worker_id"),
        (HeartbeatRequest, {"worker_id": "w", "load": 1.01}, "load"),
        (HeartbeatRequest, {"worker_id": "w", "load": -0.1}, "load"),
        (HeartbeatRequest, {"worker_id": "w", "in_flight": -1}, "in_flight"),
        (HeartbeatRequest, {"worker_id": "w", "in_flight": 1.5}, "in_flight"),
        (HeartbeatRequest, {"worker_id": "w", "services": [{"name": "ocr", "state": "dancing"}]}, "services"),
        (HeartbeatRequest, {"worker_id": "w", "services": [{"name": "ocr\n", "state": "running"}]}, "services"),
        (HeartbeatRequest, {"worker_id": "w", "services": [{"name": "a", "state": "running"}] * 65}, "services"),
        (HeartbeatRequest, {"worker_id": "w", "stats": {str(number): 1.0 for number in range(65)}}, "stats"),
        (EnrollRequest, {"invite": "x" * 101, "name": "pc", "identity_public_key": KEY}, "invite"),
        (EnrollRequest, {"invite": "x", "name": "p" * 201, "identity_public_key": KEY}, "name"),
        (EnrollRequest, {"invite": "x", "name": "pc", "identity_public_key": KEY[:-1]}, "identity_public_key"),
        (Endpoints, {"port": 0}, "port"),
        (Endpoints, {"port": 65536}, "port"),
        (Endpoints, {"port": 80, "direct_hosts": ["x"] * 9}, "direct_hosts"),
        (Endpoints, {"port": 80, "direct_hosts": ["a b"]}, "direct_hosts"),
        (Endpoints, {"port": 80, "direct_hosts": ["host/path"]}, "direct_hosts"),
        (Endpoints, {"port": 80, "direct_hosts": ["user@host"]}, "direct_hosts"),
        (Endpoints, {"port": 80, "direct_hosts": ["host\n"]}, "direct_hosts"),
        (Endpoints, {"port": 80, "direct_hosts": [""]}, "direct_hosts"),
        (Endpoints, {"port": 80, "tunnel_url": "javascript:alert(1)"}, "tunnel_url"),
        (Endpoints, {"port": 80, "tunnel_url": "http://user@host"}, "tunnel_url"),
        (Endpoints, {"port": 80, "tunnel_url": "https://host\n"}, "tunnel_url"),
        (Endpoints, {"port": 80, "tunnel_url": "https://host/?q"}, "tunnel_url"),
        (DhtContact, {"host": "x" * 254, "port": 1}, "host"),
        (Capabilities, {"ram_bytes": "16 GB"}, "ram_bytes"),
        (Capabilities, {"ram_bytes": -1}, "ram_bytes"),
        (Capabilities, {"worker_type": "quantum"}, "worker_type"),
        (Capabilities, {"gpus": [{}] * 17}, "gpus"),
        (Capabilities, {"disks": [{"mount": "/"}] * 65}, "disks"),
        (Capabilities, {"battery": {"charge": 101, "on_battery": True}}, "battery"),
        (Capabilities, {"allowed_services": ["Not A Name"]}, "allowed_services"),
        (Assignment, {"role": "cpu", "heartbeat_interval": 0}, "heartbeat_interval"),
        (Assignment, {"role": "cpu", "heartbeat_interval": 1e9}, "heartbeat_interval"),
        (WorkerRecord, {"worker_id": "w", "endpoints": {"port": 1}, "last_seen": "now"}, "last_seen"),
    ],
)
def test_what_is_out_of_bounds_is_refused_with_its_field(cls: type[Any], document: Any, field: str) -> None:
    with pytest.raises(msgspec.ValidationError, match=field):
        decode(cls, document)


@pytest.mark.parametrize("number", [b"NaN", b"Infinity", b"1e999"])
def test_a_load_is_a_number(number: bytes) -> None:
    with pytest.raises(msgspec.DecodeError):
        msgspec.json.decode(b'{"worker_id":"w","load":' + number + b"}", type=HeartbeatRequest)


@given(st.binary(max_size=200))
def test_random_bytes_are_refused(data: bytes) -> None:
    with pytest.raises((msgspec.DecodeError, UnicodeDecodeError)):
        msgspec.json.decode(data, type=RegisterRequest)


def test_a_record_is_its_own_picture() -> None:
    record = WorkerRecord(worker_id="w-1", endpoints=Endpoints(port=8000, vpn_ip="10.42.0.9"), services=("ocr",))
    assert decode(WorkerRecord, record) == record


def test_python_looks_for_no_garbage_in_what_a_coordinator_has_thousands_of() -> None:
    able = Capabilities(disks=(Disk(mount="/"),), allowed_services=("ner",))
    ends = Endpoints(port=8000, direct_hosts=("10.0.0.1",))
    record = WorkerRecord(worker_id="w-1", endpoints=ends, capabilities=able, services=("ner",))
    runs = (ServiceReport(name="ner", state="running"),)
    beat = HeartbeatRequest(worker_id="w-1", services=runs, stats={"a": 1.0})
    told = Assignment(role="cpu", services=("ner",))
    kept = (able, *able.disks, ends, record, *runs, beat, told)
    assert [type(one).__name__ for one in kept if gc.is_tracked(one)] == []
