"""What an attacker with the rights of a user of the group asks for, and does not get."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv4Network
from pathlib import Path
from typing import Any

import msgspec
import pytest

from node.vpn.helper.policy import Policy, grant
from node.vpn.settings import FoundLighthouse, Outside, Plan, SettingsError
from tests.support.nebula import NebulaMesh, plan_of, shared_mesh

pytestmark = pytest.mark.needs("nebula-cert")
OTHERS = Policy((IPv4Network("10.0.0.0/8"), IPv4Network("192.168.0.0/16")))


def plan(**more: Any) -> Plan:
    return plan_of(shared_mesh().worker("10.42.0.11", {"10.42.0.1": "x"}), **more)


def at(ip: str) -> dict[str, Any]:
    return {"lighthouses": (FoundLighthouse(IPv4Address("10.42.0.1"), (Outside(IPv4Address(ip)),)),)}


def test_a_worker_s_plan_is_granted() -> None:
    granted, network = grant(plan(), Policy())
    assert (granted, str(network)) == (plan_like(granted), "10.42.0.0/16")
    assert grant(plan(listen_port=0), Policy())


def plan_like(granted: Plan) -> Plan:
    """Return the same plan, read back: its PEM is in normal form already."""
    return grant(granted, Policy())[0]


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (lambda: {"listen_port": 53}, "the port 53 of the overlay belongs to the system's own"),
        (lambda: {"service_port": 22}, r"this node \(--port\).* only ports from 1024 on are opened for users"),
        (lambda: {"dht_port": 1023}, r"the DHT \(--dht-port\)"),
        (lambda: at("127.0.0.1"), "not an address of another machine"),
        (lambda: at("169.254.169.254"), "not an address of another machine"),
        (lambda: at("255.255.255.255"), "not an address of another machine"),
        (lambda: shared_mesh().member("10.42.0.11", subnets="0.0.0.0/1"), "routes to other networks"),
        (lambda: {"role": "lighthouse"}, "does not allow lighthouses"),
        (lambda: {"private_key": "-----BEGIN X-----\n../../etc/shadow\n-----END X-----\n"}, "PEM"),
    ],
)
def test_what_would_harm_the_machine_is_refused(change: Any, why: str) -> None:
    with pytest.raises(SettingsError, match=why):
        grant(msgspec.structs.replace(plan(), **change()), Policy())


def test_an_own_authority_opens_no_other_network(tmp_path: Path) -> None:
    """Anybody can make an authority: it must not take over the addresses of a home or company network."""
    home = NebulaMesh(tmp_path, "192.168.1.0/24").worker("192.168.1.11", {"192.168.1.1": "x"})
    with pytest.raises(SettingsError, match=r"allows \(10\.42\.0\.0/16\)"):
        grant(plan_of(home), Policy())
    assert grant(plan_of(home), OTHERS)


def test_a_larger_network_than_the_allowed_one_is_another_one(tmp_path: Path) -> None:
    wide = NebulaMesh(tmp_path, "10.0.0.0/8").worker("10.42.0.11", {"10.42.0.1": "x"})
    with pytest.raises(SettingsError, match="administrator"):
        grant(plan_of(wide), Policy())


def test_a_lighthouse_where_the_administrator_allows_it() -> None:
    lighthouse = plan_of(shared_mesh().lighthouse("10.42.0.1"))
    assert grant(lighthouse, Policy(lighthouse=True))
    with pytest.raises(SettingsError, match="lighthouses"):
        grant(lighthouse, Policy())
