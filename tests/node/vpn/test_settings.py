"""Settings are checked whole before anything is started: this is what the privileged helper relies on."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv4Network
from typing import Any

import msgspec
import pytest

from node.vpn.coding import from_json, to_json
from node.vpn.settings import (
    Endpoint,
    FoundLighthouse,
    Lighthouse,
    Outside,
    Plan,
    SettingsError,
    VpnSettings,
    check_network,
    facts_of,
    normal_pem,
)
from tests.support.nebula import NebulaMesh, plan_of, shared_mesh

pytestmark = pytest.mark.needs("nebula-cert")


def settings(**more: Any) -> VpnSettings:
    return msgspec.structs.replace(shared_mesh().worker("10.42.0.11", {"10.42.0.1": "198.51.100.7"}), **more)


def test_what_the_certificate_says_is_what_counts() -> None:
    facts = facts_of(settings())
    assert str(facts.interface) == "10.42.0.11/16"
    assert len(facts.fingerprint) == 64
    assert facts.not_before < facts.not_after


def other(ip: str = "10.42.0.12", **more: Any) -> dict[str, Any]:
    return shared_mesh().member(ip, **more)


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (lambda: {"certificate": other()["certificate"]}, "belongs to another key"),
        (lambda: {"certificate": shared_mesh().ca}, "another key"),
        (lambda: {"certificate": "nonsense"}, "PEM"),
        (lambda: {"private_key": shared_mesh().ca}, "private key"),
        (lambda: {"ca": other()["certificate"]}, "not an authority's"),
        (lambda: other(subnets="192.168.7.0/24"), "routes to other networks"),
        (lambda: {"relays": (IPv4Address("192.168.1.1"),)}, "outside of the overlay's network"),
        (lambda: {"lighthouses": (Lighthouse(IPv4Address("10.43.0.1"), (Endpoint("x"),)),)}, "outside of"),
        (lambda: {"lighthouses": (Lighthouse(IPv4Address("10.42.0.11"), (Endpoint("x"),)),)}, "its own lighthouse"),
        (lambda: {"lighthouses": 2 * (Lighthouse(IPv4Address("10.42.0.1"), (Endpoint("x"),)),)}, "one address"),
        (lambda: {"lighthouses": ()}, "needs a lighthouse"),
    ],
)
def test_what_does_not_fit_is_refused_with_the_reason(change: Any, why: str) -> None:
    with pytest.raises(SettingsError, match=why):
        facts_of(settings(**change()))


def test_another_mesh_s_authority_is_not_ours(tmp_path: Any) -> None:
    with pytest.raises(SettingsError, match="not signed by an authority of this mesh"):
        facts_of(settings(ca=NebulaMesh(tmp_path).ca))


@pytest.mark.parametrize("at", ["0.0.0.0", "224.0.0.1", "10.42.3.4", "127.0.0.1", "169.254.169.254"])
def test_a_lighthouse_is_somewhere_outside(at: str) -> None:
    plan = plan_of(settings())
    lighthouses = (FoundLighthouse(IPv4Address("10.42.0.1"), (Outside(IPv4Address(at)),)),)
    with pytest.raises(SettingsError, match="outside of the overlay"):
        facts_of(msgspec.structs.replace(plan, lighthouses=lighthouses))


@pytest.mark.parametrize("net", ["8.8.8.0/24", "10.0.0.0/7", "192.168.1.0/29", "0.0.0.0/0", "127.0.0.0/8"])
def test_an_overlay_takes_a_private_network_of_some_size(net: str) -> None:
    with pytest.raises(SettingsError):
        check_network(IPv4Network(net))


@pytest.mark.parametrize("net", ["10.42.0.0/16", "172.20.0.0/16", "192.168.200.0/24", "10.0.0.0/8"])
def test_networks_that_an_overlay_may_take(net: str) -> None:
    check_network(IPv4Network(net))


def test_pem_is_written_anew_so_that_nothing_can_hide_beside_it() -> None:
    plan = plan_of(settings())
    crowded = msgspec.structs.replace(plan, certificate=plan.certificate.replace("\n", "\r\n"))
    assert normal_pem(crowded) == normal_pem(plan)
    assert normal_pem(plan).ca == plan.ca


def test_a_plan_crosses_a_border_and_comes_back_the_same() -> None:
    plan = plan_of(settings(blocklist=("ab" * 32,)))
    assert from_json(to_json(plan), Plan) == plan


@pytest.mark.parametrize(
    "change",
    [
        {"tun": "eth0"},
        {"listen_port": 70_000},
        {"listen_port": True},
        {"blocklist": ["AB" * 32]},
        {"blocklist": ["ab" * 32 + "\n"]},
        {"role": "router"},
        {"mtu": 100},
        {"service_port": 0},
        {"cipher": "none"},
        {"lighthouses": [{"ip": "10.42.0.1", "addresses": [{"ip": "lighthouse.example", "port": 1}]}]},
        {"lighthouses": [{"ip": "10.42.0.1", "unsafe": 1}]},
        {"relays": [167772161]},
        {"certificate": "x" * 70_000},
    ],
)
def test_what_is_not_in_the_schema_is_refused(change: dict[str, Any]) -> None:
    value = {**msgspec.json.decode(to_json(plan_of(settings()))), **change}
    with pytest.raises((msgspec.ValidationError, ValueError)):
        from_json(msgspec.json.encode(value), Plan)


@pytest.mark.parametrize("host", ["-x", "a b", "a\n", "", "x" * 300, "a:1", "${x}", "a/b"])
def test_a_host_is_a_name_and_nothing_else(host: str) -> None:
    with pytest.raises((msgspec.ValidationError, ValueError)):
        from_json(msgspec.json.encode({"host": host}), Endpoint)
