from __future__ import annotations

from node.forwarding.interface import Target


def test_addresses_are_values() -> None:
    assert len({Target("vpn", "http://10.42.0.1:8000"), Target("vpn", "http://10.42.0.1:8000")}) == 1
    assert Target("vpn", "http://10.42.0.1:8000") != Target("direct", "http://10.42.0.1:8000")
