"""A coordinator's topology: its messages add up, what is missing is noticed, and too much is refused."""

from __future__ import annotations

import msgspec
import pytest

from coordinator_server.api.shapes import (
    Topology,
    TopologyChange,
    TopologyCoordinator,
    TopologyDelta,
    TopologyLink,
    TopologyRemoval,
    TopologySnapshot,
    TopologyWorker,
)
from node.mesh_view.told import MOST, OutOfStepError, Told, ToldDelta, ToldSnapshot, ToldTopology, followed

WORKERS = tuple(TopologyWorker(id=f"w-{n}", type="cpu", coordinator="c-1") for n in range(3))
TOPOLOGY = Topology(
    coordinator="c-1",
    version="1",
    sequence=4,
    timestamp=1000.0,
    coordinators=(TopologyCoordinator(id="c-1", url="https://mesh.example", workers=3),),
    workers=WORKERS,
    links=tuple(TopologyLink(source="c-1", target=worker.id, route="relay") for worker in WORKERS),
)


def read(message: object) -> ToldSnapshot | ToldDelta:
    return msgspec.json.decode(msgspec.json.encode(message), type=ToldSnapshot | ToldDelta)


def first() -> Told:
    return followed(None, read(TopologySnapshot(sequence=4, timestamp=1000.0, topology=TOPOLOGY)), 990.0)


def test_what_a_coordinator_sends_is_understood() -> None:
    told = first()
    assert list(told.workers) == ["w-0", "w-1", "w-2"]
    assert told.links["c-1>w-2"].route == "relay"
    assert told.coordinators["c-1"].workers == 3
    assert told.ahead == 10.0


def test_a_delta_changes_adds_and_removes() -> None:
    delta = TopologyDelta(
        sequence=5,
        timestamp=1001.0,
        changed=TopologyChange(
            workers=(
                msgspec.structs.replace(WORKERS[1], load=0.5),
                TopologyWorker(id="w-9", type="gpu", coordinator="c-1"),
            )
        ),
        removed=TopologyRemoval(workers=("w-0",), links=("c-1>w-0",), services=("ocr",)),
    )
    told = followed(first(), read(delta), 2000.0)
    assert list(told.workers) == ["w-1", "w-2", "w-9"]
    assert told.workers["w-1"].load == 0.5
    assert "c-1>w-0" not in told.links
    assert told.ahead == 10.0, "else all that was seen would move with every message"


def test_a_gap_is_noticed() -> None:
    delta = ToldDelta(sequence=6)
    for told in (first(), None):
        with pytest.raises(OutOfStepError):
            followed(told, delta, 0.0)


def test_a_mesh_cannot_grow_beyond_all_bounds() -> None:
    told = msgspec.structs.replace(first(), workers={f"w-{n}": read_worker(f"w-{n}") for n in range(MOST)})
    delta = read(
        TopologyDelta(
            sequence=5,
            timestamp=0.0,
            changed=TopologyChange(workers=(TopologyWorker(id="one-more", type="cpu", coordinator="c-1"),)),
            removed=TopologyRemoval(),
        )
    )
    with pytest.raises(OutOfStepError):
        followed(told, delta, 0.0)


def read_worker(name: str) -> object:
    return msgspec.convert({"id": name, "coordinator": "c-1"}, type=type(first().workers["w-0"]))


@pytest.mark.parametrize(
    "worker",
    [
        b'{"id":"<b>","coordinator":"c"}',
        b'{"id":"w","coordinator":"c","load":7}',
        b'{"id":"w","coordinator":"c","services":["../x"]}',
        b'{"id":"w"}',
        b'{"id":"w","coordinator":"c","status":"' + b"x" * 40 + b'"}',
    ],
)
def test_what_is_not_so_is_refused_at_the_door(worker: bytes) -> None:
    with pytest.raises(msgspec.ValidationError):
        msgspec.json.decode(b'{"workers":[' + worker + b"]}", type=ToldTopology)


def test_words_of_newer_coordinators_do_no_harm() -> None:
    text = b'{"workers":[{"id":"w","coordinator":"c","type":"quantum","status":"resting","new":1}]}'
    assert msgspec.json.decode(text, type=ToldTopology).workers[0].status == "resting"
