"""The card that takes an invite: a link or code with whatever is around it, or a picture of its QR code."""

from __future__ import annotations

import platform

from PySide6.QtCore import QCoreApplication, QMimeData, Signal
from PySide6.QtGui import QDragEnterEvent, QDropEvent, QGuiApplication, QImage, QKeyEvent, QKeySequence
from PySide6.QtWidgets import QFileDialog, QHBoxLayout, QLineEdit, QVBoxLayout, QWidget

from app import figures
from app.widgets.frames import Card, ReasonLine
from app.widgets.glyphs import Button
from app.widgets.labels import label, set_style_property
from app.wizard.invitation import (
    MOST_CHARACTERS,
    Draft,
    Found,
    find_invite,
    fingerprint_text,
    read_draft,
    travels_openly,
)
from app.wizard.qr import PictureReader, problem_text

translate = QCoreApplication.translate


class InviteCard(Card):
    """Its fields are inputs, so what is typed is read; `edited` tells of every change, `entered` of Return."""

    edited = Signal()
    entered = Signal()

    def __init__(self, reader: PictureReader | None = None) -> None:
        super().__init__(translate("Wizard", "Your invite"))
        self._trouble = ""  # with the last picture
        self._reader = reader or PictureReader(self)
        self._reader.found.connect(self.take)
        self._reader.failed.connect(self._picture_failed)
        self.invite = InviteField(translate("Wizard", "Invite link or code"))
        self.invite.pasted.connect(self.take_clipboard)
        self.address = _field(translate("Wizard", "Coordinator's address"), "https://mesh.example.org")
        self.name = _field(
            translate("Wizard", "Name of this computer, as others see it"),
            platform.node()[:64] or translate("Wizard", "My computer"),
        )
        self._address_part = _labelled(self.address)
        self._says = label("", "muted", wrap=True)
        self._mesh = ReasonLine()
        self.paste = Button(translate("Wizard", "Paste"), "paste")
        self.choose = Button(translate("Wizard", "Choose a picture…"), "overview")
        self.paste.clicked.connect(self.take_clipboard)
        self.choose.clicked.connect(self._ask_for_file)
        self.setFocusProxy(self.invite)
        self.setAcceptDrops(True)
        self._lay_out()
        for field in (self.invite, self.address, self.name):
            field.textChanged.connect(self._typed)
            field.returnPressed.connect(self.entered)
        self._show()

    @property
    def draft(self) -> Draft:
        return read_draft(self.invite.text(), self.address.text())

    def take(self, found: Found) -> None:
        """Fill an invite in; joining still takes the volunteer's own click."""
        self._trouble = ""
        if found.address:
            self.address.setText(found.address)
        self.invite.setText(found.invite)
        self.invite.setCursorPosition(0)
        self._show()

    def take_text(self, text: str) -> None:
        """Fill in the invite that a text holds, or the text itself where it holds none."""
        self.take(find_invite(text) or Found(" ".join(text[:MOST_CHARACTERS].split())))

    def read_picture(self, path: str) -> None:
        self._trouble = ""
        self._reader.read_file(path)
        self._show()

    def take_clipboard(self) -> None:
        held: QMimeData | None = QGuiApplication.clipboard().mimeData()  # None where nobody has copied anything
        self._take_mime(held or QMimeData())

    def set_usable(self, *, usable: bool) -> None:
        for widget in (self.invite, self.address, self.name, self.paste, self.choose):
            widget.setEnabled(usable)
        self.setAcceptDrops(usable)

    def stop(self) -> None:
        self._reader.stop()

    def clear(self) -> None:
        self.stop()
        self._trouble = ""
        for field in (self.invite, self.address, self.name):
            field.clear()

    # --- pictures and other things that are handed over ------------------------------------------------------

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        if _can_take(event.mimeData()):
            event.acceptProposedAction()

    def dropEvent(self, event: QDropEvent) -> None:
        if self._take_mime(event.mimeData()):
            event.acceptProposedAction()

    def _take_mime(self, data: QMimeData) -> bool:
        """Take a file, a text or a picture, whichever is there first; return whether anything was."""
        # Not one of another computer: Windows would tell that one who the volunteer is.
        files = [url.toLocalFile() for url in data.urls()[:1] if url.isLocalFile() and not url.host()]
        if files:
            self.read_picture(files[0])
        elif data.hasText() and data.text().strip():
            self.take_text(data.text())
        elif data.hasImage():
            self._trouble = ""
            self._reader.read_image(QImage(data.imageData()))
            self._show()
        else:
            self._trouble = translate(
                "Wizard", "There is neither text nor a picture to paste. Copy the invite first."
            )
            self._show()
            return False
        return True

    def _ask_for_file(self) -> None:
        kinds = translate("Wizard", "Pictures") + " (*.png *.jpg *.jpeg *.webp *.bmp *.gif)"
        title = translate("Wizard", "Picture of an invite's QR code")
        path, _ = QFileDialog.getOpenFileName(self, title, "", kinds)
        if path:
            self.read_picture(path)

    def _picture_failed(self, problem: str) -> None:
        self._trouble = problem_text(problem)  # type: ignore[arg-type]  # any other word has a sentence too
        self._show()

    # --- drawing ---------------------------------------------------------------------------------------------

    def _typed(self) -> None:
        self._trouble = ""
        self._show()
        self.edited.emit()

    def _show(self) -> None:
        draft = self.draft
        self._address_part.setVisible(draft.needs_address)
        says, wrong = self._comment(draft)
        self._says.setText(says)
        set_style_property(self._says, "tone", "bad" if wrong else "")
        self._says.setVisible(bool(says))
        self._mesh.setVisible(draft.link is not None)
        if draft.link is not None:
            host = figures.host_of(draft.link.coordinator)
            openly = travels_openly(draft.link.coordinator)
            self._mesh.show_reason(
                translate("Wizard", "You are about to join the mesh of {host}.").format(host=host),
                _about_mesh(fingerprint_text(draft.link), openly=openly),
                "warn" if openly else "good",
            )

    def _comment(self, draft: Draft) -> tuple[str, bool]:
        """Return what is said about the invite, and whether that is an error."""
        if self._reader.busy:
            return translate("Wizard", "Reading the picture."), False
        if self._trouble or draft.problem:
            return self._trouble or draft.problem, True
        if draft.link is not None:
            return "", False
        if draft.needs_address:
            return translate("Wizard", "The code also needs the address of its coordinator."), False
        hint = translate(
            "Wizard",
            "Paste the invite with whatever is around it, such as a whole mail. A picture of its QR code can be "
            "chosen, "
            "pasted, or dropped here.",
        )
        return hint, False

    def _lay_out(self) -> None:
        buttons = QHBoxLayout()
        buttons.setSpacing(8)
        buttons.addWidget(self.paste)
        buttons.addWidget(self.choose)
        buttons.addStretch(1)
        self.body.addWidget(_labelled(self.invite))
        self.body.addLayout(buttons)
        self.body.addWidget(self._address_part)
        self.body.addWidget(self._says)
        self.body.addWidget(self._mesh)
        self.body.addWidget(_labelled(self.name))


