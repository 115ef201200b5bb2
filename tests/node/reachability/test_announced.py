"""Where a node says that it can be reached."""

from __future__ import annotations

from ipaddress import IPv4Network

from node.config import NodeConfig
from node.reachability.announced import bootstrap_addresses, endpoints_of
from node.wire.messages import Address, DhtContact, Lighthouse

ADDRESSES = (
    Address(interface="lo", address="127.0.0.1", family="ipv4", scope="loopback"),
    Address(interface="eth0", address="fd00::5", family="ipv6", scope="private"),
    Address(interface="eth0", address="192.168.1.5", family="ipv4", scope="private"),
    Address(interface="eth0", address="fe80::5", family="ipv6", scope="link"),
)


def test_the_address_listened_on_is_announced() -> None:
    endpoints = endpoints_of(NodeConfig(), 8000, 8468, ADDRESSES)
    assert endpoints.direct_hosts == ("127.0.0.1",)
    assert (endpoints.port, endpoints.dht_port, endpoints.tunnel_url) == (8000, 8468, None)


def test_listening_on_all_addresses_announces_those_of_the_local_network() -> None:
    assert endpoints_of(NodeConfig(host="0.0.0.0"), 1, 2, ADDRESSES).direct_hosts == ("192.168.1.5",)
    assert endpoints_of(NodeConfig(host="::"), 1, 2, ADDRESSES).direct_hosts == ("192.168.1.5", "fd00::5")
    assert endpoints_of(NodeConfig(host="0.0.0.0"), 1, 2, ADDRESSES[:1]).direct_hosts == ("127.0.0.1",)


def test_a_name_is_announced_as_it_is_and_many_addresses_are_capped() -> None:
    assert endpoints_of(NodeConfig(host="my-pc.lan"), 1, 2, ADDRESSES).direct_hosts == ("my-pc.lan",)
    many = [Address(interface="eth0", address=f"10.0.0.{n}", family="ipv4", scope="private") for n in range(1, 60)]
    assert len(endpoints_of(NodeConfig(host="0.0.0.0"), 1, 2, many).direct_hosts) == 8


def test_a_tunnel_is_not_announced_before_it_leads_here() -> None:
    assert endpoints_of(NodeConfig(tunnel_url="https://worker.example.org"), 1, 2, ()).tunnel_url is None


def test_the_dht_is_joined_through_addresses_of_the_network_that_it_is_in() -> None:
    told = (DhtContact(host="10.42.0.1", port=8469), DhtContact(host="mesh.example", port=8468))
    network = IPv4Network("10.42.0.0/16")
    lighthouses = (Lighthouse(vpn_ip="10.42.0.1"), Lighthouse(vpn_ip="10.42.0.2"))
    assert bootstrap_addresses(told, None, lighthouses) == (("mesh.example", 8468),)
    assert bootstrap_addresses(told, network, lighthouses) == (("10.42.0.1", 8469), ("10.42.0.2", 8468))
    assert bootstrap_addresses((), network, lighthouses[:1]) == (("10.42.0.1", 8468),)


def test_the_dht_is_joined_through_every_coordinator_at_its_own_port() -> None:
    network = IPv4Network("10.42.0.0/16")
    lighthouses = (Lighthouse(vpn_ip="10.42.0.1", dht_port=1), Lighthouse(vpn_ip="10.42.0.2", dht_port=9000))
    told = (DhtContact(host="10.42.0.1", port=8469),)
    assert bootstrap_addresses(told, network, lighthouses) == (("10.42.0.1", 8469), ("10.42.0.2", 9000))
    assert bootstrap_addresses((), network, lighthouses) == (("10.42.0.1", 1), ("10.42.0.2", 9000))
