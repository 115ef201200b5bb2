"""The computers of the map as rows that can be sorted and searched; texts are made for the rows in sight only."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any

from PySide6.QtCore import QAbstractTableModel, QModelIndex, QPersistentModelIndex, Qt

from app import figures
from app.topology import words
from app.topology.scene import Member, Scene
from app.widgets.tips import tip
from node.mesh_view.values import MeshLink, MeshWorker

Index = QModelIndex | QPersistentModelIndex
NO_PARENT = QModelIndex()
SORT_PAUSE = 2.0  # seconds that rows stay where they are while only figures change
NAME, STATUS, WAY, LOAD, ROUND_TRIP, SENT, SERVICES, SEEN = range(8)
RANKS: Mapping[str, int] = {"own": 0, "coordinator": 1, "worker": 2}


class MeshTable(QAbstractTableModel):
    """Rows of a scene. `show` is told the time, `search` what to look for, `sort` by which column."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self._clock = clock
        self._scene = Scene()
        self._now = 0.0
        self._links: dict[str, MeshLink] = {}
        self._statuses = words.statuses()
        self._ids: list[str] = []
        self._rows: dict[str, int] = {}
        self._column, self._order = NAME, Qt.SortOrder.AscendingOrder
        self._wanted: tuple[str, ...] = ()
        self._sorted_at = float("-inf")

    # --- what others tell it --------------------------------------------------------------------------------

    def show(self, scene: Scene, now: float) -> None:
        """Show a scene at a time (Unix s); rows are sorted anew only now and then, unless some come or go."""
        newcomers = scene.members.keys() != self._scene.members.keys()
        self._scene, self._now = scene, now
        self._links = {link.target: link for link in scene.view.links if link.source == scene.view.own_id}
        if newcomers or self._wanted or self._clock() - self._sorted_at >= SORT_PAUSE:
            self._arrange()
        if self._ids:
            self.dataChanged.emit(self.index(0, 0), self.index(len(self._ids) - 1, SEEN))

    def search(self, text: str) -> None:
        """Show only those of whom all words of a text are true."""
        self._wanted = tuple(text.lower().split())
        self._arrange()

    def sort(self, column: int, order: Qt.SortOrder = Qt.SortOrder.AscendingOrder) -> None:
        self._column, self._order = column, order
        self._arrange()

    @property
    def found(self) -> tuple[str, ...]:
        """The ids of the rows, from top to bottom."""
        return tuple(self._ids)

    @property
    def searched(self) -> bool:
        return bool(self._wanted)

    def row_of(self, name: str | None) -> int | None:
        return self._rows.get(name or "")

    def id_at(self, row: int) -> str | None:
        return self._ids[row] if 0 <= row < len(self._ids) else None

    # --- Qt -------------------------------------------------------------------------------------------------

    def rowCount(self, parent: Index = NO_PARENT) -> int:
        return 0 if parent.isValid() else len(self._ids)

    def columnCount(self, parent: Index = NO_PARENT) -> int:
        return 0 if parent.isValid() else SEEN + 1

    def headerData(
        self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole
    ) -> str | None:
        if role != Qt.ItemDataRole.DisplayRole or orientation != Qt.Orientation.Horizontal:
            return None
        return self._headings()[section]

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        if not index.isValid():
            return None
        member = self._scene.members.get(self._ids[index.row()])
        if member is None:
            return None
        if role == Qt.ItemDataRole.DisplayRole:
            return self._text(member, index.column())
        if role in (Qt.ItemDataRole.ToolTipRole, Qt.ItemDataRole.AccessibleDescriptionRole):
            return tip(words.describe(member, self._scene.view.own_id, self._now))
        return None

    def _headings(self) -> tuple[str, ...]:
        return (
            self.tr("Computer"),
            self.tr("State"),
            self.tr("Way"),
            self.tr("Load"),
            self.tr("Round trip"),
            self.tr("Requests"),
            self.tr("Services"),
            self.tr("Last seen"),
        )

    def _text(self, member: Member, column: int) -> str:
        worker = member if isinstance(member, MeshWorker) else None
        match column:
            case 0:
                return self._name(member)
            case 1:
                return self._statuses[member.status]
            case 2:
                return figures.DASH if worker and worker.route is None else words.way_text(member)
            case 3:
                return figures.percent(member.load)
            case 4:
                return figures.milliseconds(member.rtt_ms)
            case 5:
                link = self._links.get(member.id)
                return words.rate_text(link) if link is not None and link.rate > 0 else figures.DASH
            case 6:
                return (", ".join(worker.services) if worker else "") or figures.DASH
            case _:
                return figures.ago(worker.last_seen, self._now) if worker else figures.DASH

    def _name(self, member: Member) -> str:
        kind = words.kind_of(member, self._scene.view.own_id)
        if kind == "own":
            return self.tr("{name} (this computer)").format(name=words.name_of(member))
        if kind == "coordinator":
            return self.tr("{name} (coordinator)").format(name=member.id)
        return member.id

    # --- order ----------------------------------------------------------------------------------------------

    def _arrange(self) -> None:
        self._sorted_at = self._clock()
        self._statuses = words.statuses()
        members = self._scene.members.values()
        found = [member for member in members if self._matches(member)] if self._wanted else list(members)
        found.sort(key=lambda member: member.id)
        found.sort(key=self._key, reverse=self._order == Qt.SortOrder.DescendingOrder)
        ids = [member.id for member in found]
        if ids == self._ids:
            return
        if len(ids) == len(self._ids) and set(ids) == self._rows.keys():
            self._reorder(ids)
        else:
            self.beginResetModel()
            self._take(ids)
            self.endResetModel()

    def _reorder(self, ids: list[str]) -> None:
        self.layoutAboutToBeChanged.emit()
        before = self.persistentIndexList()
        named = [self._ids[index.row()] for index in before]
        self._take(ids)
        after = [self.index(self._rows[name], index.column()) for name, index in zip(named, before, strict=True)]
        self.changePersistentIndexList(before, after)
        self.layoutChanged.emit()

    def _take(self, ids: list[str]) -> None:
        self._ids = ids
        self._rows = {name: row for row, name in enumerate(ids)}

    def _matches(self, member: Member) -> bool:
        text = " ".join(self._text(member, column) for column in (NAME, STATUS, WAY, SERVICES)).lower()
        if isinstance(member, MeshWorker):
            text += f" {member.id} {words.type_text(member.type)}".lower()
        return all(word in text for word in self._wanted)

    def _key(self, member: Member) -> Any:
        worker = member if isinstance(member, MeshWorker) else None
        match self._column:
            case 0:
                return (RANKS[words.kind_of(member, self._scene.view.own_id)], member.id)
            case 3:
                return member.load
            case 4:
                return member.rtt_ms if member.rtt_ms is not None else float("inf")
            case 5:
                link = self._links.get(member.id)
                return -link.rate if link is not None else 0.0
            case 7:
                return -worker.last_seen if worker and worker.last_seen else float("inf")
            case _:
                return self._text(member, self._column)