class InviteField(QLineEdit):
    """A line that takes all that is pasted, line breaks and pictures too, and leaves it to its card."""

    pasted = Signal()

    def __init__(self, name: str) -> None:
        super().__init__()
        self.setAccessibleName(name)
        self.setPlaceholderText("rma-mesh://enroll?…")
        self.setMaxLength(MOST_CHARACTERS)
        self.setAcceptDrops(False)  # the whole card takes them

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.matches(QKeySequence.StandardKey.Paste):
            self.pasted.emit()
            return
        super().keyPressEvent(event)


def _can_take(data: QMimeData) -> bool:
    return data.hasText() or data.hasImage() or any(url.isLocalFile() for url in data.urls())


def _about_mesh(fingerprint: str, *, openly: bool) -> str:
    text = translate("Wizard", "Its fingerprint is {fingerprint}.").format(fingerprint=fingerprint)
    if openly:
        warning = translate("Wizard", "Its address begins with http, so others on the way can read what is sent.")
        return f"{text} {warning}"
    return text


def _field(name: str, placeholder: str) -> QLineEdit:
    field = QLineEdit()
    field.setPlaceholderText(placeholder)
    field.setAccessibleName(name)
    field.setMaxLength(2048)
    return field


def _labelled(field: QLineEdit) -> QWidget:
    part = QWidget()
    column = QVBoxLayout(part)
    column.setContentsMargins(0, 0, 0, 0)
    column.setSpacing(5)
    made = label(field.accessibleName(), "muted", wrap=True)
    made.setBuddy(field)
    column.addWidget(made)
    column.addWidget(field)
    return part
