"""Notifications on a real bus, with a service that takes them as a desktop does."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path
from typing import Any

import pytest

from app.notifications import Notification, notification
from node.program.tasks import TaskSet
from tests.support.waiting import eventually

if sys.platform != "linux" or shutil.which("dbus-daemon") is None:
    pytest.skip("needs a D-Bus", allow_module_level=True)

from app.notifications_bus import NAME, PATH, BusNotifications
from tests.support.dbus import bus_daemon, stand_in

TOLD = notification("rules-unreadable")


async def test_it_is_shown_whole_and_a_click_tells_its_panel(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown: list[tuple[Any, ...]] = []

    def take(*body: Any) -> tuple[str, tuple[Any, ...]]:
        shown.append(body)
        return "u", (41 + len(shown),)

    panels: list[str] = []
    tasks = TaskSet("test")
    with bus_daemon(tmp_path) as daemon:
        monkeypatch.setenv("DBUS_SESSION_BUS_ADDRESS", daemon.address)
        bus = BusNotifications(panels.append, tasks)
        async with stand_in(daemon, NAME) as service:
            service.answers(PATH, NAME, "Notify", take)
            assert await bus.show(TOLD)
            assert shown[0][0] == "RMA Mesh"
            assert shown[0][3:5] == (TOLD.title, TOLD.text)
            assert shown[0][5] == ["default", TOLD.title]
            await service.tell(PATH, NAME, "ActionInvoked", "us", (7, "default"))  # of another program
            await service.tell(PATH, NAME, "ActionInvoked", "us", (42, "default"))
            await eventually(lambda: panels, "the click")
            assert panels == ["settings"]
            assert await bus.show(Notification("version", "title", "text", "overview"))
            await service.tell(PATH, NAME, "NotificationClosed", "uu", (43, 2))
            await service.tell(PATH, NAME, "ActionInvoked", "us", (43, "default"))
            await eventually(lambda: not bus._panels, "the end of it")
        assert not await bus.show(TOLD)  # the desktop's service has gone
        bus.close()
        await tasks.stop()
    assert panels == ["settings"]


async def test_without_a_bus_it_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DBUS_SESSION_BUS_ADDRESS", f"unix:path={tmp_path}/nothing")
    tasks = TaskSet("test")
    bus = BusNotifications(lambda _panel: None, tasks)
    assert not await bus.show(TOLD)
    await tasks.stop()
