"""The tray's menu: how the node is, pause and resume, snoozes, the mesh, each service, open, quit.

It is drawn from a TrayPicture; what is chosen becomes an intent, and the next picture tells what came of it.
While it is open nothing in it changes: a hand that goes to a line meets that line.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from functools import partial

from PySide6.QtCore import QT_TRANSLATE_NOOP, QCoreApplication, QTimer
from PySide6.QtGui import QAction
from PySide6.QtWidgets import QMenu

from app import icons, wording
from app.appearance import menu_style_sheet
from app.intents import Paused
from app.node_model import NodeModel
from app.tray_picture import MOST_LINES, Toggle, TrayPicture, services_off
from app.widgets.theme import colours
from app.widgets.tips import tip

SNOOZES = (
    (30 * 60, str(QT_TRANSLATE_NOOP("Tray", "Snooze for &30 minutes"))),
    (2 * 3600, str(QT_TRANSLATE_NOOP("Tray", "Snooze for &2 hours"))),
)
HOLD_MS = 60_000  # for which a panel that never says it closed the menu keeps it as it is


class TrayMenu(QMenu):
    """Lines that tell and lines that act; `opening` and `quitting` are for whoever shows the menu."""

    def __init__(self, model: NodeModel) -> None:
        super().__init__()
        self._model = model
        self._known: TrayPicture | None = None
        self._shown: TrayPicture | None = None
        self._held = QTimer(self, singleShot=True)  # active while the menu is open
        self._held.timeout.connect(self._let_go)
        self._title = self.addAction(wording.PROGRAM)
        self._title.setEnabled(False)
        self._lines = [self._add_line() for _ in range(MOST_LINES)]
        self.addSeparator()
        self._pause = self._add(self.tr("&Pause"), model.pause)
        self._resume = self._add(self.tr("&Resume"), model.resume)
        self._snoozes = self._add_snoozes(self, "all")
        self._gpu = GpuMenu(self.tr("Snooze &GPU only"), self)
        self._gpu_pauses = self._add_snoozes(self._gpu, "gpu")
        self._gpu_pauses.append(self._gpu.addAction(self.tr("&Until I resume")))
        self._gpu_pauses[-1].triggered.connect(lambda: model.pause(scope="gpu"))
        self.addMenu(self._gpu)
        self.addSeparator()
        self._mesh = self._add(self.tr("&Mesh on"), self._switch_mesh)
        self._mesh.setCheckable(True)
        self._services = ServicesMenu(self.tr("&Services"), self, self._switch_service)
        self.addMenu(self._services)
        self.addSeparator()
        self.opening = self.addAction(self.tr("&Open RMA Mesh"))
        self.setDefaultAction(self.opening)
        self.quitting = self.addAction(self.tr("&Quit"))
        self.aboutToShow.connect(self._hold)
        # What was chosen comes after the menu has closed: only then may it change.
        self.aboutToHide.connect(lambda: self._held.start(0))
        self.triggered.connect(lambda _action: self._held.start(0) if self._held.isActive() else None)
        for menu in (self, self._gpu, self._services):
            menu.setToolTipsVisible(True)

    def draw(self, shown: TrayPicture) -> None:
        """Show it now, or as soon as the menu has closed."""
        self._known = shown
        if not self._held.isActive():
            self._draw_now(shown)

    def _hold(self) -> None:
        """Begin to be open, with what is known now."""
        if self._known is not None:
            self._draw_now(self._known)
        self.setStyleSheet(menu_style_sheet(colours()))
        self._held.start(HOLD_MS)

    def _let_go(self) -> None:
        if self.isVisible():
            self._held.start(HOLD_MS)
        elif self._known is not None:
            self._draw_now(self._known)

    def _draw_now(self, shown: TrayPicture) -> None:
        """Show it; nothing is touched that stays as it is, since every change goes to the panel."""
        if shown == self._shown:
            return
        self._draw_status(shown)
        self._pause.setVisible(not shown.paused)
        self._resume.setVisible(shown.resumes)
        self._resume.setText(self.tr("&Resume") if shown.paused else self.tr("&Resume what uses the GPU"))
        for action in (self._pause, self._resume, *self._snoozes, *self._gpu_pauses):
            self._allow(action, shown.blocked)
        self._gpu.menuAction().setVisible(shown.gpu)
        self._allow(self._gpu.menuAction(), shown.blocked)
        self._mesh.setChecked(shown.mesh_on)
        self._allow(self._mesh, shown.rules_blocked)
        self._services.menuAction().setVisible(bool(shown.services))
        self._allow(self._services.menuAction(), shown.rules_blocked)
        self._services.draw(shown.services)
        self._shown = shown

    def _draw_status(self, shown: TrayPicture) -> None:
        self._title.setText(shown.title)
        if self._shown is None or self._shown.icon != shown.icon:
            self._title.setIcon(icons.state_icon(shown.icon))
        for place, action in enumerate(self._lines):
            text = shown.lines[place] if place < len(shown.lines) else ""
            action.setText(escaped(text))
            action.setVisible(bool(text))

    def _allow(self, action: QAction, blocked: str) -> None:
        action.setEnabled(not blocked)
        action.setToolTip(tip(blocked))

    # --- what is chosen -------------------------------------------------------------------------------------

    def _switch_mesh(self) -> None:
        if self._shown is not None:
            self._mesh.setChecked(self._shown.mesh_on)  # as it is, until the node has done it
            change = QCoreApplication.translate("Tray", "Mesh on")
            self._model.rules.change(change, {"mesh_on": not self._shown.mesh_on})

    def _switch_service(self, service: Toggle) -> None:
        state = self._model.picture.state
        if state is not None:
            off = services_off(self._model.rules.over(state.rules), service.name, on=not service.on)
            self._model.rules.change(service.title, {"services_off": off})

    # --- building -------------------------------------------------------------------------------------------

    def _add(self, text: str, act: Callable[[], object]) -> QAction:
        action = self.addAction(text)
        action.triggered.connect(lambda _checked=False: act())
        return action

    def _add_line(self) -> QAction:
        action = self.addAction("")
        action.setEnabled(False)
        action.setVisible(False)
        return action

    def _add_snoozes(self, menu: QMenu, scope: Paused) -> list[QAction]:
        found = []
        for seconds, text in SNOOZES:
            found.append(menu.addAction(QCoreApplication.translate("Tray", text)))
            found[-1].triggered.connect(partial(self._snooze, seconds, scope))
        found.append(menu.addAction(QCoreApplication.translate("Tray", "Snooze until &tomorrow")))
        found[-1].triggered.connect(partial(self._snooze, None, scope))
        return found

    def _snooze(self, seconds: float | None, scope: Paused, _checked: bool = False) -> None:
        if seconds is None:
            self._model.snooze_until_tomorrow(scope=scope)
        else:
            self._model.snooze(seconds, scope)


class GpuMenu(QMenu):
    """Pauses for what uses the GPU."""


class ServicesMenu(QMenu):
    """One toggle for each service; `switch` is told which was chosen."""

    def __init__(self, title: str, parent: QMenu, switch: Callable[[Toggle], None]) -> None:
        super().__init__(title, parent)
        self._switch = switch
        self._shown: tuple[Toggle, ...] = ()
        self._toggles: dict[str, QAction] = {}

    def draw(self, services: tuple[Toggle, ...]) -> None:
        if [one.name for one in services] != list(self._toggles):
            self.clear()
            self._toggles = {one.name: self._add(one.name) for one in services}
        self._shown = services
        for one, text in zip(services, with_letters(one.title for one in services), strict=True):
            action = self._toggles[one.name]
            action.setText(text)
            action.setChecked(one.on)

    def _add(self, name: str) -> QAction:
        action = self.addAction(name)
        action.setCheckable(True)
        action.triggered.connect(lambda _checked=False: self._chosen(name))
        return action

    def _chosen(self, name: str) -> None:
        for one in self._shown:
            if one.name == name:
                self._toggles[name].setChecked(one.on)  # as it is, until the node has done it
                self._switch(one)


def escaped(text: str) -> str:
    """Return text for a menu that takes & for the mark of a letter."""
    return text.replace("&", "&&")


def with_letters(texts: Iterable[str]) -> Iterator[str]:
    """Yield texts for a menu, each with the mark of a letter or digit that no other has, where there is one.

    A panel is told of the mark by Qt in a way that leaves it wrong beside another & or an underscore.
    """
    taken: set[str] = set()
    for text in texts:
        starts = [place for place, char in enumerate(text) if place == 0 or text[place - 1] == " "]
        places = (*starts, *range(len(text))) if not {"&", "_"} & set(text) else ()
        free = [place for place in places if text[place].isascii() and text[place].isalnum()]
        free = [place for place in free if text[place].upper() not in taken]
        if not free:
            yield escaped(text)
            continue
        taken.add(text[free[0]].upper())
        yield f"{text[: free[0]]}&{text[free[0] :]}"
