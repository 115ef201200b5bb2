"""The whole app with a real node: join, change rules in the window, leave for good; then nothing of it is left."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from PySide6.QtWidgets import QWidget

from app.application import Application
from app.autostart import autostart_of_this_system
from app.compose import Options, run
from app.intents import EnrolmentWish
from app.main_window import MainWindow
from app.panels.settings import SettingsPanel
from app.panels.settings_groups.goodbye_dialog import GoodbyeDialog
from app.widgets.question import Question
from node.program.data_dir import hold_data_dir
from node.program.tasks import TaskSet
from node.rules.settings import Rules
from node.wire.invites import parse_link
from tests.support.real_mesh import ENVIRONMENT, RealMesh, real_mesh
from tests.support.waiting import eventually

DEADLINE = 240.0
SETTINGS = {
    "RMA_PORT": "0", "RMA_DHT_PORT": "0", "RMA_KEYRING": "false", "RMA_VPN": "off", "RMA_WORKER_HEARTBEAT": "1",
    "RMA_DHT_REPUBLISH": "2", "RMA_DRAIN_DEADLINE": "2",
}  # fmt: skip


@pytest.fixture
def mesh(tmp_path: Path) -> Iterator[RealMesh]:
    with real_mesh(tmp_path) as made:
        made.start_coordinator()
        yield made


def shown_window(qt: Application) -> MainWindow | None:
    windows = [one for one in qt.topLevelWidgets() if isinstance(one, MainWindow) and not one._closing]
    return next((one for one in windows if one.isVisible()), None)


def visible(window: QWidget, kind: type[QWidget]) -> QWidget:
    return next(one for one in window.findChildren(kind) if one.isVisible())


@pytest.mark.timeout(600)
async def test_who_leaves_for_good_leaves_nothing(
    mesh: RealMesh, tmp_path: Path, qt: Application, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in [name for name in os.environ if name.startswith("RMA_")]:
        monkeypatch.delenv(name)
    for name, value in (ENVIRONMENT | SETTINGS).items():
        if name.startswith("RMA_"):
            monkeypatch.setenv(name, value)
    monkeypatch.setattr("app.rules_model.UNDO_MS", 3_600_000)  # a slow machine shall not lose the way back
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setenv("XDG_CONFIG_DIRS", str(tmp_path / "system"))
    data_dir, tasks = tmp_path / "volunteer", TaskSet("test")
    with hold_data_dir(data_dir, "app"):
        app = tasks.start(run(Options(data_dir), qt), "app")
        await eventually(lambda: shown_window(qt), "the window", DEADLINE)
        window = shown_window(qt)
        assert window is not None
        model = window._model
        await eventually(lambda: model.picture.connected, "the node", DEADLINE)
        link = parse_link(mesh.invite())
        model.enroll(EnrolmentWish(link.coordinator, link.invite.code))
        await eventually(lambda: model.picture.phase == "online", "the mesh", DEADLINE)
        window.open_panel("settings")
        panel = window._stack.currentWidget()
        assert isinstance(panel, SettingsPanel)

        def rules() -> Rules:
            assert model.picture.state is not None
            return model.picture.state.rules

        panel.content.power.metered.switch.click()
        panel.content.limits.rows["disk_bytes"][0].switch.click()
        await eventually(lambda: not rules().metered and rules().caps.disk_bytes, "the rules", DEADLINE)
        assert (data_dir / "rules.json").exists(), "and the node has kept them"
        panel.content.undoing.undo.click()
        # What the node told before the changes may come after its answer: then both are as they were, for a moment.
        await eventually(lambda: rules().caps.disk_bytes is None and not rules().metered, "the undoing", DEADLINE)
        panel.content.login.row.switch.click()
        place = autostart_of_this_system(data_dir)
        assert place is not None
        assert place.enabled()

        panel.content.goodbye.deleting.click()
        question = visible(window, Question)
        assert isinstance(question, Question)
        question.yes.click()
        await eventually(lambda: model.goodbye.now.step in ("done", "failed"), "the end", DEADLINE)
        assert model.goodbye.now.trouble == ""
        assert model.goodbye.now.told is True
        assert not [one for one in model.goodbye.now.rest if str(data_dir) in one]
        assert not place.enabled()
        dialog = visible(window, GoodbyeDialog)
        assert isinstance(dialog, GoodbyeDialog)
        dialog.ending.click()
        async with asyncio.timeout(DEADLINE):
            assert await app == 0
    assert not data_dir.exists()
