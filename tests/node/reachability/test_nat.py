"""What others saw tells what the router does, and nothing is made up where too few looked."""

from __future__ import annotations

import pytest

from node.reachability.nat import Nat, nat_of
from node.reachability.observations import Mapped

OWN = ("192.168.1.5", "fe80::1%eth0", "2001:db8::5")
ONE, TWO, LAN = ("198.51.100.1", 8468), ("203.0.113.9", 8468), ("192.168.1.9", 8468)
PUBLIC = ("9.9.9.9", 8468)


def mapped(*pairs: tuple[tuple[str, int], tuple[str, int]]) -> tuple[Mapped, ...]:
    return tuple(Mapped(asked, seen) for asked, seen in pairs)


@pytest.mark.parametrize(
    ("mappings", "wanted"),
    [
        ((), "not-known"),
        (mapped((ONE, ("192.0.2.1", 4000))), "not-known"),
        (mapped((ONE, ("192.0.2.1", 4000)), (TWO, ("192.0.2.1", 4000))), "one-port"),
        (mapped((ONE, ("192.0.2.1", 4000)), (TWO, ("192.0.2.1", 4001))), "symmetric"),
        (mapped((ONE, ("192.0.2.1", 4000)), (TWO, ("192.0.2.2", 4000))), "symmetric"),
        (mapped((LAN, ("192.168.1.5", 4000))), "not-known"),
        (mapped((LAN, ("192.168.1.5", 4000)), (ONE, ("192.0.2.1", 4001))), "not-known"),
        (mapped((("127.0.0.1", 1), ("127.0.0.1", 4000)), (ONE, ("192.0.2.1", 7))), "not-known"),
        (mapped((PUBLIC, ("192.168.1.5", 4000))), "none"),
        (mapped((("2001:db8:1::1", 1), ("2001:db8::99", 9)), (ONE, ("192.0.2.1", 8))), "not-known"),
    ],
)
def test_mappings_are_compared(mappings: tuple[Mapped, ...], wanted: Nat) -> None:
    assert nat_of(mappings, OWN) == wanted
