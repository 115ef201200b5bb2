"""All that is known of the one computer that is chosen."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QFormLayout, QHBoxLayout, QLabel, QSizePolicy, QWidget

from app import figures
from app.counted import counted
from app.topology import words
from app.topology.scene import Member, Scene
from app.widgets.frames import Card
from app.widgets.glyphs import Button, IconButton
from app.widgets.labels import ElidedLabel, label, set_style_property
from node.mesh_view.values import MeshCoordinator, MeshLink, MeshWorker


class MemberCard(Card):
    """Name, state and facts; `closed` when the user has seen enough, `centre_wanted` to see it on the map."""

    closed = Signal()
    centre_wanted = Signal(str)

    def __init__(self) -> None:
        super().__init__()
        self._id = ""
        self._title = ElidedLabel("", "title", Qt.TextElideMode.ElideMiddle)
        self._status = label("", "pill")
        self._status.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)
        self._meaning = label("", "muted", wrap=True)
        self._facts = Facts()
        self.centre = Button(self.tr("Show on the map"), kind="quiet")
        self.centre.clicked.connect(lambda: self.centre_wanted.emit(self._id))
        self.close_button = IconButton("close", self.tr("Close the details"))
        self.close_button.clicked.connect(self.closed)
        top, bottom = QHBoxLayout(), QHBoxLayout()
        for widget, stretch in ((self._title, 1), (self._status, 0), (self.close_button, 0)):
            top.addWidget(widget, stretch)
        bottom.addWidget(self._meaning, 1)
        bottom.addWidget(self.centre, 0, Qt.AlignmentFlag.AlignTop)
        self.body.addLayout(top)
        self.body.addLayout(bottom)
        self.body.addWidget(self._facts)
        self.hide()

    def draw(self, scene: Scene, chosen: str | None, now: float) -> None:
        """Show who is chosen; nothing where he is not there any more."""
        member = scene.members.get(chosen or "")
        self.setVisible(member is not None)
        if member is None:
            return
        self._id = member.id
        self._title.show_text(words.name_of(member))
        self._status.setText(words.statuses()[member.status])
        set_style_property(self._status, "pill", words.tone_of(member.status))
        self._meaning.setText(words.meanings()[member.status])
        self.setAccessibleName(words.describe(member, scene.view.own_id, now))
        self._facts.show_facts(self._all_of(member, scene, now))

    def _all_of(self, member: Member, scene: Scene, now: float) -> list[tuple[str, str]]:
        facts = [(self.tr("Kind"), words.kinds()[words.kind_of(member, scene.view.own_id)])]
        if words.name_of(member) != member.id:
            facts.append((self.tr("Known to others as"), member.id))
        if isinstance(member, MeshCoordinator):
            return facts + self._of_coordinator(member)
        link = next((one for one in scene.view.links if _leads_to(one, scene.view.own_id, member.id)), None)
        return facts + self._of_worker(member, link, now, own=member.id == scene.view.own_id)

    def _of_coordinator(self, member: MeshCoordinator) -> list[tuple[str, str]]:
        return [
            (self.tr("Address"), member.url or figures.DASH),
            (self.tr("Place"), member.location),
            (self.tr("Looks after"), words.workers_text(member.workers)),
            (self.tr("Their load"), figures.percent(member.load)),
            (self.tr("Round trip"), figures.milliseconds(member.rtt_ms)),
            (
                self.tr("This computer"),
                self.tr("It is the one that this computer talks to.") if member.ours else "",
            ),
        ]

    def _of_worker(
        self, member: MeshWorker, link: MeshLink | None, now: float, *, own: bool
    ) -> list[tuple[str, str]]:
        facts = [
            (self.tr("Suited for"), words.type_text(member.type)),
            (self.tr("Services"), ", ".join(member.services) or self.tr("None just now")),
            (self.tr("Load"), figures.percent(member.load)),
            (self.tr("Working on"), self._requests(member.in_flight)),
            (self.tr("Coordinator"), member.coordinator),
        ]
        if own:
            return facts
        return [
            *facts,
            (self.tr("Way"), words.way_text(member)),
            (self.tr("Why this way"), words.why_text(member)),
            (self.tr("Better way"), words.trying_text(member.trying)),
            (self.tr("Round trip"), figures.milliseconds(member.rtt_ms)),
            (self.tr("Requests from here"), words.rate_text(link)),
            (self.tr("Last seen"), figures.ago(member.last_seen, now)),
        ]

    def _requests(self, count: int) -> str:
        if count == 0:
            return self.tr("Nothing just now")
        return counted.requests(count)


class Facts(QWidget):
    """Names and values below one another; a fact without a value is left out."""

    def __init__(self) -> None:
        super().__init__()
        self._form = QFormLayout(self)
        self._form.setContentsMargins(0, 0, 0, 0)
        self._form.setHorizontalSpacing(14)
        self._form.setVerticalSpacing(5)
        self._form.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
        self._form.setRowWrapPolicy(QFormLayout.RowWrapPolicy.DontWrapRows)
        self._lines: list[tuple[QLabel, QLabel]] = []

    def show_facts(self, facts: list[tuple[str, str]]) -> None:
        shown = [(name, value) for name, value in facts if value]
        while len(self._lines) < len(shown):
            name, value = label("", "muted"), label("", wrap=True)
            value.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
            name.setBuddy(value)
            self._form.addRow(name, value)
            self._lines.append((name, value))
        for position, (name, value) in enumerate(self._lines):
            known = position < len(shown)
            self._form.setRowVisible(position, known)
            if known:
                name.setText(shown[position][0])
                value.setText(shown[position][1])
                value.setAccessibleName(f"{shown[position][0]}: {shown[position][1]}")


def _leads_to(link: MeshLink, own_id: str | None, name: str) -> bool:
    return link.target == name and link.source == own_id
