"""Only machines on the internet count, however their addresses are written."""

from __future__ import annotations

import pytest

from node.forwarding.public_addresses import is_public


@pytest.mark.parametrize(
    "host", ["8.8.8.8", "2606:4700::1111", "2a00:1450:4009::8", "::ffff:8.8.8.8", "64:ff9b::808:808"]
)
def test_public_addresses(host: str) -> None:
    assert is_public(host)


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1", "10.42.0.1", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1", "0.0.0.0",
        "224.0.0.1", "239.1.2.3", "255.255.255.255", "240.0.0.1", "192.0.2.1", "198.18.0.1", "192.0.0.9",
        "192.88.99.1", "::1", "::", "fe80::1", "fe80::1%eth0", "2606:4700::1111%lo", "fd00::1", "fec0::1",
        "ff02::1", "ff0e::1", "2001:db8::1", "3fff::1", "5f00::1", "4000::1", "100::1", "2001:20::1",
        "2620:4f:8000::1", "::ffff:10.0.0.1", "::ffff:127.0.0.1", "::ffff:0:10.0.0.1", "::10.0.0.1", "::8.8.8.8",
        "64:ff9b::a00:1", "64:ff9b::7f00:1", "64:ff9b::e000:1", "64:ff9b:1::808:808", "2002:a00:1::1",
        "2002:808:808::1", "2001:0:808:808::f5ff:fffe", "::ffff:224.0.0.1",
    ],
)  # fmt: skip
def test_all_others(host: str) -> None:
    assert not is_public(host)
