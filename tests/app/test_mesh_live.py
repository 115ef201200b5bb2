"""The mesh's board over real programs: a coordinator and two nodes, one of which is asked by the other."""

from __future__ import annotations

import asyncio
from pathlib import Path

from PySide6.QtWidgets import QApplication

from app.control_client import ControlClient
from app.mesh_model import MeshModel
from app.topology.board import MeshBoard
from node.mesh_view.values import MeshWorker
from tests.support.real_mesh import real_mesh
from tests.support.waiting import eventually


async def test_who_joins_is_asked_and_goes_is_seen_and_so_is_a_coordinator_that_ends(
    tmp_path: Path, qapp: QApplication
) -> None:
    with real_mesh(tmp_path) as mesh:
        await asyncio.to_thread(mesh.start_coordinator)
        link = await asyncio.to_thread(mesh.invite, 2)
        await asyncio.to_thread(mesh.start_node, "w-here", link, "--allow", "rag-embeddings")
        model = MeshModel()
        board = MeshBoard(model)
        board.resize(1500, 800)
        async with ControlClient(tmp_path / "w-here") as client:
            model.connect_to(client)
            board.show()
            try:
                await eventually(lambda: board._map.scene.view.own_id == "w-here", "to see ourselves", 120)
                await asyncio.to_thread(mesh.start_node, "w-other", link, "--allow", "ner-extraction")
                await eventually(lambda: _worker(board, "w-other").services, "to see what the other one runs", 120)
                assert board._notice.text == "Live, as the coordinator sees it."
                call = ("call", "ner-extraction/extract", "--data", '{"text": "Mr Smith owes 500 pounds."}')
                answer = await asyncio.to_thread(mesh.node_command, "w-here", *call)
                assert answer.returncode == 0, answer.stderr
                await eventually(lambda: _rate(board) > 0, "to see our own request on its way")
                assert _worker(board, "w-other").route == "direct"
                assert mesh.coordinator is not None
                await asyncio.to_thread(mesh.coordinator.kill)
                await eventually(lambda: board._map.scene.view.source == "earlier", "to see that it has ended")
                assert board._notice.text.startswith("The coordinator says nothing new.")
                assert _worker(board, "w-other").route == "direct", "what we know ourselves goes on"
            finally:
                board.close()
                await model.stop()
                board.deleteLater()
                model.deleteLater()


def _worker(board: MeshBoard, name: str) -> MeshWorker:
    member = board._map.scene.members.get(name)
    return member if isinstance(member, MeshWorker) else MeshWorker(id=name)


def _rate(board: MeshBoard) -> float:
    return max((line.traffic for line in board._map.scene.lines if line.own), default=0.0)
