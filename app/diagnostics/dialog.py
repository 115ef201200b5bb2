"""Shows what is in a bundle before it is saved: each file can be read, and left out."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QEvent, QSize, Qt
from PySide6.QtGui import QCloseEvent
from PySide6.QtWidgets import (
    QDialog,
    QFileDialog,
    QHBoxLayout,
    QListWidget,
    QListWidgetItem,
    QPlainTextEdit,
    QProgressBar,
    QSplitter,
    QVBoxLayout,
    QWidget,
)

from app import figures, wording
from app.diagnostics.job import BundleJob, collector, write_bundle
from app.picture import Notice, Picture
from app.widgets.frames import Banner
from app.widgets.glyphs import Button
from app.widgets.labels import label
from app.widgets.theme import current_style_sheet
from app.widgets.tips import tip

if TYPE_CHECKING:
    from node.diagnostics.bundle import BundleFile

Choose = Callable[[QWidget, str], str]  # asks where to save; an empty text means nowhere
ABOUT = Qt.ItemDataRole.UserRole


class DiagnosticsDialog(QDialog):
    """Collects as soon as it is shown; Escape calls it off. `saved` is where the bundle went, if it did."""

    def __init__(
        self, parent: QWidget, job: BundleJob, choose: Choose | None = None, clock: Callable[[], float] = time.time
    ) -> None:
        super().__init__(parent.window())
        self.setWindowTitle(self.tr("Diagnostics"))
        self.setObjectName("window")
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setAccessibleName(self.tr("Export diagnostics"))
        self.setStyleSheet(current_style_sheet())
        self.saved: Path | None = None
        self._job, self._choose, self._clock = job, choose or choose_file, clock
        self._files: tuple[BundleFile, ...] = ()
        job.setParent(self)
        job.progressed.connect(self._show_progress)
        job.collected.connect(self._show_files)
        job.failed.connect(self._show_failure)
        self._make()
        self._lay_out()
        self.resize(QSize(680, 480).boundedTo(parent.window().size().expandedTo(QSize(420, 320))))

    def start(self) -> None:
        self.open()
        self._job.start()

    # --- what comes -----------------------------------------------------------------------------------------

    def _show_progress(self, done: int, of: int) -> None:
        self.bar.setRange(0, max(1, of))
        self.bar.setValue(done)

    def _show_files(self, files: tuple[BundleFile, ...]) -> None:
        self._files = files
        self.bar.hide()
        for file in files:
            item = QListWidgetItem(f"{file.name} ({figures.size(file.size)})")
            item.setFlags(item.flags() | Qt.ItemFlag.ItemIsUserCheckable)
            # What services wrote may tell of people who asked them, so somebody has to want it in.
            item.setCheckState(Qt.CheckState.Unchecked if file.to_be_chosen else Qt.CheckState.Checked)
            item.setToolTip(tip(file.about))
            item.setData(Qt.ItemDataRole.AccessibleDescriptionRole, file.about)
            self.list.addItem(item)
        self.inside.show()
        self.list.setCurrentRow(0)
        self._tell_what_is_chosen()

    def _show_failure(self, text: str) -> None:
        self.bar.hide()
        title = self.tr("The information could not be collected")
        hint = self.tr("Please close this and try again.")
        self.banner.show_notice(Notice("diagnostics", title, text, hint))

    # --- what is chosen -------------------------------------------------------------------------------------

    @property
    def chosen(self) -> tuple[BundleFile, ...]:
        """The files that are not left out."""
        checked = [self.list.item(row).checkState() is Qt.CheckState.Checked for row in range(self.list.count())]
        return tuple(file for file, wanted in zip(self._files, checked, strict=True) if wanted)

    def _show_file(self, row: int) -> None:
        file = self._files[row] if 0 <= row < len(self._files) else None
        self.about.setText(file.about + "." if file is not None else "")
        self.text.setPlainText(file.text if file is not None else "")

    def _tell_what_is_chosen(self) -> None:
        if self.list.count() != len(self._files):
            return  # they are being filled in
        chosen = self.chosen
        size = figures.size(sum(file.size for file in chosen))
        text = self.tr(
            "Secrets, names of people and public addresses were taken out. Have a look before you pass it on: "
            "{count} of {all} files are chosen, {size} before compression."
        )
        self.summary.setText(text.format(count=len(chosen), all=len(self._files), size=size))
        self.save.setEnabled(bool(chosen))

    def _save(self) -> None:
        from node.diagnostics.bundle import default_name

        now = self._clock()
        where = self._choose(self, str(Path.home() / default_name(now)))
        if not where:
            return
        path = Path(where)
        try:
            write_bundle(path, self.chosen, now)
        except OSError as error:
            title = self.tr("The file could not be written")
            text = self.tr("The system says: {error}.").format(error=error.strerror or error)
            self.banner.show_notice(Notice("diagnostics", title, text, self.tr("Please choose another place.")))
            return
        self.saved = path
        self.accept()

    # --- Qt -------------------------------------------------------------------------------------------------

    def done(self, result: int) -> None:
        self._job.call_off()
        super().done(result)

    def closeEvent(self, event: QCloseEvent) -> None:
        self._job.call_off()
        super().closeEvent(event)

    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        if event.type() == QEvent.Type.PaletteChange and current_style_sheet() != self.styleSheet():
            self.setStyleSheet(current_style_sheet())

    def _make(self) -> None:
        self.summary = label(
            self.tr("Collecting what helps to find out what is wrong. This takes some seconds."), wrap=True
        )
        self.bar = QProgressBar()
        self.bar.setRange(0, 0)
        self.bar.setTextVisible(False)
        self.bar.setMaximumHeight(8)
        self.bar.setAccessibleName(self.tr("How far the collection is"))
        self.banner = Banner()
        self.banner.closed.connect(lambda _about: self.banner.show_notice(None))
        self.list = QListWidget()
        self.list.setProperty("kind", "names")
        self.list.setAccessibleName(self.tr("What is inside; uncheck what shall be left out"))
        self.list.currentRowChanged.connect(self._show_file)
        self.list.itemChanged.connect(lambda _item: self._tell_what_is_chosen())
        self.about = label("", "muted", wrap=True)
        self.text = QPlainTextEdit()
        self.text.setReadOnly(True)
        self.text.setLineWrapMode(QPlainTextEdit.LineWrapMode.NoWrap)
        self.text.setTabChangesFocus(True)
        self.text.setAccessibleName(self.tr("The text of the file that is chosen"))
        self.save = Button(self.tr("Save…"), kind="primary")
        self.save.setEnabled(False)
        self.save.clicked.connect(self._save)
        self.cancel = Button(self.tr("Cancel"))
        self.cancel.clicked.connect(self.reject)

    def _lay_out(self) -> None:
        right = QWidget()
        reading = QVBoxLayout(right)
        reading.setContentsMargins(0, 0, 0, 0)
        reading.addWidget(self.about)
        reading.addWidget(self.text, 1)
        self.inside = QSplitter()
        self.inside.setChildrenCollapsible(False)
        self.inside.addWidget(self.list)
        self.inside.addWidget(right)
        self.inside.setSizes([220, 420])
        self.inside.hide()
        buttons = QHBoxLayout()
        buttons.addStretch(1)
        buttons.addWidget(self.cancel)
        buttons.addWidget(self.save)
        column = QVBoxLayout(self)
        column.setContentsMargins(18, 16, 18, 16)
        column.setSpacing(12)
        column.addWidget(label(self.tr("What is inside"), "title"))
        column.addWidget(self.summary)
        column.addWidget(self.bar)
        column.addWidget(self.banner)
        column.addWidget(self.inside, 1)
        column.addStretch(0)
        column.addLayout(buttons)


def export_bundle(parent: QWidget, data_dir: Path, picture: Picture) -> DiagnosticsDialog:
    """Collect the bundle of a node, alive or dead, and show it over the parent's window."""
    dialog = DiagnosticsDialog(parent, BundleJob(collector(data_dir, picture)))
    dialog.start()
    return dialog


def choose_file(parent: QWidget, name: str) -> str:
    """Ask where to save; return an empty text for nowhere."""
    where, _ = QFileDialog.getSaveFileName(parent, wording.PROGRAM, name, "ZIP (*.zip)")
    return where
