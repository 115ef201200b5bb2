"""What all processes are told, and when they have heard it."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from coordinator_server.gateway_processes import publisher as module
from coordinator_server.gateway_processes.messages import Change, KeyRevoked, Snapshot
from coordinator_server.gateway_processes.publisher import Publisher
from node.program.tasks import TaskSet
from tests.support.coordinators import Room, coordinator_room
from tests.support.waiting import eventually


@contextlib.asynccontextmanager
async def publishing(room: Room, hearing: float = 60.0) -> AsyncIterator[Publisher]:
    publisher = Publisher(room.coordinator.registry, room.coordinator.token_issuer.issue, hearing)
    publisher.start()
    try:
        yield publisher
    finally:
        await publisher.stop()


def told(sent: list[Any]) -> dict[str, tuple[str, ...]]:
    """Return who runs what after all these messages."""
    services: dict[str, tuple[str, ...]] = {}
    for message in sent:
        if isinstance(message, Snapshot):
            services = dict(message.services)
        elif isinstance(message, Change):
            services = {name: who for name, who in {**services, **message.services}.items() if who}
    return services


async def test_who_runs_what_is_told_as_it_changes(tmp_path: Path) -> None:
    async with coordinator_room(tmp_path / "c") as room, publishing(room) as publisher:
        first: list[Any] = []
        publisher.listen(1, first.append)
        worker = await room.worker("alpha")
        await worker.register()
        await worker.heartbeat("ner")
        await eventually(lambda: told(first) == {"ner": ("alpha",)}, "it is told")
        offers = [offer for message in first for offer in message.offers]
        assert offers[-1].token == room.coordinator.token_issuer.issue("alpha")

        late: list[Any] = []
        publisher.listen(2, late.append)
        assert told(late) == {"ner": ("alpha",)}
        await room.coordinator.workers.revoke("alpha")
        publisher.hurry()
        await eventually(lambda: told(first) == told(late) == {}, "it is gone everywhere")
        publisher.forget(1)
        count = len(first)
        other = await room.worker("beta")
        await other.register()
        await other.heartbeat("ner")
        await eventually(lambda: told(late) == {"ner": ("beta",)}, "it is told")
        assert len(first) == count


async def test_tokens_are_made_a_few_at_a_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "SIGNATURES", 2)
    async with coordinator_room(tmp_path / "c") as room:
        for name in "abcde":
            worker = await room.worker(f"worker-{name}")
            await worker.register()
            await worker.heartbeat("ner")
        async with publishing(room) as publisher:
            sent: list[Any] = []
            publisher.listen(1, sent.append)
            assert len(told(sent)["ner"]) == 2
            await eventually(lambda: len(told(sent)["ner"]) == 5, "all have tokens")


async def test_a_revocation_is_over_when_all_have_heard_it(tmp_path: Path) -> None:
    async with coordinator_room(tmp_path / "c") as room, publishing(room) as publisher:
        await publisher.revoked("k0")  # to nobody
        sent: list[Any] = []
        for process in (1, 2, 3):
            publisher.listen(process, sent.append)
            publisher.serves(process)
        tasks = TaskSet("test")
        revoking = tasks.start(publisher.revoked("k1"), "revoke")
        await eventually(lambda: KeyRevoked("k1", 2) in sent, "it is told")
        publisher.seen(1, 2)
        publisher.seen(2, 99)
        publisher.seen(2, 2)
        await asyncio.sleep(0)
        assert not revoking.done()
        publisher.forget(3)  # it has died
        await revoking


async def test_a_deaf_process_does_not_keep_the_operator_waiting(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with coordinator_room(tmp_path / "c") as room, publishing(room, hearing=0.05) as publisher:
        publisher.listen(1, lambda _: None)
        await publisher.revoked("k0")  # it does not serve yet
        assert "not every process has heard" not in caplog.text
        publisher.serves(1)
        await publisher.revoked("k1")
    assert "not every process has heard" in caplog.text
