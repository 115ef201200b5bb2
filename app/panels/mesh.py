"""The mesh, live; what is on the page is made when it is first seen, so that the window is painted sooner."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtGui import QShowEvent

from app.mesh_model import MeshModel
from app.panels import Panel
from app.picture import Picture

if TYPE_CHECKING:
    from app.topology.board import MeshBoard


class MeshPanel(Panel):
    """The page around the board, which has map, table, search and all about the computer that is chosen."""

    def __init__(self, mesh: MeshModel) -> None:
        super().__init__()
        self._mesh = mesh
        self.board: MeshBoard | None = None

    def draw(self, picture: Picture, now: float) -> None:
        """Draw what the mesh's own model knows; of the picture only the time is of interest here."""
        del picture
        if self.board is not None:
            self.board.draw(now)

    def showEvent(self, event: QShowEvent) -> None:
        if self.board is None:
            from app.topology.board import MeshBoard  # some hundredths of a second that the start has no use for

            self.board = MeshBoard(self._mesh)
            self.column.addWidget(self.board, 1)
        super().showEvent(event)
