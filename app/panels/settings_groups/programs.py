"""The list of programs during which everything rests: add one that runs, add one by name, take one off."""

from __future__ import annotations

import contextlib

from PySide6.QtCore import QObject, Qt, QThreadPool, Signal
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import (
    QDialog,
    QHBoxLayout,
    QLineEdit,
    QListWidget,
    QListWidgetItem,
    QVBoxLayout,
    QWidget,
)

from app import wording
from app.widgets.flow import Flow
from app.widgets.glyphs import Button
from app.widgets.labels import label
from app.widgets.tips import tip
from node.hardware.sensing.programs import programs as running_programs
from node.rules.decide import bare_name

LONGEST = 128  # characters of a name
MOST = 256  # names
ROWS = 5  # that are seen at once


class ProgramList(QWidget):
    """Says what somebody made of the list as `edited`; shows only the names that it is told."""

    edited = Signal(object)  # tuple of names

    def __init__(self) -> None:
        super().__init__()
        self._names: tuple[str, ...] | None = None
        self.rows = NameList(self.tr("Programs during which everything rests"))
        self.empty = label(self.tr("There are none yet."), "muted", wrap=True)
        self.field = QLineEdit()
        self.field.setMaxLength(LONGEST)
        self.field.setPlaceholderText(self.tr("Name of a program, such as blender"))
        self.field.setAccessibleName(self.tr("Name of a program to add"))
        self.adding = Button(self.tr("Add"))
        self.adding.setAccessibleName(self.tr("Add the program of this name"))
        self.choosing = Button(self.tr("Add one that runs…"))
        self.taking_off = Button(self.tr("Take off the list"))
        self._lay_out()
        self.field.textChanged.connect(lambda _text: self._show_possible())
        self.field.returnPressed.connect(self._add_typed)
        self.adding.clicked.connect(self._add_typed)
        self.choosing.clicked.connect(self._choose)
        self.taking_off.clicked.connect(self._take_off)
        self.rows.removal_wanted.connect(self._take_off)
        self.rows.currentRowChanged.connect(lambda _row: self._show_possible())
        self.show_names(())

    def show_names(self, names: tuple[str, ...]) -> None:
        if names != self._names:
            row = self.rows.currentRow()
            self._names = names
            self.rows.clear()
            for name in names:
                item = QListWidgetItem(name)
                item.setToolTip(tip(name))
                self.rows.addItem(item)
            self.rows.setCurrentRow(min(max(row, 0), len(names) - 1))
            self.rows.fit()
            self.rows.setVisible(bool(names))
            self.empty.setVisible(not names)
            self.taking_off.setVisible(bool(names))
        self._show_possible()

    def add(self, name: str) -> None:
        """Ask for one more name, unless it is there already."""
        name, names = name.strip(), self._names or ()
        if name and bare_name(name) not in {bare_name(one) for one in names} and len(names) < MOST:
            self.edited.emit((*names, name))

    def _add_typed(self) -> None:
        self.add(self.field.text())
        self.field.clear()

    def _take_off(self) -> None:
        names, row = self._names or (), self.rows.currentRow()
        if 0 <= row < len(names):
            self.edited.emit((*names[:row], *names[row + 1 :]))

    def _choose(self) -> None:
        dialog = RunningDialog(self)
        dialog.chosen.connect(self.add)
        dialog.open()

    def _show_possible(self) -> None:
        self.adding.setEnabled(bool(self.field.text().strip()) and len(self._names or ()) < MOST)
        self.taking_off.setEnabled(self.rows.currentRow() >= 0)

    def _lay_out(self) -> None:
        typing = QHBoxLayout()
        typing.setSpacing(8)
        typing.addWidget(self.field, 1)
        typing.addWidget(self.adding)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(8)
        column.addWidget(self.rows)
        column.addWidget(self.empty)
        column.addLayout(typing)
        column.addLayout(Flow(self.choosing, self.taking_off))


