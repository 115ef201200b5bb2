"""Who opens the overlay, by what the computer allows."""

from __future__ import annotations

from typing import Any

import pytest

from node.vpn.ways import Rights, WayKind, choose_way


def rights(**more: Any) -> Rights:
    return Rights(**{"system": "linux", "helper": False, "administrator": False, **more})


@pytest.mark.parametrize(
    ("found", "kind", "word"),
    [
        (rights(), "none", "setcap"),
        (rights(helper=True), "helper", "helper"),
        (rights(administrator=True), "self", "rights"),
        (rights(administrator=True, helper=True), "self", "rights"),
        (rights(administrator=True, tunnel_device=False), "none", "/dev/net/tun"),
        (rights(binary_may=True), "self", "setcap"),
        (rights(binary_may=True, helper=True), "helper", "helper"),
        (rights(binary_may=True, tunnel_device=False), "none", "/dev/net/tun"),
        (rights(helper=True, tunnel_device=False), "helper", "helper"),
        (rights(system="windows"), "none", "administrator"),
        (rights(system="macos"), "none", "administrator"),
        (rights(system="other"), "none", "not one"),
    ],
)
def test_the_way_and_its_reason(found: Rights, kind: WayKind, word: str) -> None:
    way = choose_way(found)
    assert way.kind == kind
    assert word in way.text
