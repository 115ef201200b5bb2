"""A mesh of DHT nodes that have nothing but IPv6 between them."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from tests.support.dht_nodes import Mesh
from tests.support.dht_runner import DhtGroup
from tests.support.netlab import NetLab

pytestmark = pytest.mark.needs("ip", "nft", "unshare", "nsenter")
DEADLINE = 60.0


def test_two_networks_are_one_mesh_over_ipv6(lab: NetLab, tmp_path: Path) -> None:
    mesh = Mesh()
    groups = []
    for number, name in enumerate(("a", "b"), 1):
        machine = lab.public(name)
        machine.space.ip("addr", "flush", "dev", machine.device, "scope", "global")
        machine.space.ip("addr", "add", f"fd00:42::{number}/64", "dev", machine.device, "nodad")
        members = [mesh.member(f"{name}-{one}") for one in range(2)]
        here = f"fd00:42::{number}:8468"
        groups.append(DhtGroup.in_space(machine.space, mesh, members, tmp_path, here, "fd00:42::1:8468"))
    for group in groups:
        for name in group.names:
            group.publish(name, "ocr")
    everybody = {name for group in groups for name in group.names}
    end = time.monotonic() + DEADLINE
    for group in groups:
        for name in group.names:
            while group.find(name, "ocr") != everybody:
                assert time.monotonic() < end, f"{name} does not find everybody: {group.look(name)}"
                time.sleep(0.05)
            assert all(contact.startswith("fd00:42::") for contact in group.look(name)["contacts"])
