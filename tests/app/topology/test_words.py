"""Every state, way and source has its sentence, and none is left unfinished."""

from __future__ import annotations

from typing import get_args

import msgspec
import pytest

from app.topology import words
from app.topology.scene import compose
from node.mesh_view.values import CoordinatorStatus, MeshCoordinator, MeshLink, MeshWorker, WorkerStatus
from node.state import BetterWay
from node.wire.messages import Route
from tests.support import meshes
from tests.support.meshes import OWN
from tests.support.samples import NOW


def test_every_state_is_named_and_explained() -> None:
    states = {*get_args(WorkerStatus), *get_args(CoordinatorStatus)}
    assert words.statuses().keys() == words.meanings().keys() == states
    assert len(set(words.statuses().values())) == len(states)
    assert all(text.endswith(".") for text in words.meanings().values())


def test_every_way_is_named_and_has_a_reason() -> None:
    routes: list[Route | None] = [*get_args(Route), None]
    workers = [MeshWorker(id="w", route=route) for route in routes]
    assert len({words.way_text(worker) for worker in workers}) == len(routes)
    reasons = [words.why_text(worker) for worker in workers]
    assert len(set(reasons)) == len(routes)
    assert all(reason.endswith(".") for reason in reasons)
    relayed = MeshWorker(id="w", route="vpn", tunnel="relayed")
    assert words.way_text(relayed) == "Private network, relayed"
    assert "coordinator" in words.why_text(relayed)


def test_every_better_way_is_said() -> None:
    assert words.trying_text(None) == ""
    better: set[BetterWay] = {*get_args(Route), "vpn-direct"}
    for way in better - {"local"}:
        assert words.trying_text(way).endswith(".")


@pytest.mark.parametrize(
    ("rate", "text"),
    [
        (0.0, "None just now"),
        (0.02, "A few in a minute"),
        (0.3, "0.3 per second"),
        (1.5, "1.5 per second"),
        (12.0, "12 per second"),
        (1200.0, "1,200 per second"),
    ],
)
def test_rates(rate: float, text: str) -> None:
    assert words.rate_text(MeshLink(source="a", target="b", rate=rate)) == text
    assert words.rate_text(None) == "None just now"


def test_somebody_is_described_in_sentences() -> None:
    worker = MeshWorker(id="w-1", status="active", load=0.5, services=("ner",), route="vpn", last_seen=NOW - 30)
    text = words.describe(worker, OWN, NOW)
    assert text == "w-1. Computer. Working, 50 % busy. Way: Private network. Services: ner. Seen: 30 s ago."
    coordinator = MeshCoordinator(id="c-1", status="unreachable", workers=1)
    assert words.describe(coordinator, OWN, NOW) == "c-1. Coordinator. Does not answer. It has 1 computer."
    assert "This computer" in words.describe(meshes.own(), OWN, NOW)


def test_names_with_braces_are_no_placeholders() -> None:
    worker = msgspec.structs.replace(meshes.own(), name="{kind} {0}")
    assert words.describe(worker, OWN, NOW).startswith("{kind} {0}. This computer.")


def test_where_it_comes_from_is_said_with_the_trouble() -> None:
    view = meshes.mesh(3)
    assert words.source_notice(view, NOW) == ("good", "Live, as the coordinator sees it.")
    earlier = msgspec.structs.replace(view, source="earlier", told_at=NOW - 200, trouble="It refuses.")
    tone, text = words.source_notice(earlier, NOW)
    assert (tone, "3 min ago" in text, text.endswith("It refuses.")) == ("warn", True, True)
    alone = msgspec.structs.replace(view, source="peers", trouble="It refuses.")
    tone, text = words.source_notice(alone, NOW)
    assert (tone, "this computer knows" in text) == ("warn", True)
    assert words.source_notice(msgspec.structs.replace(alone, trouble=""), NOW)[0] == "quiet"


def test_ways_are_captioned_only_where_there_are_many() -> None:
    assert words.captions(compose(meshes.mesh(12))) == {}
    captions = words.captions(compose(meshes.mesh(500)))
    assert captions.keys() == {"direct", "vpn", "relay", "tunnel"}
    assert captions["relay"].startswith("Relayed: ")


def test_counts() -> None:
    assert [words.workers_text(n) for n in (1, 2, 5000)] == ["1 computer", "2 computers", "5,000 computers"]
    assert [words.found_text(n) for n in (0, 3)] == ["None found", "3 found"]
    assert words.type_text(None) == "Not known"
