"""Which local networks stand in the overlay's way."""

from __future__ import annotations

from ipaddress import IPv4Network

from node.vpn.overlap import LocalNetwork, overlaps, read_routes

OURS = IPv4Network("10.42.0.0/16")


def local(device: str, network: str) -> LocalNetwork:
    return LocalNetwork(device, IPv4Network(network))


def test_a_home_network_elsewhere_is_no_matter() -> None:
    assert overlaps(OURS, [local("eth0", "192.168.1.0/24"), local("lo", "127.0.0.0/8")], "rma0") == ()


def test_a_network_inside_around_or_equal_is_in_the_way() -> None:
    for network in ("10.42.7.0/24", "10.0.0.0/8", "10.42.0.0/16"):
        (text,) = overlaps(OURS, [local("wlan0", network)], "rma0")
        assert network in text
        assert "wlan0" in text
        assert "operator" in text


def test_our_own_device_and_the_default_route_do_not_count() -> None:
    assert overlaps(OURS, [local("rma0", "10.42.0.0/16"), local("eth0", "0.0.0.0/0")], "rma0") == ()


def test_another_node_is_named_as_such() -> None:
    (text,) = overlaps(OURS, [local("rma1234", "10.42.0.0/16")], "rma0")
    assert "Another node" in text


def test_each_device_is_told_once() -> None:
    assert len(overlaps(OURS, [local("a", "10.42.1.0/24"), local("a", "10.42.2.0/24")], "")) == 1


def test_linux_routes_are_read_and_nonsense_is_left_out() -> None:
    table = (
        "Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT\n"
        "eth0\t00000000\t0100000A\t0003\t0\t0\t0\t00000000\t0\t0\t0\n"
        "tun7\t00002A0A\t00000000\t0001\t0\t0\t0\t0000FFFF\t0\t0\t0\n"
        "half a line\n\nx y z\n"
    )
    assert list(read_routes(table)) == [local("eth0", "0.0.0.0/0"), local("tun7", "10.42.0.0/16")]
