"""The ways out: leave the mesh, or leave it and delete everything; each asks first and says what is lost."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import QCoreApplication

from app import figures
from app.node_model import NodeModel
from app.panels.settings_groups.goodbye_dialog import GoodbyeDialog
from app.panels.settings_groups.row import Status, StatusLine
from app.picture import Picture
from app.widgets.flow import Flow
from app.widgets.frames import Card
from app.widgets.glyphs import Button
from app.widgets.labels import label
from app.widgets.question import ask
from node.state import NodeState


class GoodbyeCard(Card):
    """Two buttons, and why one of them cannot be pressed."""

    def __init__(self, model: NodeModel, data_dir: Path | None) -> None:
        super().__init__(QCoreApplication.translate("GoodbyeCard", "Leave"))
        self._model = model
        self._data_dir = data_dir
        self._picture = Picture()
        self.text = label("", "muted", wrap=True)
        self.why = StatusLine()
        self.leaving = Button(self.tr("Leave this mesh…"), "leave")
        self.deleting = Button(self.tr("Leave and delete everything…"), "leave")
        self.leaving.clicked.connect(self._ask_to_leave)
        self.deleting.clicked.connect(self._ask_to_delete)
        self.body.addWidget(self.text)
        self.body.addWidget(self.why)
        self.body.addLayout(Flow(self.leaving, self.deleting))

    def draw(self, picture: Picture) -> None:
        self._picture = picture
        state = picture.state
        self.text.setText(self._text(state))
        self.leaving.setVisible(picture.enrolled)
        under_way = "leave" in picture.pending or (state is not None and state.leaving)
        self.leaving.setEnabled(picture.connected and not under_way)
        self.deleting.setEnabled(picture.life.ours and not under_way)
        self.why.show_status(Status(self._why(picture, under_way=under_way), "quiet"))

    def _text(self, state: NodeState | None) -> str:
        if state is None or state.membership is None:
            return self.tr("This computer is in no mesh.")
        text = self.tr("This computer is in the mesh of {host}, as {name}.")
        return text.format(host=host_of(state), name=state.membership.worker_id)

    def _why(self, picture: Picture, *, under_way: bool) -> str:
        if under_way:
            return self.tr("It is leaving now. Requests under way are finished first.")
        if not picture.life.ours:
            return self.tr(
                "The node on this computer was started by somebody else, so its files are not deleted from here."
            )
        if not picture.connected:
            return self.tr("The node does not answer, so it cannot leave. Everything can be deleted all the same.")
        return ""

    def _ask_to_leave(self) -> None:
        ask(
            self,
            self.tr("Leave this mesh?"),
            self.tr(
                "Requests under way are finished, then this computer stops helping. Its key and membership are "
                "deleted; your rules stay. To come back you need a new invite from the mesh's operator."
            ),
            yes=self.tr("Leave"),
            no=self.tr("Stay"),
            act=self._model.leave,
        )

    def _ask_to_delete(self) -> None:
        ask(
            self,
            self.tr("Leave and delete everything?"),
            "\n".join(self.losses()),
            yes=self.tr("Delete everything"),
            no=self.tr("Keep everything"),
            act=self._begin,
        )

    def losses(self) -> list[str]:
        """Say exactly what is lost, a sentence for each."""
        state = self._picture.state
        lines = []
        if state is not None and state.membership is not None:
            text = self.tr("• The place in the mesh of {host}. To come back you need a new invite.")
            lines.append(text.format(host=host_of(state)))
            lines.append(self.tr("• Requests that take longer than half a minute to finish."))
            if not self._picture.connected:
                lines.append(self.tr("• The node does not answer, so no coordinator will be told."))
        lines.append(self.tr("• This computer's keys, in the system's keyring, too. Nobody can bring them back."))
        lines.append(self.tr("• All rules, the schedule, and what was counted of your contribution."))
        lines.append(self.tr("• What services keep here, such as a library of documents, and all logs."))
        lines.append(self.tr("• The start at login."))
        if self._data_dir is not None:
            lines.append(self.tr("Files are deleted from {folder}.").format(folder=self._data_dir))
        lines.append(self.tr("RMA Mesh closes afterwards. The program itself stays installed."))
        return lines

    def _begin(self) -> None:
        self._model.goodbye.start()
        GoodbyeDialog(self, self._model.goodbye).open()


def host_of(state: NodeState) -> str:
    """Return the coordinator's name, as people know it."""
    first = state.membership.coordinators[0].url if state.membership and state.membership.coordinators else ""
    return figures.host_of(state.coordinator or first) or "?"
