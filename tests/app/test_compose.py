"""The whole app in one loop against a control server: wired, shown, quit."""

from __future__ import annotations

import asyncio
from pathlib import Path

import msgspec
import pytest
from PySide6.QtWidgets import QWidget

from app.application import Application
from app.compose import Options, run
from app.main_window import MainWindow
from app.notifications_desk import NotificationDesk
from app.single_instance import Handover, SingleInstance
from node.hardware.sensing.sleeping import Sleeping
from node.program.tasks import TaskSet
from tests.support import samples
from tests.support.control_server import ControlServer
from tests.support.waiting import eventually

LINK = "rma-mesh://enroll?coordinator=https%3A%2F%2Fmesh.example&invite=RMA-X"


def window(qt: Application) -> MainWindow:
    return next(widget for widget in qt.topLevelWidgets() if isinstance(widget, MainWindow) and not widget._closing)


async def test_it_attaches_shows_and_quits_without_stopping_a_foreign_node(
    tmp_path: Path, server: ControlServer, qt: Application
) -> None:
    tasks = TaskSet("test")
    app = tasks.start(run(Options(tmp_path, attach_only=True, link=LINK), qt), "app")
    await eventually(
        lambda: [w for w in qt.topLevelWidgets() if isinstance(w, MainWindow) and w.isVisible()], "a window"
    )
    shown = window(qt)
    model = shown._model
    await eventually(lambda: model.picture.connected, "the node")
    await eventually(lambda: shown._enrolment.join.invite.invite.text() == LINK, "the link")
    shown.quit_wanted.emit()
    assert await asyncio.wait_for(app, 30) == 0
    assert "stop" not in server.names
    await asyncio.sleep(0)
    model.changed.emit(model.picture)  # what was on its way meets nothing that has gone


async def test_minimized_it_stays_out_of_sight_until_called(
    tmp_path: Path, server: ControlServer, qt: Application
) -> None:
    tasks = TaskSet("test")
    app = tasks.start(run(Options(tmp_path, attach_only=True, minimized=True), qt), "app")
    await eventually(
        lambda: [w for w in qt.topLevelWidgets() if isinstance(w, MainWindow) and not w._closing], "a window"
    )
    shown = window(qt)
    await eventually(lambda: shown._model.picture.connected, "the node")
    assert not shown.isVisible()
    qt.quit_wanted.emit()
    assert await asyncio.wait_for(app, 30) == 0


async def test_a_second_start_brings_the_window_forward_with_its_link(
    tmp_path: Path, server: ControlServer, qt: Application, monkeypatch: object
) -> None:
    made: list[SingleInstance] = []
    original = SingleInstance.listen

    def listen(self: SingleInstance) -> bool:
        made.append(self)
        return original(self)

    monkeypatch.setattr(SingleInstance, "listen", listen)  # type: ignore[attr-defined]
    tasks = TaskSet("test")
    app = tasks.start(run(Options(tmp_path, attach_only=True, minimized=True), qt), "app")
    await eventually(lambda: made, "listening")
    shown = window(qt)
    await eventually(lambda: shown._model.picture.connected, "the node")
    made[0].called.emit(Handover(quiet=True))  # started at login, though it runs already
    await asyncio.sleep(0)
    assert not shown.isVisible()
    made[0].called.emit(Handover(LINK, "", quiet=True))
    await eventually(shown.isVisible, "the window")
    await eventually(lambda: shown._enrolment.join.invite.invite.text() == LINK, "the link")
    qt.session_ends.emit()
    assert await asyncio.wait_for(app, 30) == 0


async def test_sleep_and_notifications_are_wired(
    tmp_path: Path, server: ControlServer, qt: Application, monkeypatch: pytest.MonkeyPatch
) -> None:
    sleepers: list[Sleeping] = []
    desks: list[NotificationDesk] = []
    watch, start = Sleeping.watch, NotificationDesk.start

    async def watched(self: Sleeping, tasks: TaskSet) -> None:
        sleepers.append(self)
        await watch(self, tasks)

    def started(self: NotificationDesk) -> None:
        desks.append(self)
        start(self)

    monkeypatch.setattr(Sleeping, "watch", watched)
    monkeypatch.setattr(NotificationDesk, "start", started)
    server.show(samples.ONLINE)
    tasks = TaskSet("test")
    app = tasks.start(run(Options(tmp_path, attach_only=True, minimized=True), qt), "app")
    await eventually(lambda: sleepers and window(qt)._model.picture.connected, "the node")
    shown = window(qt)
    server.view = msgspec.structs.replace(server.view, state=samples.PAUSED)  # while the computer slept
    sleepers[0]._on_resume()
    await eventually(lambda: shown._model.picture.phase == "paused", "the truth")
    desks[0].clicked.emit("services")
    assert shown.isVisible()
    assert shown._navigation.currentRow() == list(shown._pages).index("services")
    qt.session_ends.emit()
    assert await asyncio.wait_for(app, 30) == 0


def test_no_window_is_left(qt: Application) -> None:
    qt.processEvents()
    assert [w for w in qt.topLevelWidgets() if isinstance(w, QWidget) and w.isVisible()] == []
