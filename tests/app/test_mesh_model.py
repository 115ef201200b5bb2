"""The mesh is followed only while it is shown, adds up, is told ten times a second, and survives its node."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator

import msgspec
import pytest
import pytest_asyncio
from PySide6.QtWidgets import QApplication

from app import mesh_model
from app.intents import NodeRefused, NodeUnreachable
from app.mesh_model import MeshModel, MeshSight
from node.mesh_view.changes import difference
from node.mesh_view.values import MeshChange, MeshMessage, MeshSnapshot, MeshView
from tests.support import meshes
from tests.support.waiting import eventually


class Node:
    """A node's stream, played: each listening gets its own queue."""

    def __init__(self) -> None:
        self.queues: list[asyncio.Queue[bytes | None]] = []
        self.open = 0
        self.refusal: Exception | None = None

    async def listen(self, path: str) -> AsyncGenerator[bytes]:
        assert path == "/mesh/stream"
        if self.refusal is not None:
            raise self.refusal
        queue: asyncio.Queue[bytes | None] = asyncio.Queue()
        self.queues.append(queue)
        self.open += 1
        try:
            while (data := await queue.get()) is not None:
                yield data
        finally:
            self.open -= 1

    def say(self, message: MeshMessage | bytes | None) -> None:
        raw = message if message is None or isinstance(message, bytes) else msgspec.json.encode(message)
        self.queues[-1].put_nowait(raw)


@pytest.fixture
def node() -> Node:
    return Node()


@pytest_asyncio.fixture
async def mesh(qapp: QApplication, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[MeshModel]:
    monkeypatch.setattr(mesh_model, "FIRST_PAUSE", 0.01)
    made = MeshModel()
    yield made
    await made.stop()
    made.deleteLater()


async def listening(mesh: MeshModel, node: Node) -> None:
    mesh.connect_to(node)
    mesh.watch(wanted=True)
    await eventually(lambda: node.open == 1, "to listen")


def change(old: MeshView, new: MeshView, sequence: int) -> MeshChange:
    found = difference(old, new, sequence)
    assert found is not None
    return found


async def test_nobody_looks_so_nothing_is_followed(mesh: MeshModel, node: Node) -> None:
    mesh.connect_to(node)
    await asyncio.sleep(0)
    assert node.queues == []
    mesh.watch(wanted=True)
    await eventually(lambda: node.open == 1, "to listen")
    mesh.watch(wanted=True)
    mesh.watch(wanted=False)
    await eventually(lambda: node.open == 0, "to listen no more")
    assert len(node.queues) == 1


async def test_who_looks_before_there_is_a_node_sees_it_as_soon_as_there_is_one(
    mesh: MeshModel, node: Node
) -> None:
    mesh.watch(wanted=True)
    mesh.connect_to(node)
    await eventually(lambda: node.open == 1, "to listen")


async def test_a_snapshot_and_changes_add_up(mesh: MeshModel, node: Node) -> None:
    await listening(mesh, node)
    first, second = meshes.mesh(20), meshes.mesh(22)
    node.say(MeshSnapshot(sequence=0, view=first))
    await eventually(lambda: mesh.sight == MeshSight(first, live=True), "the first")
    node.say(change(first, second, 1))
    await eventually(lambda: mesh.sight == MeshSight(second, live=True), "the second")


async def test_a_thousand_changes_are_told_in_few(
    mesh: MeshModel, node: Node, monkeypatch: pytest.MonkeyPatch
) -> None:
    mesh._gathering.setInterval(3_600_000)
    told: list[MeshSight] = []
    mesh.changed.connect(told.append)
    await listening(mesh, node)
    view = meshes.mesh(5)
    node.say(MeshSnapshot(sequence=0, view=view))
    for sequence in range(1, 1001):
        later = msgspec.structs.replace(view, told_at=float(sequence))
        node.say(change(view, later, sequence))
        view = later
    await eventually(lambda: mesh.sight.view == view, "the last")
    assert told == []
    mesh._gathering.start(0)
    await eventually(lambda: told, "to be told")
    assert [sight.view for sight in told] == [view]


@pytest.mark.parametrize(
    "message",
    [
        b"{",
        b'{"type":"other"}',
        msgspec.json.encode(MeshChange(sequence=1)),
        msgspec.json.encode(MeshChange(sequence=0)),
    ],
)
async def test_what_does_not_add_up_is_fetched_again(mesh: MeshModel, node: Node, message: bytes) -> None:
    await listening(mesh, node)
    node.say(message)
    await eventually(lambda: len(node.queues) == 2, "to listen anew")
    view = meshes.mesh(3)
    node.say(MeshSnapshot(sequence=0, view=view))
    await eventually(lambda: mesh.sight == MeshSight(view, live=True), "the whole")


async def test_a_node_that_goes_leaves_what_was_known_and_is_listened_to_when_it_is_back(
    mesh: MeshModel, node: Node
) -> None:
    await listening(mesh, node)
    view = meshes.mesh(3)
    node.say(MeshSnapshot(sequence=0, view=view))
    await eventually(lambda: mesh.sight.live, "to see it")
    node.refusal = NodeUnreachable()
    node.say(None)
    await eventually(lambda: mesh.sight == MeshSight(view, live=False), "to know that it is old")
    node.refusal = None
    await eventually(lambda: node.open == 1, "to listen again")


async def test_a_refusal_is_told(mesh: MeshModel, node: Node) -> None:
    node.refusal = NodeRefused("overloaded", "Too many programs watch the mesh at once.")
    mesh.connect_to(node)
    mesh.watch(wanted=True)
    await eventually(lambda: mesh.sight.refusal == "Too many programs watch the mesh at once.", "the refusal")


async def test_stop_leaves_nothing_behind(mesh: MeshModel, node: Node) -> None:
    await listening(mesh, node)
    await mesh.stop()
    await mesh.stop()
    assert node.open == 0
