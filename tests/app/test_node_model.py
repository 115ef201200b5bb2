"""Stream in, pictures out at most ten times a second, intents back with their failures."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

import msgspec
import pytest

from app.control_client import ControlClient
from app.intents import EnrolmentWish
from app.node_model import GATHER_MS, NodeModel
from app.picture import NodeLife, Picture
from node.state import RoutingStats
from node.wire.problems import Problem
from tests.support import samples
from tests.support.control_server import ControlServer
from tests.support.waiting import eventually

EARLY = 0.9  # Qt's timers may come a twentieth early


class Told:
    """Every picture that was told, with its time by the model's own clock."""

    def __init__(self, model: NodeModel) -> None:
        self.pictures: list[Picture] = []
        self.times: list[float] = []
        self.model = model
        model.changed.connect(self.take)

    def take(self, picture: Picture) -> None:
        self.pictures.append(picture)
        self.times.append(self.model._told_at)


async def test_a_thousand_changes_are_told_ten_times_a_second(model: NodeModel) -> None:
    told, began = Told(model), time.monotonic()
    for number in range(1000):
        model.view_arrived(samples.view(samples.ONLINE, sequence=number))
        if number % 50 == 0:
            await asyncio.sleep(0.02)
    await eventually(lambda: told.pictures and told.pictures[-1].view.sequence == 999, "the last one")  # type: ignore[union-attr]
    assert len(told.pictures) <= (time.monotonic() - began) * 1000 / (GATHER_MS * EARLY) + 2
    gaps = [after - before for before, after in zip(told.times, told.times[1:], strict=False)]
    assert min(gaps) >= GATHER_MS / 1000 * EARLY
    await model.stop()


