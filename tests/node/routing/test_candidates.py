from __future__ import annotations

import pytest

from node.forwarding.interface import Target
from node.routing.candidates import MAX_DIRECT_HOSTS, Candidate, candidate_from_record, usable_host
from node.routing.loads import Load
from node.wire.messages import Endpoints, WorkerRecord


def record(**ends: object) -> WorkerRecord:
    endpoints = Endpoints(**{"port": 8000, **ends})  # type: ignore[arg-type]
    return WorkerRecord(worker_id="w1", endpoints=endpoints, load=0.25, last_seen=99.0)


def test_addresses_come_in_the_order_vpn_direct_tunnel() -> None:
    worker = record(vpn_ip="10.42.0.7", direct_hosts=("192.168.1.5", "fd00::5"), tunnel_url="https://a.example.org")
    candidate = candidate_from_record(worker, "dht", vpn_up=True)
    assert candidate is not None
    assert candidate.targets == (
        Target("vpn", "http://10.42.0.7:8000"),
        Target("direct", "http://192.168.1.5:8000"),
        Target("direct", "http://[fd00::5]:8000"),
        Target("tunnel", "https://a.example.org"),
    )
    assert (candidate.load, candidate.seen_at, candidate.source) == (0.25, 99.0, "dht")


def test_the_overlay_address_is_no_use_while_the_vpn_is_down() -> None:
    assert candidate_from_record(record(vpn_ip="10.42.0.7"), "dht", vpn_up=False) is None
    both = record(vpn_ip="10.42.0.7", direct_hosts=("192.168.1.5",))
    down, up = (candidate_from_record(both, "dht", vpn_up=there) for there in (False, True))
    assert down is not None
    assert up is not None
    assert (down.targets, down.waits_for_vpn) == ((Target("direct", "http://192.168.1.5:8000"),), True)
    assert not up.waits_for_vpn


def test_only_so_many_direct_addresses_are_tried() -> None:
    worker = record(direct_hosts=tuple(f"192.168.1.{number}" for number in range(1, 9)))
    candidate = candidate_from_record(worker, "registry", vpn_up=False)
    assert candidate is not None
    assert len(candidate.targets) == MAX_DIRECT_HOSTS


@pytest.mark.parametrize(
    ("host", "usable"),
    [
        ("127.0.0.1", "127.0.0.1"),
        ("::1", "[::1]"),
        ("::ffff:192.168.1.5", "192.168.1.5"),
        ("worker-3.lan", "worker-3.lan"),
        ("localhost", "localhost"),
        ("169.254.169.254", None),
        ("::ffff:169.254.169.254", None),
        ("fe80::1%eth0", None),
        ("224.0.0.1", None),
        ("0.0.0.0", None),
        ("::", None),
        ("2852039166", None),
        ("0xA9FEA9FE", None),
        ("169.254.0xa9fe", None),
        ("a_b", None),
        ("-a.example", None),
        ("", None),
        ("worker-3.lan\n", None),
        ("evil.example:80", None),
    ],
)
def test_hosts_that_no_worker_can_be_at_are_refused(host: str, usable: str | None) -> None:
    assert usable_host(host) == usable


@pytest.mark.parametrize(
    "url",
    [
        "https://user@a.example.org",
        "https://a.example.org/admin/..",
        "ftp://a.example.org",
        "http://169.254.169.254",
        "http://a.example.org:99999",
        "https://",
    ],
)
def test_a_tunnel_address_with_anything_but_scheme_host_and_port_is_refused(url: str) -> None:
    assert candidate_from_record(record(tunnel_url=url), "dht", vpn_up=False) is None


def test_a_tunnel_may_name_a_port_and_end_in_a_slash() -> None:
    candidate = candidate_from_record(record(tunnel_url="https://a.example.org:8443/"), "dht", vpn_up=False)
    assert candidate is not None
    assert candidate.targets == (Target("tunnel", "https://a.example.org:8443"),)


@pytest.mark.parametrize("load", [float("nan"), -1.0, 1e9])
def test_what_is_no_load_counts_as_full(load: float) -> None:
    worker = WorkerRecord(worker_id="w1", endpoints=Endpoints(port=1, direct_hosts=("127.0.0.1",)), load=load)
    candidate = candidate_from_record(worker, "dht", vpn_up=False)
    assert candidate is not None
    assert candidate.load == 1.0


def test_a_candidate_takes_over_what_is_told_of_its_load() -> None:
    candidate = Candidate("w1", (), 0.5, known_at=3.0)
    assert candidate.said == Load(0.5, 3.0)
    assert candidate.told(Load(0.5, 3.0)) is candidate
    assert candidate.told(Load(0.1, 4.0)) == Candidate("w1", (), 0.1, known_at=4.0)


def test_a_loopback_address_with_our_own_port_is_ourselves() -> None:
    worker = record(direct_hosts=("127.0.0.1", "LOCALHOST", "::1", "192.168.1.5"))
    others = candidate_from_record(worker, "dht", vpn_up=False, own_port=worker.endpoints.port)
    assert others is not None
    assert [target.base_url for target in others.targets] == [f"http://192.168.1.5:{worker.endpoints.port}"]
    neighbour = candidate_from_record(worker, "dht", vpn_up=False, own_port=worker.endpoints.port + 1)
    assert neighbour is not None
    assert len(neighbour.targets) == 4, "another node of this computer"


def test_the_relay_comes_before_the_tunnel_and_only_where_there_is_a_way_to_it() -> None:
    ends = Endpoints(port=8000, direct_hosts=("192.168.1.5",), tunnel_url="https://a.example.org")
    worker = WorkerRecord(worker_id="w1", endpoints=ends, relays=("c1",))

    def at_c1(record: WorkerRecord) -> list[str]:
        return [f"relay://{record.worker_id}"] if "c1" in record.relays else []

    candidate = candidate_from_record(worker, "registry", vpn_up=False, relay=at_c1)
    assert candidate is not None
    assert [target.route for target in candidate.targets] == ["direct", "relay", "tunnel"]
    assert candidate.targets[1] == Target("relay", "relay://w1")

    hidden = WorkerRecord(worker_id="w1", endpoints=Endpoints(port=8000), relays=("c1",))
    candidate = candidate_from_record(hidden, "registry", vpn_up=False, relay=at_c1)
    assert candidate is not None
    assert candidate.targets == (Target("relay", "relay://w1"),)
    for relays in ((), ("c2",)):
        elsewhere = WorkerRecord(worker_id="w1", endpoints=Endpoints(port=8000), relays=relays)
        assert candidate_from_record(elsewhere, "registry", vpn_up=False, relay=at_c1) is None
    assert candidate_from_record(hidden, "registry", vpn_up=False) is None
