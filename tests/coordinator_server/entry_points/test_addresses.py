"""Only machines on the internet are asked, however their addresses are written."""

from __future__ import annotations

import pytest

from coordinator_server.entry_points.addresses import is_outside


@pytest.mark.parametrize(
    "host", ["8.8.8.8", "2606:4700::1111", "::ffff:8.8.8.8", "64:ff9b::808:808", "2002:808:808::1"]
)
def test_public_addresses(host: str) -> None:
    assert is_outside(host)


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1", "10.42.0.1", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1", "0.0.0.0",
        "224.0.0.1", "239.1.2.3", "255.255.255.255", "240.0.0.1", "192.0.2.1", "198.18.0.1", "::1", "::", "fe80::1",
        "fe80::1%eth0", "fd00::1", "fec0::1", "ff0e::1", "2001:db8::1", "::ffff:10.0.0.1", "::ffff:127.0.0.1",
        "::10.0.0.1", "::8.8.8.8", "64:ff9b::a00:1", "64:ff9b::7f00:1", "2002:a00:1::1", "2002:7f00:1::1",
        "2001:0:808:808::f5ff:fffe",
    ],
)  # fmt: skip
def test_all_others(host: str) -> None:
    assert not is_outside(host)