async def test_the_first_change_is_told_at_once(model: NodeModel, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.node_model.GATHER_MS", 3_600_000)
    told = Told(model)
    model.life_changed(NodeLife("running"))
    await eventually(lambda: told.pictures, "the picture")
    model.life_changed(NodeLife("stopping"))
    assert model._gathering.remainingTime() > 3_000_000, "the next one waits"
    await model.stop()


@pytest.mark.skipif(not hasattr(time, "tzset"), reason="this system follows the zone by itself")
async def test_times_are_drawn_as_those_of_the_zone_that_the_computer_is_in_now(
    model: NodeModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    hours: list[int] = []
    model.changed.connect(lambda _picture: hours.append(time.localtime(0).tm_hour))
    with monkeypatch.context() as abroad:
        abroad.setenv("TZ", "AAA-7")
        model.life_changed(NodeLife("running"))
        await eventually(lambda: hours, "the picture")
    assert hours[0] == 7
    time.tzset()
    await model.stop()


async def test_losing_the_node_keeps_what_was_known(model: NodeModel) -> None:
    model.view_arrived(samples.view(samples.ONLINE))
    known = model.picture
    model.connection_lost()
    assert (known.phase, model.picture.phase) == ("online", None)
    assert model.picture.enrolled
    await model.stop()


async def test_requests_make_it_look_busy_for_a_moment() -> None:
    now = 100.0
    model = NodeModel(clock=lambda: now)
    told = Told(model)
    model.view_arrived(samples.view(samples.ONLINE, stats=RoutingStats(local_requests=5)))
    model.view_arrived(samples.view(samples.ONLINE, stats=RoutingStats(local_requests=6)))
    await eventually(lambda: told.pictures and told.pictures[-1].busy, "busy")
    assert sum(told.pictures[-1].activity) == 1
    now = 103.0
    await eventually(lambda: not told.pictures[-1].busy, "quiet again")
    await model.stop()
    model.deleteLater()


async def test_work_in_flight_is_busy_too(model: NodeModel) -> None:
    told = Told(model)
    model.view_arrived(samples.view(msgspec.structs.replace(samples.ONLINE, in_flight=1)))
    await eventually(lambda: told.pictures and told.pictures[-1].busy, "busy")
    await model.stop()


async def test_intents_reach_the_node(model: NodeModel, server: ControlServer, client: ControlClient) -> None:
    model.connect_to(client)
    model.pause()
    assert model.picture.pending == {"pause"}
    await eventually(lambda: not model.picture.pending, "the answer")
    model.resume()
    await eventually(lambda: not model.picture.pending, "the answer")
    model.snooze(1800)
    model.leave()
    model.restart_service("notes-coa")
    model.enroll(EnrolmentWish("https://mesh.example", "RMA-X", "Reception"))
    await eventually(lambda: not model.picture.pending, "the answers")
    assert server.names[:2] == ["pause", "resume"]
    assert sorted(server.names[2:]) == ["enroll", "leave", "services/notes-coa/restart", "snooze"]
    assert (
        "enroll",
        EnrolmentWish("https://mesh.example", "RMA-X", "Reception").body(),
    ) in server.intents
    await model.stop()


async def test_the_same_intent_is_not_sent_twice_at_once(
    model: NodeModel, server: ControlServer, client: ControlClient
) -> None:
    model.connect_to(client)
    server.hold = asyncio.Event()
    model.pause()
    model.pause()
    await eventually(lambda: server.names, "the first")
    server.hold.set()
    await eventually(lambda: not model.picture.pending, "the answer")
    assert server.names == ["pause"]
    await model.stop()


async def test_a_refusal_becomes_a_notice_that_can_be_dismissed(
    model: NodeModel, server: ControlServer, client: ControlClient
) -> None:
    model.connect_to(client)
    server.refusal = Problem("invite-invalid", "The invite was used already.")
    model.enroll(EnrolmentWish("https://mesh.example", "RMA-X"))
    await eventually(lambda: model.picture.notices, "the notice")
    notice = model.picture.notice_about("enroll")
    assert notice is not None
    assert notice.title == "This invite does not work"
    model.dismiss("enroll")
    assert model.picture.notices == ()
    await model.stop()


async def test_an_enrolment_can_be_cancelled(
    model: NodeModel, server: ControlServer, client: ControlClient
) -> None:
    model.connect_to(client)
    server.hold = asyncio.Event()
    model.enroll(EnrolmentWish("https://mesh.example", "RMA-X"))
    await eventually(lambda: server.names, "the intent")
    model.cancel_enrolment()
    await eventually(lambda: not model.picture.pending, "the end")
    assert model.picture.notices == ()
    await model.stop()


async def test_before_the_node_is_there_an_intent_says_so(model: NodeModel) -> None:
    model.pause()
    await eventually(lambda: model.picture.notices, "the notice")
    assert "does not answer" in model.picture.notices[0].text
    await model.stop()


async def test_an_error_of_ours_is_told_without_its_text(model: NodeModel) -> None:
    class Broken:
        async def send(self, path: str, body: object = None, *, wait: float = 10.0) -> bytes:
            raise RuntimeError("inner detail")

    model.connect_to(Broken())
    model.pause()
    await eventually(lambda: model.picture.notices, "the notice")
    assert "inner detail" not in model.picture.notices[0].text
    await model.stop()


async def test_a_node_of_another_version_is_said_until_it_can_be_read(model: NodeModel) -> None:
    model.version_differs()
    assert model.picture.notice_about("version") is not None
    model.view_arrived(samples.view(samples.ONLINE))
    assert model.picture.notice_about("version") is None
    await model.stop()


async def test_a_node_that_ended_and_is_back_is_said(model: NodeModel) -> None:
    for life in (NodeLife("starting"), NodeLife("running")):
        model.life_changed(life)
    assert model.picture.restarted_at is None
    assert model.picture.notices == ()
    model.life_changed(NodeLife("restarting", restarts=1, trouble="The node ended unexpectedly (exit code 1)."))
    model.life_changed(NodeLife("restarting", restarts=1, trouble="The node ended unexpectedly (exit code 1)."))
    model.life_changed(NodeLife("running", restarts=1))
    assert model.picture.restarted_at is not None
    notice = model.picture.notice_about("restarted")
    assert notice is not None
    assert notice.tone == "quiet"
    assert notice.text == "The node ended unexpectedly (exit code 1). It works again; there is nothing to do."
    await model.stop()


async def test_pauses_of_the_gpu_and_until_tomorrow_reach_the_node(
    model: NodeModel, server: ControlServer, client: ControlClient
) -> None:
    model.connect_to(client)
    acts: tuple[Callable[[], None], ...] = (
        lambda: model.pause(scope="gpu"),
        lambda: model.snooze(1800, "gpu"),
        model.snooze_until_tomorrow,
        lambda: model.snooze_until_tomorrow(scope="gpu"),
    )
    for count, act in enumerate(acts, 1):
        act()
        await eventually(lambda: len(server.intents) == count and not model._running, "the intent")  # noqa: B023
    assert server.intents == [
        ("pause", {"scope": "gpu"}),
        ("snooze", {"seconds": 1800, "scope": "gpu"}),
        ("snooze", {"until": "tomorrow"}),
        ("snooze", {"until": "tomorrow", "scope": "gpu"}),
    ]
    await model.stop()


async def test_of_pauses_chosen_in_a_moment_the_last_one_holds(
    model: NodeModel, server: ControlServer, client: ControlClient
) -> None:
    model.connect_to(client)
    server.hold = asyncio.Event()
    model.pause()
    model.snooze(1800)
    model.resume()
    await eventually(lambda: server.intents, "the first one")
    server.hold.set()
    await eventually(lambda: len(server.intents) == 2 and not model._running, "the last one")
    assert server.names == ["pause", "resume"]
    await model.stop()