class NameList(QListWidget):
    """A list of names, a few of them seen at once; Delete wants one off."""

    removal_wanted = Signal()

    def __init__(self, name: str) -> None:
        super().__init__()
        self.setAccessibleName(name)
        self.setProperty("kind", "names")
        self.setTextElideMode(Qt.TextElideMode.ElideMiddle)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setFixedHeight(self._row_height() * ROWS + 8)

    def fit(self) -> None:
        """Be as high as the names need, up to some of them."""
        self.setFixedHeight(self._row_height() * max(1, min(ROWS, self.count())) + 8)

    def _row_height(self) -> int:
        return max(self.sizeHintForRow(0), self.fontMetrics().height() + 4)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() in (Qt.Key.Key_Delete, Qt.Key.Key_Backspace):
            self.removal_wanted.emit()
        else:
            super().keyPressEvent(event)


class RunningPrograms(QObject):
    """Looks which programs run, in a thread, for that takes a while."""

    found = Signal(object)  # tuple of names

    def look(self) -> None:
        QThreadPool.globalInstance().start(self._look)

    def _look(self) -> None:
        names = {bare_name(name) for name in running_programs() if "/" not in name} - {""}  # with one: the kernel's
        with contextlib.suppress(RuntimeError):  # whoever asked has gone meanwhile
            self.found.emit(tuple(sorted(names)))


class RunningDialog(QDialog):
    """Shows the programs that run, with a search; says which one was chosen."""

    chosen = Signal(str)

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent.window())
        self.setObjectName("window")
        self.setWindowTitle(wording.PROGRAM)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setAccessibleName(self.tr("Programs that run now"))
        self._all: tuple[str, ...] = ()
        self.search = QLineEdit()
        self.search.setPlaceholderText(self.tr("Search"))
        self.search.setAccessibleName(self.tr("Search the programs that run"))
        self.rows = NameList(self.tr("Programs that run now"))
        self.says = label(self.tr("Looking which programs run…"), "muted", wrap=True)
        self.yes, self.no = Button(self.tr("Add"), kind="primary"), Button(self.tr("Cancel"))
        self.yes.setDefault(True)
        self._lay_out()
        self._looking = RunningPrograms()  # not a child: its thread may hold it longer than this dialog lives
        self._looking.found.connect(self.show_programs)
        self.search.textChanged.connect(lambda _text: self._filter())
        self.rows.itemDoubleClicked.connect(lambda _item: self.accept())
        self.rows.currentRowChanged.connect(lambda row: self.yes.setEnabled(row >= 0))
        self.yes.clicked.connect(self.accept)
        self.no.clicked.connect(self.reject)
        self.yes.setEnabled(False)
        self._looking.look()

    def show_programs(self, names: tuple[str, ...]) -> None:
        self._all = names
        self._filter()

    def accept(self) -> None:
        item = self.rows.currentItem()
        if item is not None:
            self.chosen.emit(item.text())
            super().accept()

    def _filter(self) -> None:
        wanted = self.search.text().strip().lower()
        shown = [name for name in self._all if wanted in name]
        self.rows.clear()
        self.rows.addItems(shown)
        self.rows.setCurrentRow(0 if shown and wanted else -1)
        none = self.tr("No program of that name runs.") if wanted else self.tr("No program is seen running.")
        self.says.setText("" if shown else none)
        self.says.setVisible(not shown)

    def _lay_out(self) -> None:
        text = self.tr("Everything rests while the program that you choose runs. Many belong to the system itself.")
        buttons = QHBoxLayout()
        buttons.addStretch(1)
        buttons.addWidget(self.no)
        buttons.addWidget(self.yes)
        column = QVBoxLayout(self)
        column.setContentsMargins(22, 20, 22, 18)
        column.setSpacing(10)
        column.addWidget(label(self.tr("Which program?"), "title", wrap=True))
        column.addWidget(label(text, "muted", wrap=True))
        column.addWidget(self.search)
        column.addWidget(self.rows, 1)
        column.addWidget(self.says)
        column.addLayout(buttons)
        self.rows.setMaximumHeight(16_777_215)
        self.rows.setMinimumHeight(self.fontMetrics().height() * 10)
        self.setMinimumWidth(max(380, self.fontMetrics().averageCharWidth() * 54))
