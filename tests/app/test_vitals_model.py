"""What the app knows of its computer: followed while somebody watches, marked when lost, and logs that are read."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path

import msgspec
import pytest
import pytest_asyncio

from app.control_client import ControlClient
from app.intents import NodeRefused, NodeUnreachable
from app.vitals_model import MOST_LOOKS, PATH, VitalsModel
from node.vitals.values import Contribution, LogTail, Vitals
from tests.support import vitals
from tests.support.real_mesh import real_mesh
from tests.support.waiting import eventually


@dataclass
class Node:
    """A node's end of the streams, as a story plays it."""

    looks: asyncio.Queue[bytes | Exception | None] = field(default_factory=asyncio.Queue)
    listening: int = 0
    answer: bytes | Exception = b""
    asked: list[str] = field(default_factory=list)

    async def listen(self, path: str) -> AsyncGenerator[bytes]:
        assert path == PATH
        self.listening += 1
        try:
            while (look := await self.looks.get()) is not None:
                if isinstance(look, Exception):
                    raise look
                yield look
        finally:
            self.listening -= 1

    async def ask(self, method: str, path: str, _body: object, *, wait: float = 10.0) -> bytes:
        assert wait > 0
        self.asked.append(f"{method} {path}")
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer

    def tell(self, look: Vitals) -> None:
        self.looks.put_nowait(msgspec.json.encode(look))


@pytest_asyncio.fixture
async def model() -> AsyncIterator[VitalsModel]:
    made = VitalsModel(now=lambda: 1_800_000_000.0)
    yield made
    await made.stop()
    made.deleteLater()


async def test_looks_are_followed_while_anybody_watches(model: VitalsModel) -> None:
    node, told = Node(), []
    model.changed.connect(lambda: told.append(model.sight))
    model.connect_to(node)
    assert not node.listening
    model.watch("overview", wanted=True)
    model.watch("services", wanted=True)
    node.tell(vitals.look(1))
    await eventually(lambda: bool(told), "to hear of a look")
    assert model.sight.service("ner-extraction") == vitals.SERVICES[1]
    assert model.sight.service("nothing") is None
    assert model.sight.told_at == 1_800_000_000.0
    assert node.listening == 1
    model.watch("overview", wanted=False)
    node.tell(vitals.look(2))
    await eventually(lambda: told[-1].latest.sequence == 2, "the other one to hear of the next")
    model.watch("services", wanted=False)
    await eventually(lambda: not node.listening, "nobody to listen")
    assert not model.watched


async def test_many_looks_at_once_are_told_together(model: VitalsModel) -> None:
    node, told = Node(), [0]
    model.changed.connect(lambda: told.append(model.sight.latest.sequence if model.sight.latest else 0))
    model.connect_to(node)
    for number in range(1, 1001):
        node.tell(vitals.look(number, services=(), contribution=Contribution()))
    model.watch("overview", wanted=True)
    await eventually(lambda: told[-1] == 1000, "the last of them")
    assert len(told) < 500
    times = [at for at, _ in model.sight.history]
    assert len(times) <= MOST_LOOKS
    assert times == sorted(times)
    assert times[-1] - times[0] <= 60


async def test_a_node_that_is_gone_leaves_what_it_told_marked_as_lost(model: VitalsModel) -> None:
    node = Node()
    model.connect_to(node)
    model.watch("overview", wanted=True)
    node.tell(vitals.look(1))
    for trouble in (NodeUnreachable(), NodeRefused("overloaded", "Too many."), None):
        await eventually(lambda: model.sight.latest and not model.sight.lost, "a look")
        node.looks.put_nowait(trouble)
        await eventually(lambda: model.sight.lost, "to be lost")
        assert model.sight.latest is not None
        node.tell(vitals.look(2))
    await eventually(lambda: not model.sight.lost, "the node to be back")
    node.looks.put_nowait(b"{")
    await eventually(lambda: model.sight.lost, "what cannot be read")


async def test_a_node_that_hangs_is_lost_too(model: VitalsModel) -> None:
    node = Node()
    model._silence.setInterval(50)
    model.connect_to(node)
    model.watch("overview", wanted=True)
    node.tell(vitals.look(1))
    await eventually(lambda: model.sight.latest and model.sight.lost, "the silence to be noticed")
    node.tell(vitals.look(2))
    await eventually(lambda: model.sight.latest and model.sight.latest.sequence == 2, "it to go on")


async def test_another_nodes_clock_begins_another_history(model: VitalsModel) -> None:
    node = Node()
    model.connect_to(node)
    model.watch("overview", wanted=True)
    for number in (500, 501, 3):
        node.tell(vitals.look(number))
    await eventually(lambda: model.sight.latest and model.sight.latest.sequence == 3, "the last look")
    assert [at for at, _ in model.sight.history] == [1003.0]


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (NodeUnreachable(), "does not answer"),
        (NodeRefused("unknown-service", "There is no such service."), "There is no such service."),
        (b"{", "cannot be read"),
    ],
)
async def test_a_log_that_cannot_be_read_says_why(
    model: VitalsModel, answer: bytes | Exception, words: str
) -> None:
    node, failed = Node(answer=answer), []
    model.read_log("ner")  # nobody to ask yet
    model.connect_to(node)
    model.log_failed.connect(lambda name, why: failed.append((name, why)))
    model.read_log("ner")
    model.read_log("ner")
    await eventually(lambda: bool(failed), "an answer")
    assert failed[0][0] == "ner"
    assert words in failed[0][1]
    assert len(node.asked) == 1, "one question at a time"


async def test_a_log_arrives(model: VitalsModel) -> None:
    tail = LogTail(name="ner", path="/x/service.log", lines=("a",))
    node, arrived = Node(answer=msgspec.json.encode(tail)), list[LogTail]()
    model.connect_to(node)
    model.log_arrived.connect(arrived.append)
    model.read_log("ner")
    await eventually(lambda: arrived == [tail], "the log")
    assert node.asked == ["GET /services/ner/log?lines=2000"]


async def test_a_real_node_tells_and_is_gone(model: VitalsModel, tmp_path: Path) -> None:
    with real_mesh(tmp_path) as mesh:
        await asyncio.to_thread(mesh.start_node, "w-here")
        failed: list[str] = []
        model.log_failed.connect(lambda _name, why: failed.append(why))
        async with ControlClient(tmp_path / "w-here") as client:
            model.connect_to(client)
            model.watch("overview", wanted=True)
            await eventually(lambda: model.sight.latest and len(model.sight.history) > 1, "two looks", 120)
            assert model.sight.latest is not None
            assert model.sight.latest.gauges.memory_bytes > 0
            model.read_log("nothing")
            await eventually(lambda: failed, "a refusal")
            assert failed == ["There is no service 'nothing' in this mesh."]
            await asyncio.to_thread(mesh.nodes["w-here"].kill)
            await eventually(lambda: model.sight.lost, "to be lost")
            await model.stop()
