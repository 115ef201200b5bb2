"""Addresses that a worker claims: its own count, everybody else's do not."""

from __future__ import annotations

import pytest

from coordinator_server.registry.endpoints import checked_endpoints, is_public_url, peer_endpoints
from node.wire.messages import Endpoints

METADATA = "169.254.169.254"


def claim(*hosts: str, **more: str) -> Endpoints:
    return Endpoints(port=8000, direct_hosts=hosts, **more)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("claimed", "seen_from", "believed"),
    [
        (("127.0.0.1",), "127.0.0.1", ("127.0.0.1",)),
        (("127.0.0.1", "192.168.1.5"), "127.0.0.1", ("127.0.0.1", "192.168.1.5")),
        (("::1",), "::1", ("::1",)),
        ((), "127.0.0.1", ("127.0.0.1",)),
        ((METADATA,), "127.0.0.1", ("127.0.0.1",)),
        (("127.0.0.1",), "192.168.1.20", ("192.168.1.20",)),
        (("10.0.0.1", "192.168.1.20"), "192.168.1.20", ("192.168.1.20",)),
        (("10.0.0.1",), "203.0.113.9", ("203.0.113.9",)),
        ((METADATA, "::1", "localhost", "metadata.google.internal"), "203.0.113.9", ("203.0.113.9",)),
        (("192.168.1.20",), "::ffff:192.168.1.20", ("192.168.1.20",)),
        (("127.0.0.1",), "", ()),
        (("127.0.0.1",), METADATA, ()),
    ],
)
def test_the_gateway_connects_to_the_workers_own_addresses_only(
    claimed: tuple[str, ...], seen_from: str, believed: tuple[str, ...]
) -> None:
    assert checked_endpoints(claim(*claimed), seen_from).direct_hosts == believed


def test_overlay_addresses_are_given_and_not_claimed() -> None:
    assert checked_endpoints(claim(vpn_ip="10.42.0.9"), "203.0.113.9").vpn_ip is None
    assert checked_endpoints(claim(vpn_ip="10.42.0.9"), "203.0.113.9", "10.42.0.16").vpn_ip is None
    assert checked_endpoints(claim(vpn_ip="10.42.0.16"), "203.0.113.9", "10.42.0.16").vpn_ip == "10.42.0.16"
    assert checked_endpoints(claim(), "203.0.113.9", "10.42.0.16").vpn_ip is None, (
        "it does not say that it is there"
    )


def test_who_speaks_through_the_overlay_is_not_reached_there_as_if_that_were_its_own_network() -> None:
    checked = checked_endpoints(claim("192.168.1.20", vpn_ip="10.42.0.16"), "10.42.0.16", "10.42.0.16")
    assert (checked.direct_hosts, checked.vpn_ip) == ((), "10.42.0.16")


def test_other_nodes_may_also_try_the_workers_own_network() -> None:
    claimed = claim("127.0.0.1", METADATA, "192.168.1.20")
    checked = checked_endpoints(claimed, "203.0.113.9")
    assert peer_endpoints(claimed, checked).direct_hosts == ("203.0.113.9", "192.168.1.20")


@pytest.mark.parametrize(
    "url", ["https://abc.trycloudflare.com", "https://mesh.example.org:8443/", "https://203.0.114.9"]
)
def test_tunnels_lead_to_the_internet(url: str) -> None:
    assert is_public_url(url)
    assert checked_endpoints(claim(tunnel_url=url), "203.0.113.9").tunnel_url == url


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1:22", "http://localhost/", "http://10.0.0.1", "http://169.254.169.254/latest", "http://[::1]/",
        "http://router", "http://printer.local", "http://metadata.google.internal/", "http://0x7f000001", "http://2130706433",
        "http://1.2.3.4.5", "http://[::1", "http://a.example:99999", "https://mail.example:25", "http://224.0.0.1",
        "http://[64:ff9b::a00:1]", "http://[2002:a00:1::1]", "http://[fec0::1]",
    ],
)  # fmt: skip
def test_and_not_into_somebodys_network(url: str) -> None:
    assert not is_public_url(url)
    assert checked_endpoints(claim(tunnel_url=url), "203.0.113.9").tunnel_url is None
