"""Real DHT nodes in networks that are cut, healed, far apart and lossy: nobody is restarted, nobody is lost."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from tests.support.dht_nodes import Mesh
from tests.support.dht_runner import DhtGroup
from tests.support.netlab import Machine, NetLab

pytestmark = pytest.mark.needs("ip", "nft", "unshare", "nsenter")
DEADLINE = 60.0
PORT = 8468
NAMES = {"a": ["a-1", "a-2", "a-3"], "b": ["b-1", "b-2", "b-3"]}
ALL = {*NAMES["a"], *NAMES["b"]}


def groups(lab: NetLab, folder: Path, **settings: float) -> tuple[list[DhtGroup], list[Machine]]:
    """Return two networks with three nodes each; all join through the first of the first."""
    mesh = Mesh()
    machines = [lab.public(name) for name in NAMES]
    members = [[mesh.member(name) for name in names] for names in NAMES.values()]
    join = f"{machines[0].ip}:{PORT}"
    made = [
        DhtGroup.in_space(machine.space, mesh, some, folder, f"{machine.ip}:{PORT}", join, **settings)
        for machine, some in zip(machines, members, strict=True)
    ]
    return made, machines


def publish_everywhere(halves: list[DhtGroup]) -> None:
    for half in halves:
        for name in half.names:
            half.publish(name, "ocr")


def finds(half: DhtGroup, expected: set[str]) -> None:
    """Wait until every node of a half finds exactly these workers."""
    end = time.monotonic() + DEADLINE
    for name in half.names:
        while (found := half.find(name, "ocr")) != expected:
            assert time.monotonic() < end, (
                f"{name} finds {sorted(found)}, not {sorted(expected)}: {half.look(name)}"
            )
            time.sleep(0.05)


def test_both_halves_of_a_cut_mesh_go_on_and_find_one_another_when_it_heals(lab: NetLab, tmp_path: Path) -> None:
    halves, machines = groups(lab, tmp_path, republish=0.8, entry_ttl=4.0, rejoin_first=0.05, rejoin_longest=1.0)
    publish_everywhere(halves)
    for half in halves:
        finds(half, ALL)
    lab.partition(machines[:1], machines[1:])
    for half in halves:
        finds(half, set(half.names))  # what the others had published has expired, their own has not
    halves[1].publish("b-1", "born-apart", "ocr")
    assert halves[1].find("b-3", "born-apart") == {"b-1"}
    assert halves[0].find("a-3", "born-apart") == set()
    lab.heal()
    for half in halves:
        finds(half, ALL)
    end = time.monotonic() + DEADLINE
    while halves[0].find("a-3", "born-apart") != {"b-1"}:
        assert time.monotonic() < end, "what was published during the partition is never found"
        time.sleep(0.05)


def test_a_link_that_comes_and_goes_hides_nobody_from_its_own_half(lab: NetLab, tmp_path: Path) -> None:
    halves, machines = groups(lab, tmp_path, republish=0.8, entry_ttl=60.0, rejoin_first=0.05, rejoin_longest=1.0)
    publish_everywhere(halves)
    for half in halves:
        finds(half, ALL)
    for _ in range(3):
        lab.partition(machines[:1], machines[1:])
        for half in halves:
            assert set(half.names) <= half.find(half.names[0], "ocr")
        lab.heal()
    for half in halves:
        finds(half, ALL)


def test_a_bad_link_keeps_nobody_from_publishing_and_finding(lab: NetLab, tmp_path: Path) -> None:
    halves, machines = groups(lab, tmp_path, republish=2.0, entry_ttl=120.0, rejoin_first=0.05, rejoin_longest=2.0)
    lab.distance(machines[1], delay=0.05, loss=0.05)
    publish_everywhere(halves)
    for half in halves:
        finds(half, ALL)
    for turn in range(10):
        name = f"service-{turn}"
        halves[turn % 2].publish(halves[turn % 2].names[0], name, "ocr")
        other = halves[1 - turn % 2]
        end = time.monotonic() + DEADLINE
        while other.find(other.names[turn % 3], name) != {halves[turn % 2].names[0]}:
            assert time.monotonic() < end, f"{name} is never found over the bad link"
            time.sleep(0.05)
        for half in halves:
            assert (
                min(half.contacts(one) for one in half.names) >= 2
            )  # at least the own half's, and none is emptied
