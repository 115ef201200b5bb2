"""One picture out of what is told and what we know: who counts for what, and how it is with nobody to ask."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from node.mesh_view.drawing import Heard, draw
from node.mesh_view.told import ToldTopology, from_topology
from node.mesh_view.values import MeshView, MeshWorker
from node.state import Peer
from node.wire.messages import CoordinatorInfo
from tests.support import samples

OWN = samples.MEMBERSHIP.worker_id


def heard(*, live: bool = True, trouble: str = "", ahead: float = 0.0, **worker: Any) -> Heard:
    document = {
        "timestamp": 500.0 + ahead,
        "coordinators": [{"id": "c-main", "url": "https://elsewhere.example", "workers": 3, "status": "active"}],
        "workers": [
            {"id": OWN, "coordinator": "c-main", "type": "gpu", "status": "active", "load": 0.9},
            {
                "id": "w-a",
                "coordinator": "c-main",
                "type": "cpu",
                "status": "active",
                "services": ["ocr"],
                **worker,
            },
            {"id": "w-b", "coordinator": "c-main", "type": "edge", "status": "stale"},
        ],
        "links": [{"source": "c-main", "target": name, "route": "relay"} for name in (OWN, "w-a", "w-b", "gone")],
    }
    told = from_topology(msgspec.convert(document, type=ToldTopology), 500.0)
    return Heard(told=told, at=500.0, live=live, trouble=trouble)


def worker(view: MeshView, name: str) -> MeshWorker:
    return next(item for item in view.workers if item.id == name)


PEERS = (
    Peer(worker_id="w-a", route="vpn", address="10.42.0.2:8000", services=("old",), load=0.1, rtt_ms=12.0),
    Peer(
        worker_id="w-met", route="direct", address="192.168.1.9:8000", services=("ner",), load=0.2, last_seen=400.0
    ),
    Peer(worker_id=OWN, route="direct", address="127.0.0.1:8000"),
)


def test_outside_of_a_mesh_there_is_nothing_to_see() -> None:
    assert draw(samples.UNENROLLED, PEERS, heard()) == MeshView()


def test_what_is_told_counts_for_who_is_there_and_our_own_for_how_we_reach_them() -> None:
    view = draw(
        samples.ONLINE, PEERS, heard(in_flight=3, load=0.4), rates={"w-a": 1.5}, round_trips={"c-main": 7.0}
    )
    assert [item.id for item in view.workers] == [OWN, "w-a", "w-b", "w-met"]
    told = worker(view, "w-a")
    assert (told.type, told.services, told.load, told.in_flight) == ("cpu", ("ocr",), 0.4, 3)
    assert (told.route, told.rtt_ms) == ("vpn", 12.0)
    assert worker(view, "w-b").route is None, "it never had to be reached"
    assert worker(view, "w-b").status == "stale"
    links = {link.key: link for link in view.links}
    assert set(links) == {f"c-main>{OWN}", "c-main>w-a", "c-main>w-b", f"{OWN}>w-a", f"{OWN}>w-met"}
    assert (links[f"{OWN}>w-a"].route, links[f"{OWN}>w-a"].rate) == ("vpn", 1.5)
    assert (links["c-main>w-a"].route, links["c-main>w-a"].in_flight) == ("relay", 3)
    (coordinator,) = view.coordinators
    assert (coordinator.url, coordinator.rtt_ms, coordinator.ours) == (samples.COORDINATOR.url, 7.0, True)
    assert (view.source, view.told_at, view.trouble) == ("coordinator", None, "")


def test_this_machine_tells_of_itself_and_alone_has_a_name() -> None:
    view = draw(samples.ONLINE, PEERS, heard())
    own = worker(view, OWN)
    assert (own.name, own.load, own.route) == ("Reception PC", 0.34, "local")
    assert own.services == ("document-processing", "ner-extraction")
    assert {item.name for item in view.workers} == {"Reception PC", ""}
    assert worker(draw(samples.PAUSED, (), heard()), OWN).status == "paused"


def test_no_address_of_anybody_is_in_it() -> None:
    text = msgspec.json.encode(draw(samples.ONLINE, PEERS, heard())).decode()
    assert not any(peer.address.partition(":")[0] in text for peer in PEERS)


def test_without_a_coordinator_peers_tell_what_they_can() -> None:
    gone = msgspec.structs.replace(samples.ONLINE, coordinator_ok=False)
    view = draw(gone, PEERS, Heard(trouble="It did not answer in time."))
    assert (view.source, view.told_at, view.trouble) == ("peers", None, "It did not answer in time.")
    assert [(item.id, item.status) for item in view.workers] == [(OWN, "active"), ("w-a", "met"), ("w-met", "met")]
    assert [(item.id, item.status) for item in view.coordinators] == [("c-main", "unreachable")]


def test_what_was_told_before_it_went_is_still_there_and_said_to_be_old() -> None:
    gone = msgspec.structs.replace(samples.ONLINE, coordinator_ok=False)
    view = draw(gone, PEERS, heard(live=False, trouble="It refuses."))
    assert (view.source, view.told_at, view.trouble) == ("earlier", 500.0, "It refuses.")
    assert worker(view, "w-b").status == "stale"
    assert view.coordinators[0].status == "unreachable"
    assert draw(samples.ONLINE, PEERS, heard(live=False)).coordinators[0].status == "active", "heartbeats go on"


def test_coordinators_that_are_only_known_are_shown_as_such() -> None:
    other = CoordinatorInfo(id="c-two", url="https://two.example")
    membership = msgspec.structs.replace(samples.MEMBERSHIP, coordinators=(samples.COORDINATOR, other))
    view = draw(msgspec.structs.replace(samples.ONLINE, membership=membership), (), heard())
    assert [(item.id, item.status, item.ours) for item in view.coordinators] == [
        ("c-main", "active", True),
        ("c-two", "unknown", False),
    ]


@pytest.mark.parametrize("ahead", [-400.0, 0.0, 25.0])
def test_times_are_those_of_our_own_clock(ahead: float) -> None:
    view = draw(samples.ONLINE, (), heard(ahead=ahead, last_seen=480.0 + ahead))
    assert worker(view, "w-a").last_seen == 480.0
    assert worker(view, "w-b").last_seen == 0.0, "never seen stays never"


def test_words_that_we_do_not_know_are_taken_for_unknown() -> None:
    item = worker(draw(samples.ONLINE, (), heard(status="resting", type="quantum")), "w-a")
    assert (item.status, item.type) == ("unknown", None)
