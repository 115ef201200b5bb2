"""The page of the mesh: made when it is first seen, and drawn from then on."""

from __future__ import annotations

from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from app.mesh_model import MeshModel, MeshSight
from app.panels.mesh import MeshPanel
from tests.support import meshes
from tests.support.samples import NOW, TYPICAL


def test_what_nobody_has_seen_is_not_made(qtbot: QtBot) -> None:
    model = MeshModel()
    panel = MeshPanel(model)
    qtbot.addWidget(panel)
    panel.resize(900, 600)
    panel.draw(TYPICAL, NOW)
    assert panel.board is None
    panel.show()
    made = panel.board
    assert made is not None
    model.sight = MeshSight(meshes.mesh(8), live=True)
    panel.draw(TYPICAL, NOW)
    QApplication.processEvents()
    assert len(made._map.scene.marks) == 9
    assert made.isVisible()
    panel.hide()
    panel.show()
    assert panel.board is made
    model.deleteLater()
