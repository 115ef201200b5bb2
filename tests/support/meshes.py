"""Pictures of meshes of any size, the same for the same numbers."""

from __future__ import annotations

import random

import msgspec

from node.mesh_view.values import MeshCoordinator, MeshLink, MeshView, MeshWorker, WorkerStatus
from node.wire.messages import Route, WorkerType
from tests.support.samples import COORDINATOR, MEMBERSHIP, NOW

OWN = MEMBERSHIP.worker_id
COORD = COORDINATOR.id
ROUTES: tuple[Route, ...] = ("direct", "vpn", "vpn", "vpn", "relay", "tunnel")
STATUSES: tuple[WorkerStatus, ...] = ("active",) * 16 + ("stale", "draining", "paused", "offline")
TYPES: tuple[WorkerType, ...] = ("cpu", "cpu", "gpu", "storage", "edge")
SERVICES = ("document-processing", "ner-extraction", "notes-coa", "rag-embeddings", "vision-ocr", "llm-inference")


def mesh(count: int, *, peers: int = 40, coordinators: int = 1, seed: int = 1) -> MeshView:
    """Return a mesh of so many workers, this machine one of them, which reaches so many others itself."""
    rng = random.Random(seed)
    names = [COORD, *(f"c-{n}" for n in range(2, coordinators + 1))]
    workers, links = [own()], [MeshLink(source=COORD, target=OWN, route="vpn", in_flight=1)]
    for number in range(1, count):
        route = rng.choice(ROUTES)
        worker = _worker(rng, names, route if number <= peers else None)
        workers.append(worker)
        links.append(MeshLink(source=worker.coordinator, target=worker.id, route=route, in_flight=worker.in_flight))
        if number <= peers:
            rate = round(rng.expovariate(0.6), 1) if rng.random() < 0.4 else 0.0
            links.append(MeshLink(source=OWN, target=worker.id, route=route, rate=rate))
    return MeshView(
        own_id=OWN,
        source="coordinator",
        coordinators=tuple(_coordinator(name, count) for name in names),
        workers=tuple(sorted(workers, key=lambda worker: worker.id)),
        links=tuple(sorted(links, key=lambda link: link.key)),
    )


def own() -> MeshWorker:
    return MeshWorker(
        id=OWN,
        name="Reception PC",
        type="gpu",
        coordinator=COORD,
        services=("document-processing", "ner-extraction"),
        status="active",
        load=0.34,
        route="local",
    )


def _worker(rng: random.Random, coordinators: list[str], route: Route | None) -> MeshWorker:
    busy = rng.random() < 0.15
    return MeshWorker(
        id=f"w-{rng.randrange(16**10):010x}",
        type=rng.choice(TYPES),
        coordinator=rng.choice(coordinators),
        services=tuple(sorted(rng.sample(SERVICES, rng.randrange(4)))),
        status=rng.choice(STATUSES),
        load=round(rng.random() ** 2, 2),
        in_flight=rng.randrange(1, 6) if busy else 0,
        last_seen=NOW - rng.randrange(30),
        route=route,
        tunnel="relayed" if route == "vpn" and rng.random() < 0.2 else None,
        trying="vpn" if route in ("relay", "direct") and rng.random() < 0.3 else None,
        rtt_ms=round(rng.uniform(1, 120), 1) if route else None,
    )


def _coordinator(name: str, workers: int) -> MeshCoordinator:
    ours = name == COORD
    return MeshCoordinator(
        id=name,
        url=COORDINATOR.url if ours else f"https://{name}.example",
        workers=workers,
        load=0.3,
        status="active",
        rtt_ms=12.0 if ours else None,
        ours=ours,
    )


def busier(view: MeshView, seed: int, share: float = 0.02) -> MeshView:
    """Return the mesh a moment later: some workers have another load, all else is as it was."""
    rng = random.Random(seed)
    workers = tuple(
        msgspec.structs.replace(worker, load=round(rng.random(), 2)) if rng.random() < share else worker
        for worker in view.workers
    )
    return msgspec.structs.replace(view, workers=workers)


LONG_NAME = ("w-the-computer-in-the-back-room-of-the-debt-advice-office-in-upper")[:64]


def with_long_names(view: MeshView) -> MeshView:
    """Return the mesh with the longest names that there can be."""
    renamed = {
        worker.id: worker.id if worker.id == view.own_id else (LONG_NAME[:-4] + f"{n:04}")
        for n, worker in enumerate(view.workers)
    }
    return msgspec.structs.replace(
        view,
        workers=tuple(msgspec.structs.replace(worker, id=renamed[worker.id]) for worker in view.workers),
        links=tuple(
            msgspec.structs.replace(
                link, source=renamed.get(link.source, link.source), target=renamed.get(link.target, link.target)
            )
            for link in view.links
        ),
    )
