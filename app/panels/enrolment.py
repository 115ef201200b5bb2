"""Joining a mesh: paste an invite link or code, see who asks, join, watch it happen, or cancel."""

from __future__ import annotations

import platform
from dataclasses import dataclass
from urllib.parse import urlsplit

from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QHBoxLayout, QLineEdit, QProgressBar, QVBoxLayout, QWidget

from app import figures
from app.intents import EnrolmentWish
from app.node_model import NodeModel
from app.panels import Panel
from app.panels.machine import MachineCard
from app.picture import Notice, Picture
from app.widgets.columns import Columns
from app.widgets.frames import Banner, Card, ReasonLine
from app.widgets.glyphs import Button
from app.widgets.labels import label
from node.wire.invites import LINK_SCHEME, InviteError, parse_code, parse_coordinator_url, parse_link

MOST_CHARACTERS = 4000
PROMISES = (
    ("pause", "You stay in charge", "Pause with one click whenever you need your computer for yourself."),
    ("trust", "Only known work", "It runs the services that the mesh's operator has signed, and nothing else."),
    ("leave", "Leave at any time", "One click takes this computer out of the mesh again."),
)


@dataclass(frozen=True, slots=True)
class Draft:
    """What the fields say so far: a wish that can be sent, or what is missing."""

    wish: EnrolmentWish | None
    needs_address: bool
    problem: str = ""


def read_draft(invite: str, address: str, name: str) -> Draft:
    """Understand what was typed: a whole link, or a code and a coordinator's address."""
    invite, name = invite.strip(), " ".join(name.split())[:64]
    if not invite:
        return Draft(None, needs_address=False)
    if invite.lower().startswith(LINK_SCHEME + ":"):
        try:
            link = parse_link(invite)
        except InviteError as error:
            return Draft(None, needs_address=False, problem=str(error))
        return Draft(EnrolmentWish(link.coordinator, link.invite.code, name), needs_address=False)
    try:
        code = parse_code(invite).code
    except InviteError as error:
        return Draft(None, needs_address=False, problem=str(error))
    if not address.strip():
        return Draft(None, needs_address=True)
    try:
        return Draft(EnrolmentWish(parse_coordinator_url(address), code, name), needs_address=True)
    except InviteError as error:
        return Draft(None, needs_address=True, problem=str(error))


def travels_openly(coordinator: str) -> bool:
    """Whether others on the way to this coordinator can read along."""
    parts = urlsplit(coordinator)
    return parts.scheme == "http" and parts.hostname not in ("127.0.0.1", "localhost", "::1")


class EnrolmentPanel(Panel):
    """The page of a machine that is in no mesh yet."""

    def __init__(self, model: NodeModel) -> None:
        super().__init__()
        self._form = JoinCard(model)
        self._machine = MachineCard()
        self.setFocusProxy(self._form)
        heading = label("Let this computer help", "heading", wrap=True)
        intro = label(
            "Charities and small organisations need computing power that they cannot pay for. With an invite from "
            "one of them, this computer can answer some of their requests while you do not need all of it.",
            "muted",
            wrap=True,
        )
        self.column.addWidget(heading)
        self.column.addWidget(intro)
        self.column.addWidget(Columns([self._form, PromisesCard()], [self._machine]))
        self.column.addStretch(1)

    def draw(self, picture: Picture, _now: float) -> None:
        self._form.draw(picture)
        self._machine.show_capabilities(picture.state.capabilities if picture.state else None)

    def offer_link(self, link: str) -> None:
        """Fill a link in; joining still takes the volunteer's own click."""
        self._form.offer_link(link)


class PromisesCard(Card):
    """What a volunteer wants to know before saying yes."""

    def __init__(self) -> None:
        super().__init__("Good to know")
        for glyph, title, text in PROMISES:
            line = ReasonLine()
            line.show_reason(title, text, "good")
            line.show_icon(glyph, "good")
            self.body.addWidget(line)


