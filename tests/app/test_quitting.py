"""Quitting is asked for once, hurried by asking again, and shown when it takes long."""

from __future__ import annotations

import asyncio
import os
import signal

import msgspec
import pytest
from PySide6.QtWidgets import QPushButton
from pytestqt.qtbot import QtBot

from app.picture import NodeLife
from app.quitting import Quitting, QuittingDialog
from tests.support import samples
from tests.support.samples import NOW, picture


async def test_asking_twice_hurries() -> None:
    quitting = Quitting()
    quitting.ask()
    assert quitting.wanted.is_set()
    assert not quitting.hurry.is_set()
    quitting.ask()
    assert quitting.hurry.is_set()


async def test_the_end_of_the_session_hurries_at_once() -> None:
    quitting = Quitting()
    quitting.session_ends()
    assert quitting.wanted.is_set()
    assert quitting.hurry.is_set()


@pytest.mark.skipif(os.name != "posix", reason="the loop watches signals on POSIX systems only")
async def test_a_signal_quits() -> None:
    quitting = Quitting()
    loop = asyncio.get_running_loop()
    quitting.listen_to_signals(loop)
    os.kill(os.getpid(), signal.SIGTERM)
    await asyncio.wait_for(quitting.wanted.wait(), 30)
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        loop.remove_signal_handler(number)


async def test_the_dialog_waits_a_second_and_offers_not_to_wait(qtbot: QtBot) -> None:
    quitting = Quitting()
    dialog = QuittingDialog(quitting)
    qtbot.addWidget(dialog)
    dialog.start()
    assert not dialog.isVisible()
    assert 500 <= dialog._timer.interval() <= 1500
    dialog._timer.timeout.emit()
    assert dialog.isVisible()
    busy = msgspec.structs.replace(samples.ONLINE, phase="draining", in_flight=2)
    dialog.draw(picture(busy, connected=False, life=NodeLife("stopping")), NOW)
    assert dialog._text.text().startswith("Finishing 2 requests.")
    dialog.findChildren(QPushButton)[0].click()
    assert quitting.hurry.is_set()


async def test_a_dialog_that_was_not_needed_never_shows(qtbot: QtBot) -> None:
    dialog = QuittingDialog(Quitting())
    dialog.start()
    dialog.finish()
    assert not dialog._timer.isActive()
    assert not dialog.isVisible()
