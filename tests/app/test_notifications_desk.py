"""The desk tells a person by the desktop's bus, else by the tray icon, and only what the policy lets through."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path

import msgspec
import pytest
import pytest_asyncio

from app.node_model import NodeModel
from app.notifications_desk import NotificationDesk
from app.picture import Notice, Picture
from node.state import Reason
from tests.support import samples
from tests.support.samples import NOW, picture
from tests.support.waiting import eventually

UNREADABLE = picture(
    msgspec.structs.replace(samples.ONLINE, reasons=(Reason("rules-unreadable", "They cannot be read."),))
)


@dataclass
class Room:
    """Who sits there and what they see; the clock of the desk."""

    now: float = NOW
    seen: bool = False
    messages: list[str] = field(default_factory=list)
    has_icon: bool = True

    def show_message(self, title: str, text: str) -> bool:
        if self.has_icon:
            self.messages.append(title)
        return self.has_icon


@pytest.fixture
def room() -> Room:
    return Room()


@pytest_asyncio.fixture
async def desk(model: NodeModel, room: Room, tmp_path: Path) -> AsyncIterator[NotificationDesk]:
    made = new_desk(model, room, tmp_path)
    yield made
    await made.stop()


def new_desk(model: NodeModel, room: Room, data_dir: Path) -> NotificationDesk:
    return NotificationDesk(model, room, lambda: room.seen, data_dir, bus=False, clock=lambda: room.now)


def lasts(desk: NotificationDesk, room: Room, shown: Picture) -> None:
    for _ in range(2):
        desk.look(shown)
        room.now += 100


async def test_what_needs_a_person_is_shown_once_and_a_click_opens_the_panel(
    desk: NotificationDesk, room: Room
) -> None:
    panels: list[str] = []
    desk.clicked.connect(panels.append)
    lasts(desk, room, UNREADABLE)
    await eventually(lambda: room.messages, "the message")
    lasts(desk, room, UNREADABLE)
    desk.icon_clicked()
    assert panels == ["settings"]
    assert room.messages == ["Your rules cannot be read"]


async def test_a_new_start_does_not_tell_it_again(
    desk: NotificationDesk, room: Room, model: NodeModel, tmp_path: Path
) -> None:
    lasts(desk, room, UNREADABLE)
    await eventually(lambda: room.messages, "the message")
    room.now += 86400
    second = new_desk(model, room, tmp_path)
    lasts(second, room, UNREADABLE)
    await second.stop()
    assert len(room.messages) == 1


async def test_without_icon_and_bus_nothing_happens(desk: NotificationDesk, room: Room) -> None:
    room.has_icon = False
    lasts(desk, room, UNREADABLE)
    await eventually(lambda: not desk._tasks, "the end of the try")
    assert room.messages == []


async def test_what_was_chosen_in_the_tray_and_refused_is_told(desk: NotificationDesk, room: Room) -> None:
    refused = Notice("pause", "Pausing or resuming did not work", "The node said no.", "Please try again.")
    desk.look(picture(samples.ONLINE))
    desk.look(picture(samples.ONLINE, notices=(refused,)))
    desk.look(picture(samples.ONLINE, notices=(refused,)))
    await eventually(lambda: room.messages, "the message")
    room.seen = True
    desk.look(picture(samples.ONLINE))
    desk.look(picture(samples.ONLINE, notices=(refused,)))
    await eventually(lambda: not desk._tasks, "the end")
    assert room.messages == ["Pausing or resuming did not work"]


async def test_a_rule_that_was_not_changed_is_told(desk: NotificationDesk, room: Room, model: NodeModel) -> None:
    model.rules.refusal = Notice("rules", "The rule was not changed", "The disk is full.", "Please try again.")
    model.rules.changed.emit()
    model.rules.changed.emit()
    await eventually(lambda: room.messages, "the message")
    assert room.messages == ["The rule was not changed"]
