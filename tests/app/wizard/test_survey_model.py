"""The look at this computer: asked for once at a time, kept, and repeated."""

from __future__ import annotations

import asyncio
from pathlib import Path

from app.control_client import ControlClient
from app.wizard.survey_model import Look, SurveyModel
from node.survey import Survey
from node.wire.problems import Problem
from tests.support.control_server import ControlServer
from tests.support.waiting import eventually


async def test_a_look_begins_ends_and_may_fail(server: ControlServer, client: ControlClient) -> None:
    model = SurveyModel()
    heard: list[Look] = []
    model.changed.connect(heard.append)
    model.look_again()
    assert heard == [], "nobody is there to ask yet"
    model.connect_to(client)
    server.hold = asyncio.Event()
    model.look_again()
    model.look_again()
    assert model.look == Look(under_way=True)
    await eventually(lambda: server.names, "the question")
    server.hold.set()
    await eventually(lambda: model.look.survey, "the answer")
    assert server.names == ["survey"]
    assert model.look == Look(Survey())
    server.refusal = Problem("overloaded", "Not now.")
    model.look_again()
    await eventually(lambda: model.look.failed, "the failure")
    assert model.look == Look(Survey(), failed=True), "what is known stays"
    await model.stop()
    assert heard[0] == Look(under_way=True)


async def test_without_a_node_it_fails(tmp_path: Path, client: ControlClient) -> None:
    model = SurveyModel()
    model.connect_to(client)
    model.look_again()
    await eventually(lambda: model.look.failed, "the failure")
    await model.stop()


async def test_a_look_that_is_broken_off_is_over(server: ControlServer, client: ControlClient) -> None:
    model = SurveyModel()
    model.connect_to(client)
    server.hold = asyncio.Event()
    model.look_again()
    await eventually(lambda: server.names, "the question")
    await model.stop()
    assert model.look == Look()
