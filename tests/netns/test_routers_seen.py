"""What real routers do with addresses is found out with real DHT nodes; where UDP is blocked, nothing is."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from node.dht.messages import MESH_TAG_BYTES
from node.wire.encoding import fingerprint
from tests.support.dht_nodes import Mesh
from tests.support.dht_runner import DhtGroup
from tests.support.namespaces import ROOT
from tests.support.netlab import Kind, Machine, NetLab

pytestmark = pytest.mark.needs("ip", "nft", "conntrack", "unshare", "nsenter")
PORT = 8468

# Asks until all have answered, or for so many seconds: answers may be slow on a busy machine.
ASK = """
import asyncio, json, sys
sys.path.insert(0, sys.argv[1])
from node.reachability.nat import nat_of
from node.reachability.udp import ask_where_seen
asked = [tuple(one) for one in json.loads(sys.argv[3])]
found = asyncio.run(ask_where_seen(asked, bytes.fromhex(sys.argv[2]), float(sys.argv[5])))
print(json.dumps([nat_of(found, [sys.argv[4]]), [one.seen for one in found]]))
"""


def ask(asker: Machine, mesh: Mesh, others: list[Machine], limit: float = 60.0) -> tuple[str, list[list[object]]]:
    """Return what the asker concludes, and where it was seen."""
    tag = fingerprint(mesh.key.public_key().public_bytes_raw())[:MESH_TAG_BYTES].hex()
    places = json.dumps([(other.ip, PORT) for other in others])
    said = asker.space.run(sys.executable, "-c", ASK, str(ROOT), tag, places, asker.ip, str(limit)).stdout
    nat, seen = json.loads(said)
    return nat, seen


@pytest.mark.parametrize(("kind", "wanted"), [("cone", "one-port"), ("symmetric", "symmetric")])
def test_routers_are_told_apart(lab: NetLab, tmp_path: Path, kind: Kind, wanted: str) -> None:
    mesh, publics = Mesh(), [lab.public("a"), lab.public("b")]
    for machine in publics:
        join = f"{publics[0].ip}:{PORT}"
        DhtGroup.in_space(machine.space, mesh, [mesh.member(machine.name)], tmp_path, f"{machine.ip}:{PORT}", join)
    router = lab.router("r", kind)
    host = lab.host("h", router)
    for _ in range(5):  # a router that takes ports by chance may take one twice
        nat, seen = ask(host, mesh, publics)
        if nat == wanted:
            break
    assert nat == wanted
    assert {place[0] for place in seen} == {router.ip}
    assert ask(host, mesh, publics[:1])[0] == "not-known", "one alone has nothing to compare with"
    lab.block_udp(router)
    assert ask(host, mesh, publics, 1.0) == ("not-known", [])
