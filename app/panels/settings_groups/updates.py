"""Which version this is, and how it is brought up to date: there is no updater, and nobody is asked or told."""

from __future__ import annotations

import sys
from pathlib import Path

from PySide6.QtCore import QCoreApplication

from app.autostart import is_installed
from app.picture import Picture
from app.widgets.frames import Card
from app.widgets.labels import label
from node import __version__


class UpdatesCard(Card):
    """The version of window and node, and what to do for a newer one."""

    def __init__(self) -> None:
        super().__init__(QCoreApplication.translate("UpdatesCard", "Version"))
        self.version = label("", wrap=True)
        self.how = label(self._how(), "muted", wrap=True)
        self.body.addWidget(self.version)
        self.body.addWidget(self.how)

    def draw(self, picture: Picture) -> None:
        ours, node = __version__, picture.state.version if picture.state else ""
        if not node or node == ours:
            self.version.setText(self.tr("This is RMA Mesh {version}.").format(version=ours))
        else:
            text = self.tr("This is RMA Mesh {version}; the node on this computer is of version {node}.")
            self.version.setText(text.format(version=ours, node=node))

    def _how(self) -> str:
        quiet = self.tr("RMA Mesh does not look for newer versions by itself.")
        if getattr(sys, "frozen", False):
            how = self.tr("To update, install a newer one over it, from where you got this one.")
        elif is_installed():
            how = self.tr("To update, install a newer package with {python}, and start RMA Mesh again.")
            how = how.format(python=sys.executable)
        else:
            how = self.tr("It runs from its source in {folder}. To update, bring that up to date and start again.")
            how = how.format(folder=Path(__file__).parents[3])
        kept = self.tr("Your place in the mesh and your rules stay.")
        return f"{quiet} {how} {kept}"