class JoinCard(Card):
    """The form: its fields are inputs, so what is typed is read; everything else is drawn."""

    def __init__(self, model: NodeModel) -> None:
        super().__init__("Join with an invite")
        self._model = model
        self._pending = False
        self._usable = False
        self._sent: EnrolmentWish | None = None
        self._invite = _field("Invite link or code", "rma-mesh://enroll?… or RMA-…")
        self._address = _field("Coordinator's address", "https://mesh.example.org")
        self._name = _field("Name of this computer, as others see it", platform.node()[:64] or "My computer")
        self._address_part = _labelled("Coordinator's address", self._address)
        self._says = label("", "muted", wrap=True)
        self._error = Banner(closable=False)
        self._working = Working()
        self._paste = Button("Paste", "paste")
        self._join = Button("Join", "link", "primary")
        self._join.setDefault(True)
        self._cancel = Button("Cancel")
        self.setFocusProxy(self._invite)
        self._lay_out()
        for field in (self._invite, self._address, self._name):
            field.textChanged.connect(self._typed)
            field.returnPressed.connect(self._send)
        self._paste.clicked.connect(self._take_clipboard)
        self._join.clicked.connect(self._send)
        self._cancel.clicked.connect(self._model.cancel_enrolment)
        self._show_draft()

    def offer_link(self, link: str) -> None:
        self._invite.setText(link[:MOST_CHARACTERS])
        self._invite.setCursorPosition(0)
        self._join.setFocus()

    def draw(self, picture: Picture) -> None:
        enrolling = picture.state is not None and picture.state.enrolling
        self._pending = "enroll" in picture.pending or (enrolling and picture.connected)
        self._usable = picture.connected
        self._error.show_notice(None if self._pending else self._failure(picture))
        self._working.show_coordinator(self._sent.coordinator if self._sent else "", visible=self._pending)
        for field in (self._invite, self._address, self._name):
            field.setEnabled(not self._pending)
        self._cancel.setVisible("enroll" in picture.pending)
        if picture.enrolled:
            self._invite.clear()
        self._show_draft()

    def _failure(self, picture: Picture) -> Notice | None:
        notice = picture.notice_about("enroll")
        error = picture.state.enrolment_error if picture.state else ""
        if notice is None and error and self._invite.text() == "":
            return Notice("enroll", "Joining did not work", error)
        return notice

    def _lay_out(self) -> None:
        invite = QHBoxLayout()
        invite.setSpacing(8)
        invite.addWidget(self._invite, 1)
        invite.addWidget(self._paste)
        buttons = QHBoxLayout()
        buttons.addStretch(1)
        buttons.addWidget(self._cancel)
        buttons.addWidget(self._join)
        self.body.addWidget(self._error)
        self.body.addWidget(_named("Invite link or code", self._invite))
        self.body.addLayout(invite)
        self.body.addWidget(self._address_part)
        self.body.addWidget(_labelled("Name of this computer, as others see it", self._name))
        self.body.addWidget(self._says)
        self.body.addWidget(self._working)
        self.body.addLayout(buttons)

    def _draft(self) -> Draft:
        return read_draft(self._invite.text(), self._address.text(), self._name.text())

    def _typed(self) -> None:
        self._model.dismiss("enroll")
        self._show_draft()

    def _show_draft(self) -> None:
        draft = self._draft()
        self._address_part.setVisible(draft.needs_address)
        self._says.setText(_comment(draft))
        self._says.setVisible(not self._pending and bool(_comment(draft)))
        self._join.setEnabled(draft.wish is not None and not self._pending and self._usable)

    def _take_clipboard(self) -> None:
        self._invite.setText(QGuiApplication.clipboard().text().strip()[:MOST_CHARACTERS])
        self._invite.setCursorPosition(0)
        (self._join if self._draft().wish else self._invite).setFocus()

    def _send(self) -> None:
        draft = self._draft()
        if draft.wish is not None and not self._pending and self._usable:
            self._sent = draft.wish
            self._model.enroll(draft.wish)


class Working(QWidget):
    """A bar that moves while the coordinator is asked."""

    def __init__(self) -> None:
        super().__init__()
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        self._text = label("", "muted", wrap=True)
        bar = QProgressBar()
        bar.setRange(0, 0)
        bar.setTextVisible(False)
        bar.setFixedHeight(6)
        bar.setAccessibleName("Joining")
        column.addWidget(self._text)
        column.addWidget(bar)
        self.hide()

    def show_coordinator(self, coordinator: str, *, visible: bool) -> None:
        whom = figures.host_of(coordinator) if coordinator else "the coordinator"
        self._text.setText(f"Asking {whom} to let this computer in. This takes a few seconds.")
        self.setVisible(visible)


def _comment(draft: Draft) -> str:
    if draft.problem:
        return draft.problem
    if draft.wish is None:
        return "The code also needs the address of its coordinator." if draft.needs_address else ""
    who = f"You are about to join the mesh of {figures.host_of(draft.wish.coordinator)}."
    if travels_openly(draft.wish.coordinator):
        return f"{who} Its address begins with http, so others on the way can read what is sent."
    return who


def _field(name: str, placeholder: str) -> QLineEdit:
    field = QLineEdit()
    field.setPlaceholderText(placeholder)
    field.setAccessibleName(name)
    field.setMaxLength(MOST_CHARACTERS)
    return field


def _named(text: str, field: QLineEdit) -> QWidget:
    made = label(text, "muted")
    made.setBuddy(field)
    return made


def _labelled(text: str, field: QLineEdit) -> QWidget:
    part = QWidget()
    column = QVBoxLayout(part)
    column.setContentsMargins(0, 0, 0, 0)
    column.setSpacing(5)
    column.addWidget(_named(text, field))
    column.addWidget(field)
    return part
