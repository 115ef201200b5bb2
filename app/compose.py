"""The one place that wires the app: window, tray, model, node; in the order that shows a window soonest."""

from __future__ import annotations

import asyncio
import contextlib
import os
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from app.application import Application
from app.autostart import autostart_of_this_system
from app.data_files import delete_files
from app.main_window import MainWindow
from app.node_model import NodeModel
from app.notifications_desk import NotificationDesk
from app.picture import Picture
from app.quitting import Quitting, QuittingDialog
from app.single_instance import Handover, SingleInstance
from app.traces import Traces
from app.tray import Tray
from node.program.tasks import TaskSet

if TYPE_CHECKING:
    from app.control_client import ControlClient
    from app.embedded_node import EmbeddedNode
    from app.goodbye import Crew

PAINT_DEADLINE = 2.0  # seconds; a window that is not painted by then is behind others


@dataclass(frozen=True, slots=True)
class Options:
    """What the command line asked for."""

    data_dir: Path
    minimized: bool = False
    attach_only: bool = False
    link: str = ""
    language: str = ""


async def run(options: Options, application: Application, traces: Traces | None = None) -> int:
    """Show the app, keep a node running behind it until somebody quits, end both; return the exit code.

    `traces` are told when a first run is cancelled, and lose the keys then.
    """
    traces = traces or Traces(options.data_dir)
    model, quitting, tasks = NodeModel(), Quitting(), TaskSet("app")
    model.data_dir = options.data_dir
    window, tray = MainWindow(model), Tray(model)
    instance = SingleInstance(options.data_dir)
    desk = NotificationDesk(
        model, tray, lambda: application.activeWindow() is not None, options.data_dir, parent=application
    )
    quitting.listen_to_signals(asyncio.get_running_loop())
    _wire(application, window, tray, quitting, instance)
    _wire_notifications(desk, tray, window)
    window.cancelled.connect(lambda: _cancel_first_run(model, traces, quitting))
    try:
        await _show(options, window, tray)
        if options.link:
            window.offer_link(options.link)
        await _keep_node(options, model, window, quitting, tasks)
        await traces.forget_keys()
    finally:
        window.prepare_to_quit()
        instance.close()
        tray.stop()
        await desk.stop()
        desk.deleteLater()
        await tasks.stop()
        await model.stop()
        window.close()
        window.deleteLater()
    if model.goodbye.deleted:
        delete_files(options.data_dir, held=True)
    return 0


def _wire(
    application: Application, window: MainWindow, tray: Tray, quitting: Quitting, instance: SingleInstance
) -> None:
    def called(handover: Handover) -> None:
        if handover.activation and handover.activation.isprintable():
            os.environ["XDG_ACTIVATION_TOKEN"] = handover.activation  # Qt reads it when it raises the window
        if not handover.quiet or handover.link:
            window.come_forward()
        if handover.link:
            window.offer_link(handover.link)

    application.quit_wanted.connect(quitting.ask)
    application.session_ends.connect(quitting.session_ends)
    window.quit_wanted.connect(quitting.ask)
    tray.quit_wanted.connect(quitting.ask)
    tray.open_wanted.connect(window.come_forward)
    tray.presence_changed.connect(window.set_has_tray)
    tray.gave_up.connect(window.come_forward)
    instance.called.connect(called)
    instance.listen()


def _cancel_first_run(model: NodeModel, traces: Traces, quitting: Quitting) -> None:
    """Quit without a trace; a node that somebody else started keeps what it has."""
    traces.unwanted = model.picture.life.ours and not model.picture.enrolled
    quitting.ask()


def _wire_notifications(desk: NotificationDesk, tray: Tray, window: MainWindow) -> None:
    def clicked(panel: str) -> None:
        window.come_forward()
        window.open_panel(panel)

    desk.clicked.connect(clicked)
    tray.message_clicked.connect(desk.icon_clicked)
    desk.start()


async def _show(options: Options, window: MainWindow, tray: Tray) -> None:
    """Paint the window, or only the tray icon, before anything that takes time."""
    if options.minimized and not options.link:
        tray.start()
        return
    painted = asyncio.Event()
    window.painted.connect(painted.set)
    window.show()
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(PAINT_DEADLINE):
            await painted.wait()
    tray.start()


async def _keep_node(
    options: Options, model: NodeModel, window: MainWindow, quitting: Quitting, tasks: TaskSet
) -> None:
    from app.child_process import child_environment  # the window is there by now, and can wait for none of this
    from app.control_client import ControlClient
    from app.embedded_node import EmbeddedNode, node_command
    from node.hardware.sensing.sleeping import Sleeping

    async with ControlClient(options.data_dir) as client:
        node = EmbeddedNode(
            options.data_dir,
            client,
            model.life_changed,
            command=None if options.attach_only else node_command(options.data_dir),
            environment=child_environment(os.environ),
        )
        model.connect_to(client)
        model.mesh.connect_to(client)
        model.routing.connect_to(client)
        model.activity.connect_to(client)
        model.survey.connect_to(client)
        model.rules.connect_to(client)
        model.vitals.connect_to(client)
        window.try_again_wanted.connect(node.try_now)
        following = tasks.start(client.follow(model), "follow")
        await Sleeping(client.reconnect).watch(tasks)  # what was known before the computer slept is old
        supervisor = tasks.every(2.0, node.run, "supervise")

        async def end_node() -> None:
            await _cancel(supervisor)
            await node.stop(quitting.hurry)

        model.goodbye.connect_to(lambda: _crew(options.data_dir, model, client, end_node))
        model.goodbye.closed.connect(quitting.ask)
        await quitting.wanted.wait()
        await _cancel(supervisor)
        if model.picture.state is None or not model.picture.state.in_flight:
            await _cancel(following)  # nothing to watch, and a node that stops waits for its followers
        await _end(node, model, window, quitting)


def _crew(data_dir: Path, model: NodeModel, client: ControlClient, end_node: Callable[[], Awaitable[None]]) -> Crew:
    """Get ready to leave for good; `end_node` also sees to it that the node is not started again."""
    from app.goodbye_crew import GoodbyeCrew  # what it needs is needed for this only

    return GoodbyeCrew(data_dir, model, client, end_node, autostart_of_this_system(data_dir))


async def _cancel(task: asyncio.Task[Any]) -> None:
    task.cancel()
    await asyncio.wait({task})


async def _end(node: EmbeddedNode, model: NodeModel, window: MainWindow, quitting: Quitting) -> None:
    """Stop the node if it is ours, with a dialog if that takes longer than a moment."""
    dialog = QuittingDialog(quitting)
    dialog.setStyleSheet(window.styleSheet())

    def draw(picture: Picture) -> None:
        dialog.draw(picture, time.time())

    model.changed.connect(draw)
    window.prepare_to_quit()
    window.close()
    dialog.start()
    try:
        await node.stop(quitting.hurry)
    finally:
        model.changed.disconnect(draw)  # the model may tell more when the dialog has gone
        dialog.finish()
