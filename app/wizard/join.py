"""The third step: the invite, what this computer may do, and joining: asked for, watched, stopped, explained."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace

from PySide6.QtCore import QCoreApplication, Qt, Signal
from PySide6.QtWidgets import QProgressBar, QVBoxLayout, QWidget

from app import figures, wording
from app.intents import EnrolmentWish
from app.node_model import NodeModel
from app.picture import Notice, Picture
from app.widgets.columns import Columns
from app.widgets.frames import Banner, Page
from app.widgets.labels import label
from app.widgets.question import ask
from app.wizard.invitation import travels_openly
from app.wizard.invite_card import InviteCard
from app.wizard.offers import offers_of
from app.wizard.permissions_card import PermissionsCard

SETTLING = 0.7  # seconds in which nobody can have read what has just come up under the pointer

translate = QCoreApplication.translate


class JoinPage(Page):
    """Sends one wish at a time; whatever comes of it, what was typed stays. `changed`: other buttons are usable."""

    changed = Signal()

    def __init__(self, model: NodeModel, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self._model = model
        self._clock = clock
        self._settled_at = float("-inf")
        self._usable = False
        self._sent: EnrolmentWish | None = None
        self.pending = False
        self.invite = InviteCard()
        self.permissions = PermissionsCard()
        self._error = Banner(closable=False)
        self.working = Working()
        self.setFocusProxy(self.invite)
        for widget in (self._error, self.working, Columns([self.invite], [self.permissions])):
            self.column.addWidget(widget)
        self.column.addStretch(1)
        self.invite.edited.connect(self._edited)
        self.invite.entered.connect(self.join)

    @property
    def ready(self) -> bool:
        """Whether there is an invite that can be used, and a node to use it."""
        return self._usable and not self.pending and self.invite.draft.link is not None

    def open(self) -> None:
        """Show what a mesh usually offers: read from the disk, so not before it is wanted."""
        state = self._model.picture.state
        if state is not None:
            self.permissions.show_offers(offers_of(state.catalogue))

    def settle(self) -> None:
        """Take no press for a moment: an invite came up that was not typed here, maybe by a web page's will."""
        self._settled_at = self._clock() + SETTLING

    def draw(self, picture: Picture) -> None:
        enrolling = picture.state is not None and picture.state.enrolling
        pending = "enroll" in picture.pending or (enrolling and picture.connected)
        self._usable = picture.connected
        if picture.state is not None and picture.connected:
            self.permissions.know_rules(picture.state.rules)
        self._show_error(None if pending else self._failure(picture))
        delay = wording.delay_sentence(picture.state, time.time()) if picture.state is not None else ""
        self.working.show_coordinator(self._sent.coordinator if self._sent else "", delay, visible=pending)
        self.invite.set_usable(usable=not pending)
        self.permissions.setEnabled(not pending)
        self.pending = pending
        if picture.enrolled:
            self.invite.clear()
            self._sent = None
        self.changed.emit()

    def join(self) -> None:
        """Ask to be let in; first ask the volunteer, where others can read along on the way."""
        link = self.invite.draft.link
        if not self.ready or link is None or self._clock() < self._settled_at:
            return
        if not travels_openly(link.coordinator):
            self._send()
            return
        text = translate(
            "Wizard",
            "The address of {host} begins with http. Others on the way can read what is sent, requests included. "
            "Nobody "
            "can put another mesh in its place, because the invite names the mesh's key. In a network that you "
            "trust, "
            "such as your own, this may be fine; else ask for an https address.",
        )
        ask(
            self,
            translate("Wizard", "Join without encryption?"),
            text.format(host=figures.host_of(link.coordinator)),
            yes=translate("Wizard", "Join anyway"),
            no=translate("Wizard", "Do not join"),
            act=self._send,
        )

    def stop(self) -> None:
        """Ask no longer; what was typed stays."""
        self._model.cancel_enrolment()

    def _send(self) -> None:
        wish = self.invite.draft.wish(self.invite.name.text())
        if wish is None or not self.ready:
            return
        self._sent = replace(wish, rules=self.permissions.rules())
        self._model.enroll(self._sent)

    def _edited(self) -> None:
        self._model.dismiss("enroll")
        self.changed.emit()

    def _failure(self, picture: Picture) -> Notice | None:
        notice = picture.notice_about("enroll")
        error = picture.state.enrolment_error if picture.state else ""
        if notice is None and error and self.invite.invite.text() == "":
            return Notice("enroll", translate("Wizard", "Joining did not work"), error)
        return notice

    def _show_error(self, notice: Notice | None) -> None:
        news = notice is not None and not self._error.isVisibleTo(self)
        self._error.show_notice(notice)
        if news:
            self.ensureWidgetVisible(self._error)


class Working(QWidget):
    """A bar that moves while the coordinator is asked."""

    def __init__(self) -> None:
        super().__init__()
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus)  # so that its words are read aloud
        self.setProperty("keys", "true")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self.setAccessibleName(translate("Wizard", "Joining"))
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        self._text = label("", wrap=True)
        bar = QProgressBar()
        bar.setRange(0, 0)
        bar.setTextVisible(False)
        bar.setFixedHeight(6)
        bar.setAccessibleName(translate("Wizard", "Joining"))
        column.addWidget(self._text)
        column.addWidget(bar)
        self.hide()

    def show_coordinator(self, coordinator: str, delay: str = "", *, visible: bool) -> None:
        """Say who is asked, or why that takes longer."""
        if delay:
            self._text.setText(delay)
        elif coordinator:
            text = translate("Wizard", "Asking {host} to let this computer in. This takes a few seconds.")
            self._text.setText(text.format(host=figures.host_of(coordinator)))
        else:
            text = translate("Wizard", "Asking the coordinator to let this computer in. This takes a few seconds.")
            self._text.setText(text)
        self.setAccessibleDescription(self._text.text())
        self.setVisible(visible)
