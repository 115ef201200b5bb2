"""The application asks instead of ending, and has name and icon."""

from __future__ import annotations

from PySide6.QtCore import QCoreApplication, QEvent
from pytestqt.qtbot import QtBot

from app.application import Application


def test_it_has_a_name_and_an_icon(qapp: Application) -> None:
    assert qapp.applicationDisplayName() == "RMA Mesh"
    assert qapp.desktopFileName() == "rma-mesh"
    assert not qapp.windowIcon().isNull()
    assert not qapp.quitOnLastWindowClosed()


def test_a_quit_event_becomes_a_wish(qapp: Application, qtbot: QtBot) -> None:
    event = QEvent(QEvent.Type.Quit)
    with qtbot.waitSignal(qapp.quit_wanted):
        QCoreApplication.sendEvent(qapp, event)
    assert not event.isAccepted()


def test_the_end_of_the_session_is_told(qapp: Application, qtbot: QtBot) -> None:
    with qtbot.waitSignal(qapp.session_ends):
        qapp._session_ends(None)  # type: ignore[arg-type]
