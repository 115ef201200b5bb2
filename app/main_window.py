"""The window: the state and what can be done about it on top, the panels below, drawn only while it can be seen."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

from PySide6.QtCore import QCoreApplication, QEvent, QSize, Qt, Signal
from PySide6.QtGui import QAction, QCloseEvent, QFocusEvent, QKeyEvent, QKeySequence, QPaintEvent, QShowEvent
from PySide6.QtWidgets import (
    QFrame,
    QHBoxLayout,
    QListWidget,
    QListWidgetItem,
    QMenu,
    QStackedWidget,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from app import icons, wording
from app.diagnostics.dialog import export_bundle
from app.node_model import NodeModel
from app.panels import Panel
from app.panels.activity import ActivityPanel
from app.panels.mesh import MeshPanel
from app.panels.overview import OverviewPanel
from app.panels.routing import RoutingPanel
from app.panels.services import ServicesPanel
from app.panels.settings import SettingsPanel
from app.picture import Notice, Picture
from app.tray import SNOOZES
from app.widgets.frames import Banner, EmptyState
from app.widgets.glyphs import Button, StatePicture
from app.widgets.labels import label
from app.widgets.question import ask
from app.widgets.theme import colours, current_style_sheet
from app.widgets.tips import tip

if TYPE_CHECKING:
    from app.wizard.wizard import Wizard

SIZE = QSize(940, 680)
SMALLEST = QSize(560, 420)
FRAME = QSize(0, 40)  # what a title bar takes
BESIDE_TITLE = 76  # points of a line of the navigation: icon and room at its sides


class MainWindow(QWidget):
    """Shows one panel at a time; without a tray, closing it means to quit, and it asks first."""

    quit_wanted = Signal()
    try_again_wanted = Signal()
    cancelled = Signal()  # the first run: nothing of it shall be left
    painted = Signal()

    def __init__(self, model: NodeModel) -> None:
        super().__init__()
        self.setObjectName("window")
        self.setWindowTitle(wording.PROGRAM)
        self.setMinimumSize(SMALLEST)
        self.resize(first_size(self.screen().availableSize()))
        self._model = model
        self._has_tray = False
        self._closing = False
        self._painted = False
        self._link = ""
        self._header = Header(model)
        self._trouble = Banner(closable=False, gap=14)
        self._try_again = Button(self.tr("Try again now"), "restart")
        self._try_again.clicked.connect(self.try_again_wanted)
        self._trouble.buttons.addWidget(self._try_again)
        self._notice = Banner(gap=14)
        self._notice.closed.connect(model.dismiss)
        self._starting = StartingPage()
        self._starting.try_again_wanted.connect(self.try_again_wanted)
        self._starting.diagnostics_wanted.connect(self._save_diagnostics)
        self._wizard: Wizard | None = None
        self._pages: dict[str, tuple[str, Panel]] = {
            "overview": (self.tr("Overview"), OverviewPanel(model)),
            "services": (self.tr("Services"), ServicesPanel(model)),
            "mesh": (self.tr("Mesh"), MeshPanel(model.mesh)),
            "routing": (self.tr("Routing"), RoutingPanel(model.routing)),
            "activity": (self.tr("Activity"), ActivityPanel(model)),
            "settings": (self.tr("Settings"), SettingsPanel(model)),
        }
        self._navigation = Navigation([(name, title) for name, (title, _) in self._pages.items()])
        self._stack = QStackedWidget()
        for page in (self._starting, *(panel for _, panel in self._pages.values())):
            self._stack.addWidget(page)
        for title, panel in self._pages.values():
            panel.setAccessibleName(title)
        self._lay_out()
        self._add_shortcuts()
        self._navigation.currentRowChanged.connect(lambda _row: self._draw())
        model.changed.connect(self._draw)
        self._restyle()
        self._draw()

    # --- what others tell it --------------------------------------------------------------------------------

    def set_has_tray(self, has_tray: bool) -> None:
        self._has_tray = has_tray

    def prepare_to_quit(self) -> None:
        """Let the next close go through without a question."""
        self._closing = True

    def come_forward(self) -> None:
        self.showNormal() if self.isMinimized() else self.show()
        self.raise_()
        self.activateWindow()

    def offer_link(self, link: str) -> None:
        """Show an invite link in the form as soon as it is known whether this machine may use it."""
        self._link = link
        self._draw()

    def open_panel(self, name: str) -> None:
        self._navigation.setCurrentRow(list(self._pages).index(name))

    # --- drawing --------------------------------------------------------------------------------------------

    def _draw(self) -> None:
        picture, now = self._model.picture, time.time()
        self._settle_link(picture)
        if not self.isVisible() or self.isMinimized():
            return
        look = wording.look(picture, now)
        self._header.draw(picture, look)
        self._draw_banners(picture)
        page = self._page_for(picture)
        page.draw(picture, now)
        self._navigation.setVisible(picture.enrolled)
        before = self._stack.currentWidget()
        if before is not page:
            self._stack.setCurrentWidget(page)
            self._place_focus(before, page)

    def _place_focus(self, before: QWidget | None, page: Panel | Wizard) -> None:
        """Put the focus where typing helps, and never on a button that a stray key would press."""
        if page is self._wizard:
            page.setFocus()
        elif before is not None and before in (self._starting, self._wizard):
            self._navigation.setFocus()

    @property
    def _enrolment(self) -> Wizard:
        """The first run, made when it is needed: most starts are of members, and want a window soon."""
        if self._wizard is None:
            from app.wizard.wizard import Wizard

            self._wizard = Wizard(self._model)
            self._wizard.cancelled.connect(self.cancelled)
            self._stack.addWidget(self._wizard)
        return self._wizard

    def _page_for(self, picture: Picture) -> Panel | Wizard:
        if picture.view is None:
            return self._starting
        if not picture.enrolled:
            return self._enrolment
        return list(self._pages.values())[max(0, self._navigation.currentRow())][1]

    def _draw_banners(self, picture: Picture) -> None:
        life = picture.life
        broken = (
            bool(life.trouble)
            and picture.view is not None
            and not picture.connected
            and life.stage in ("restarting", "blocked")
        )
        _icon, _title, sentence, tone = wording.stage_words(life.stage)
        self._trouble.show_notice(Notice("life", sentence, life.trouble, tone=tone) if broken else None)
        self._try_again.setVisible(life.retry_at is not None)
        shown = [n for n in picture.notices if n.about != "enroll" or picture.enrolled]
        self._notice.show_notice(shown[-1] if shown else None)

    def _settle_link(self, picture: Picture) -> None:
        if not self._link or not picture.connected:
            return
        link, self._link = self._link, ""
        if picture.enrolled:
            self._model.note(
                Notice(
                    "link",
                    self.tr("This computer is in a mesh already"),
                    self.tr("The invite link was not used."),
                    self.tr("Leave this mesh first if you want to join another one."),
                    "warn",
                )
            )
        else:
            self._enrolment.offer_link(link)

    def _save_diagnostics(self) -> None:
        if self._model.data_dir is not None:
            export_bundle(self, self._model.data_dir, self._model.picture)

    def _restyle(self) -> None:
        sheet = current_style_sheet()
        if sheet != self.styleSheet():
            self.setStyleSheet(sheet)

    # --- Qt -------------------------------------------------------------------------------------------------

    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        kind = event.type()
        if kind in (QEvent.Type.PaletteChange, QEvent.Type.FontChange):
            self._restyle()
        elif kind == QEvent.Type.WindowStateChange:
            self._draw()

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        self._draw()

    def paintEvent(self, event: QPaintEvent) -> None:
        super().paintEvent(event)
        if not self._painted:
            self._painted = True
            self.painted.emit()

    def closeEvent(self, event: QCloseEvent) -> None:
        if self._has_tray or self._closing:
            event.accept()
            return
        event.ignore()
        self._ask_to_quit()

    def _ask_to_quit(self) -> None:
        if self._model.picture.life.ours:
            text = self.tr(
                "This desktop has no tray to keep RMA Mesh in. If you quit, this computer stops helping until you "
                "start it again."
            )
        else:
            text = self.tr(
                "This desktop has no tray to keep RMA Mesh in. The node itself was started by somebody else and "
                "goes on working."
            )
        ask(
            self,
            self.tr("Quit RMA Mesh?"),
            text,
            yes=self.tr("Quit"),
            no=self.tr("Keep open"),
            act=self.quit_wanted.emit,
        )

    def _lay_out(self) -> None:
        banners = QVBoxLayout()
        banners.setContentsMargins(20, 0, 20, 0)
        banners.setSpacing(0)
        for banner in (self._trouble, self._notice):
            banners.addWidget(banner)
        right = QVBoxLayout()
        right.setSpacing(0)
        right.addLayout(banners)
        right.addWidget(self._stack, 1)
        body = QHBoxLayout()
        body.setSpacing(0)
        body.addWidget(self._navigation)
        body.addLayout(right, 1)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addWidget(self._header)
        column.addLayout(body, 1)

    def _add_shortcuts(self) -> None:
        self._add_shortcut(QKeySequence("Ctrl+Q"), self.quit_wanted.emit)
        self._add_shortcut(QKeySequence("Ctrl+W"), self.close)
        for position in range(len(self._pages)):
            self._add_shortcut(
                panel_keys(position),
                partial(self._navigation.setCurrentRow, position),
            )

    def _add_shortcut(self, keys: QKeySequence, act: Callable[[], object]) -> None:
        action = QAction(self)
        action.setShortcut(keys)
        action.triggered.connect(lambda _checked: act())
        self.addAction(action)


def first_size(screen: QSize) -> QSize:
    """Return how large a new window is: on a small or much enlarged screen its buttons would be out of reach."""
    return SIZE.boundedTo(screen - FRAME).expandedTo(SMALLEST)


def panel_keys(place: int) -> QKeySequence:
    """Return the keys that open the panel at this place, from 0."""
    return QKeySequence(f"Ctrl+{place + 1}")


class Header(QFrame):
    """The state in big letters, one sentence about it, and the button that pauses or resumes."""

    def __init__(self, model: NodeModel) -> None:
        super().__init__()
        self.setProperty("kind", "header")
        self._picture = StatePicture(46)
        self._title = label("", "state")
        self._sentence = label("", "muted", wrap=True)
        self._sentence.setAlignment(Qt.AlignmentFlag.AlignLeading | Qt.AlignmentFlag.AlignTop)
        self._pause = PauseButton(model)
        self._resume = Button(self.tr("Resume"), "play", "primary")
        self._resume.clicked.connect(model.resume)
        words = QVBoxLayout()
        words.setSpacing(2)
        words.addWidget(self._title)
        words.addWidget(self._sentence)
        line = QHBoxLayout(self)
        line.setContentsMargins(20, 14, 20, 14)
        line.setSpacing(16)
        line.addWidget(self._picture)
        line.addLayout(words, 1)
        line.addWidget(self._pause)
        line.addWidget(self._resume)

    def draw(self, picture: Picture, look: wording.Look) -> None:
        self._picture.show_state(look.icon, look.title)
        self._title.setText(look.title)
        self._sentence.setText(look.sentence)
        self._sentence.setToolTip(tip(look.sentence))
        self._sentence.setMaximumHeight(2 * self._sentence.fontMetrics().lineSpacing() + 2)
        state = picture.state
        paused = state is not None and state.paused
        possible = picture.connected and "pause" not in picture.pending
        self._pause.setVisible(picture.enrolled and not paused)
        self._resume.setVisible(picture.enrolled and paused)
        self._pause.setEnabled(possible)
        self._resume.setEnabled(possible)


class PauseButton(QToolButton):
    """Pauses; its arrow offers to pause for a while."""

    def __init__(self, model: NodeModel) -> None:
        super().__init__()
        self.setText(self.tr("Pause"))
        self.setToolTip(self.tr("Pause this computer; the arrow offers a pause that ends by itself"))
        self.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
        self.setPopupMode(QToolButton.ToolButtonPopupMode.MenuButtonPopup)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.clicked.connect(model.pause)
        menu = QMenu(self)
        for seconds, text in SNOOZES:
            action = menu.addAction(QCoreApplication.translate("Tray", text))
            action.triggered.connect(lambda _=False, seconds=seconds: model.snooze(seconds))
        tomorrow = menu.addAction(QCoreApplication.translate("Tray", "Snooze until &tomorrow"))
        tomorrow.triggered.connect(model.snooze_until_tomorrow)
        self.setMenu(menu)
        self._tint()

    def changeEvent(self, event: QEvent) -> None:
        if event.type() == QEvent.Type.PaletteChange:
            self._tint()
        super().changeEvent(event)

    def _tint(self) -> None:
        self.setIcon(icons.button_icon("pause", colours().text, colours().muted))
        self.setIconSize(icons.BUTTON)


BY_KEYS = (
    Qt.FocusReason.TabFocusReason,
    Qt.FocusReason.BacktabFocusReason,
    Qt.FocusReason.ShortcutFocusReason,
)


class Navigation(QListWidget):
    """The list of panels at the side."""

    def __init__(self, pages: list[tuple[str, str]]) -> None:
        super().__init__()
        self.setObjectName("navigation")
        self.setAccessibleName(self.tr("Panels"))
        self.setIconSize(QSize(18, 18))
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self._glyphs = [name for name, _ in pages]
        for place, (_, title) in enumerate(pages):
            item = QListWidgetItem(title)
            keys = panel_keys(place).toString(QKeySequence.SequenceFormat.NativeText)
            item.setToolTip(tip(f"{title} ({keys})"))
            item.setData(Qt.ItemDataRole.AccessibleDescriptionRole, keys)
            self.addItem(item)
        widest = max(self.fontMetrics().horizontalAdvance(title) for _, title in pages)
        self.setFixedWidth(
            max(150, self.fontMetrics().averageCharWidth() * 22, round(widest * 1.06) + BESIDE_TITLE)
        )
        self.setCurrentRow(0)
        self.currentRowChanged.connect(lambda _row: self._tint())
        self._tint()

    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        if event.type() == QEvent.Type.PaletteChange:
            self._tint()

    def focusInEvent(self, event: QFocusEvent) -> None:
        self._frame(event.reason() in BY_KEYS)
        super().focusInEvent(event)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        self._frame(True)
        super().keyPressEvent(event)

    def _frame(self, shown: bool) -> None:
        """Frame the chosen panel for whoever uses the keyboard; a click needs no frame."""
        if shown != bool(self.property("framed")):
            self.setProperty("framed", shown)
            self.style().unpolish(self)
            self.style().polish(self)

    def _tint(self) -> None:
        c = colours()
        for row, glyph in enumerate(self._glyphs):
            colour = c.on_accent if row == self.currentRow() else c.muted
            self.item(row).setIcon(icons.glyph_icon(glyph, colour, c.muted))


class StartingPage(Panel):
    """What is shown until the node has said anything at all: that it starts, or why it does not."""

    try_again_wanted = Signal()
    diagnostics_wanted = Signal()

    def __init__(self) -> None:
        super().__init__()
        self._empty = EmptyState("peers")
        self._try_again = Button(self.tr("Try again now"), "restart")
        self._try_again.clicked.connect(self.try_again_wanted)
        self._diagnostics = Button(self.tr("Save diagnostics…"))
        self._diagnostics.setToolTip(
            self.tr("Make a file that helps others to find out what is wrong, without secrets")
        )
        self._diagnostics.clicked.connect(self.diagnostics_wanted)
        self.column.addStretch(1)
        self.column.addWidget(self._empty)
        for button in (self._try_again, self._diagnostics):
            self.column.addWidget(button, 0, Qt.AlignmentFlag.AlignHCenter)
        self.column.addStretch(2)

    def draw(self, picture: Picture, now: float) -> None:
        look, life = wording.look(picture, now), picture.life
        self._empty.show_text(look.title, life.trouble or look.sentence)
        self._empty.show_glyph("bad" if life.stage == "blocked" else "peers", look.tone)
        self._try_again.setVisible(life.retry_at is not None)
        self._diagnostics.setVisible(bool(life.trouble))
