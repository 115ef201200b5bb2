"""Shown while this computer leaves for good: each step, what came of it, what stays; it ends with the app."""

from __future__ import annotations

from PySide6.QtCore import QEvent, Qt
from PySide6.QtGui import QCloseEvent
from PySide6.QtWidgets import QDialog, QHBoxLayout, QProgressBar, QVBoxLayout, QWidget

from app import wording
from app.goodbye import Goodbye, GoodbyeModel, Step
from app.panels.settings_groups.row import Status, StatusLine
from app.widgets.glyphs import Button
from app.widgets.labels import label

ORDER: tuple[Step, ...] = ("none", "leaving", "stopping", "deleting", "done")


class GoodbyeDialog(QDialog):
    """Cannot be closed half-way; its button ends the app, or goes back where it failed."""

    def __init__(self, parent: QWidget, model: GoodbyeModel) -> None:
        super().__init__(parent.window())
        self.setWindowTitle(wording.PROGRAM)
        self.setObjectName("window")
        self.setWindowModality(Qt.WindowModality.WindowModal)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self._model = model
        self.title = label("", "title", wrap=True)
        self.text = label("", "muted", wrap=True)
        self.lines = {step: StatusLine() for step in ("leaving", "stopping", "deleting")}
        self.rest = [StatusLine() for _ in range(6)]
        self.bar = QProgressBar()
        self.bar.setRange(0, 0)
        self.bar.setTextVisible(False)
        self.bar.setFixedHeight(6)
        self.bar.setAccessibleName(self.tr("Leaving and deleting"))
        self.ending = Button("", kind="primary")
        self.ending.setDefault(True)
        self.ending.clicked.connect(self._end)
        self._lay_out()
        model.changed.connect(self.draw)
        self.draw(model.now)

    def draw(self, now: Goodbye) -> None:
        over = now.step in ("done", "failed")
        self.title.setText(self._title(now))
        self.text.setText(now.trouble if now.step == "failed" else self._text(now.step))
        for step, line in self.lines.items():
            line.show_status(self._line(step, now))
        for number, line in enumerate(self.rest):
            line.show_status(Status(now.rest[number], "warn") if number < len(now.rest) else Status())
        self.bar.setVisible(not over)
        self.ending.setVisible(over)
        self.ending.setText(self.tr("Close RMA Mesh"))
        self.setAccessibleName(self.title.text())
        self.setAccessibleDescription(self.text.text())
        if over:
            self.ending.setFocus()

    def reject(self) -> None:
        """Escape does what the button does, once there is one."""
        if not self.ending.isHidden():
            self._end()

    def closeEvent(self, event: QCloseEvent) -> None:
        event.ignore()
        self.reject()

    def event(self, event: QEvent) -> bool:
        """Be as high as the sentences need at this width, whenever one of them has changed."""
        kind = event.type()
        handled = super().event(event)  # which may be the end of it
        if kind in (QEvent.Type.LayoutRequest, QEvent.Type.Show):
            layout = self.layout()
            if layout is not None:
                self.setFixedHeight(layout.totalHeightForWidth(self.width()))
        return handled

    def _end(self) -> None:
        self.ending.setEnabled(False)
        self._model.close()

    def _title(self, now: Goodbye) -> str:
        if now.step == "failed" or (now.step == "done" and now.rest):
            return self.tr("Not everything could be deleted")
        return (
            self.tr("Everything was deleted") if now.step == "done" else self.tr("Leaving and deleting everything")
        )

    def _text(self, step: Step) -> str:
        if step == "done":
            return self.tr(
                "When you start RMA Mesh again, it is as it was the first time. The program itself stays until you "
                "remove it as you remove other programs."
            )
        return self.tr("This takes half a minute at most in good times, and two minutes where nobody answers.")

    def _line(self, step: str, now: Goodbye) -> Status:
        reached = "done" if now.step == "failed" and step == "leaving" else now.step
        if reached == "failed":
            return Status(self._names()[step], "bad" if step == "stopping" else "quiet")
        behind = ORDER.index(reached) - [*ORDER].index(step)  # type: ignore[arg-type]  # they are names of steps
        if behind < 0:
            return Status(self._names()[step], "quiet")
        if behind == 0:
            return Status(self._names()[step], "busy")
        if step == "leaving" and now.told is not True:
            return self._untold(now.told)
        return Status(self._names()[step], "good")

    def _untold(self, told: bool | None) -> Status:
        if told is None:
            return Status(self.tr("This computer was in no mesh."), "good")
        text = self.tr(
            "This computer has left, but no coordinator could be told. It may still be listed there for a while; "
            "nobody can reach it. You may tell the person who invited you."
        )
        return Status(text, "warn")

    def _names(self) -> dict[str, str]:
        return {
            "leaving": self.tr("Finish requests under way, and leave the mesh"),
            "stopping": self.tr("End the node on this computer"),
            "deleting": self.tr("Delete keys, rules, files and the start at login"),
        }

    def _lay_out(self) -> None:
        buttons = QHBoxLayout()
        buttons.addStretch(1)
        buttons.addWidget(self.ending)
        column = QVBoxLayout(self)
        column.setContentsMargins(22, 20, 22, 18)
        column.setSpacing(10)
        column.addWidget(self.title)
        column.addWidget(self.text)
        for line in (*self.lines.values(), *self.rest):
            column.addWidget(line)
        column.addWidget(self.bar)
        column.addLayout(buttons)
        self.setFixedWidth(max(440, self.fontMetrics().averageCharWidth() * 64))
        self.resize(self.minimumSize())
