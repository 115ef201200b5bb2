"""What leads from one picture to the next leads there for whoever applies it."""

from __future__ import annotations

import random

import msgspec

from node.mesh_view.changes import applied, difference
from node.mesh_view.values import MeshCoordinator, MeshLink, MeshMessage, MeshSnapshot, MeshView, MeshWorker


def random_view(rng: random.Random) -> MeshView:
    workers = [
        MeshWorker(id=f"w-{n:02}", load=rng.choice([0.0, 0.5]), status="active")
        for n in range(20)
        if rng.random() < 0.7
    ]
    links = [MeshLink(source="c", target=worker.id, in_flight=rng.randrange(2)) for worker in workers]
    return MeshView(
        own_id="w-00",
        source=rng.choice(["coordinator", "earlier"]),
        told_at=rng.choice([None, 5.0]),
        coordinators=(MeshCoordinator(id="c", load=rng.random()),) if rng.random() < 0.8 else (),
        workers=tuple(workers),
        links=tuple(links),
    )


def test_changes_lead_from_each_picture_to_the_next_also_over_the_wire() -> None:
    rng = random.Random(7)
    view = random_view(rng)
    for sequence in range(1, 200):
        newer = random_view(rng)
        change = difference(view, newer, sequence)
        if change is None:
            assert view == newer
            continue
        read = msgspec.json.decode(msgspec.json.encode(change), type=MeshMessage)
        assert not isinstance(read, MeshSnapshot)
        assert applied(view, read) == newer
        view = newer


def test_nothing_new_is_nothing_to_say() -> None:
    view = random_view(random.Random(1))
    same = msgspec.json.decode(msgspec.json.encode(view), type=MeshView)
    assert difference(view, view, 1) is None
    assert difference(view, same, 1) is None


def test_only_what_differs_is_said() -> None:
    old = MeshView(own_id="w-1", workers=tuple(MeshWorker(id=f"w-{n}") for n in range(1, 4)))
    new = msgspec.structs.replace(old, workers=(old.workers[0], MeshWorker(id="w-2", load=0.5)))
    change = difference(old, new, 4)
    assert change is not None
    assert (change.sequence, [worker.id for worker in change.workers]) == (4, ["w-2"])
    assert change.gone_workers == ("w-3",)
    assert change.links == ()
