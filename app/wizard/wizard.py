"""The first run: three steps, with Back, Next and Cancel below them, always in sight."""

from __future__ import annotations

from PySide6.QtCore import QCoreApplication, Qt, Signal
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import QFrame, QHBoxLayout, QStackedWidget, QVBoxLayout, QWidget

from app.node_model import NodeModel
from app.picture import Picture
from app.widgets.glyphs import Button
from app.widgets.labels import label
from app.widgets.question import ask
from app.wizard.about import AboutPage
from app.wizard.join import JoinPage
from app.wizard.machine import MachinePage

translate = QCoreApplication.translate

ABOUT, MACHINE, JOIN = range(3)


class Wizard(QWidget):
    """What is shown while this computer is in no mesh; `cancelled` means: undo everything and quit."""

    cancelled = Signal()

    def __init__(self, model: NodeModel) -> None:
        super().__init__()
        self._model = model
        self._link_waits = False  # it was handed over before the first step was read
        self._later = ""  # a link that was handed over while another one was being used
        self._asked_from: QWidget | None = None  # what had the focus when it was asked to join
        self.about, self.machine, self.join = AboutPage(), MachinePage(model.survey), JoinPage(model)
        self._steps = QStackedWidget()
        for page in (self.about, self.machine, self.join):
            self._steps.addWidget(page)
        self._number = label("", "muted")
        self._title = label("", "heading", wrap=True)
        self.cancel = Button(translate("Wizard", "Cancel"))
        self.back = Button(translate("Wizard", "Back"))
        self.next = Button(translate("Wizard", "Next"), kind="primary")
        self.cancel.clicked.connect(self._ask_to_cancel)
        self.back.clicked.connect(lambda: self.go_to(self.step - 1))
        self.next.clicked.connect(self._go_on)
        for button in (self.cancel, self.back, self.next):
            button.setAutoDefault(True)  # Return presses the one that has the focus
        self.join.changed.connect(self._show_buttons)
        self._lay_out()
        self.setFocusProxy(self.next)
        self.go_to(ABOUT)

    @property
    def step(self) -> int:
        return self._steps.currentIndex()

    def draw(self, picture: Picture, _now: float) -> None:
        if picture.enrolled:
            self._link_waits = False
            self.go_to(ABOUT)
        if self.step == MACHINE and picture.connected:
            self.machine.open()
        if self.step == JOIN:
            self.join.open()
        was_pending, had_focus = self.join.pending, self.window().focusWidget()
        self.join.draw(picture)
        if self.join.pending and not was_pending:
            self._asked_from = had_focus
        if was_pending and not self.join.pending:
            self._joining_ended(enrolled=picture.enrolled)

    def _joining_ended(self, *, enrolled: bool) -> None:
        """Give the focus back to what had it, not to a button that cancels; take the link that waits."""
        later, self._later = self._later, ""
        if enrolled:
            return
        if self.window().focusWidget() in (None, self.cancel, self.join.working):
            invite = self.join.invite
            typing = self._asked_from is not None and invite.isAncestorOf(self._asked_from)
            (invite if typing else self.next).setFocus(Qt.FocusReason.OtherFocusReason)
        if later:
            self.offer_link(later)

    def offer_link(self, link: str) -> None:
        """Fill a link into the last step and go there, once the first has been read; it never joins by itself."""
        if self.join.pending:
            self._later = link
            return
        self.join.invite.take_text(link)
        self.join.settle()
        if self.step == ABOUT:
            self._link_waits = True
        else:
            self.go_to(JOIN)

    def go_to(self, step: int) -> None:
        """Show a step and put the focus where it helps: the invite where there is none, else the way on."""
        before = self.step
        self._steps.setCurrentIndex(max(ABOUT, min(step, JOIN)))
        number = translate("Wizard", "Step {step} of {all}").format(step=self.step + 1, all=JOIN + 1)
        self._number.setText(number)
        self._title.setText(title(self.step))
        self.setAccessibleName(f"{number}: {title(self.step)}")
        if self.step == MACHINE and self._model.picture.connected:
            self.machine.open()
        if self.step == JOIN:
            self.join.open()
        self._show_buttons()
        if self.step != before:
            wants_invite = self.step == JOIN and self.join.invite.draft.link is None
            (self.join if wants_invite else self.next).setFocus(Qt.FocusReason.OtherFocusReason)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() == Qt.Key.Key_Escape:
            self.cancel.click()
            return
        super().keyPressEvent(event)

    def _go_on(self) -> None:
        if self.step == JOIN:
            self.join.join()
            return
        waits, self._link_waits = self._link_waits, False
        if waits:
            self.join.settle()  # a double click does not join what nobody has seen
        self.go_to(JOIN if waits and self.step == ABOUT else self.step + 1)

    def _show_buttons(self) -> None:
        last, pending = self.step == JOIN, self.join.pending
        if last and pending and self.window().focusWidget() in (None, self.next):
            self.join.working.setFocus()  # else Qt gives it to Cancel, and a second Return would stop it all
        self.back.setVisible(self.step > ABOUT)
        self.back.setEnabled(not pending)
        self.next.setText(translate("Wizard", "Join") if last else translate("Wizard", "Next"))
        self.next.setEnabled(self.join.ready if last else True)
        stoppable = pending and "enroll" in self._model.picture.pending
        self.cancel.setText(translate("Wizard", "Stop joining") if stoppable else translate("Wizard", "Cancel"))
        self.cancel.setEnabled(stoppable or not pending)

    def _ask_to_cancel(self) -> None:
        if self.join.pending:
            self.join.stop()
            return
        ask(
            self,
            translate("Wizard", "Stop setting up?"),
            what_cancel_does(ours=self._model.picture.life.ours),
            yes=translate("Wizard", "Stop and quit"),
            no=translate("Wizard", "Go on"),
            act=self.cancelled.emit,
        )

    def _lay_out(self) -> None:
        head = QVBoxLayout()
        head.setContentsMargins(20, 16, 20, 0)
        head.setSpacing(2)
        head.addWidget(self._number)
        head.addWidget(self._title)
        line = QFrame()
        line.setProperty("kind", "line")
        foot = QHBoxLayout()
        foot.setContentsMargins(20, 10, 20, 12)
        foot.setSpacing(8)
        foot.addWidget(self.cancel)
        foot.addStretch(1)
        foot.addWidget(self.back)
        foot.addWidget(self.next)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addLayout(head)
        column.addWidget(self._steps, 1)
        column.addWidget(line)
        column.addLayout(foot)
        for one, other in ((self._steps, self.back), (self.back, self.next), (self.next, self.cancel)):
            QWidget.setTabOrder(one, other)


def title(step: int) -> str:
    titles = (
        translate("Wizard", "Let this computer help"),
        translate("Wizard", "What this computer has"),
        translate("Wizard", "Join with an invite"),
    )
    return titles[step]


def what_cancel_does(*, ours: bool) -> str:
    """Say exactly what Cancel does."""
    if not ours:
        return translate(
            "Wizard",
            "This window closes. The node on this computer was started by somebody else: it goes on, and nothing "
            "of it "
            "is changed. No mesh is joined.",
        )
    return translate(
        "Wizard",
        "RMA Mesh closes and deletes what it made for setting up, such as this computer's new key. No mesh is "
        "joined, "
        "nothing keeps running and nothing is left behind. Files and settings that were here before stay. If a "
        "coordinator had let this computer in at the very moment when you stopped joining, it may still list it; "
        "it "
        "cannot reach it.",
    )
