"""What a gateway process gets of the first, and what it cannot get or do."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from coordinator_server.front import FRONT
from coordinator_server.gateway import shared_rates
from coordinator_server.gateway_processes.desk import Desk, Shared
from coordinator_server.gateway_processes.leases import Office
from coordinator_server.gateway_processes.messages import (
    Ended,
    Failed,
    GivesBack,
    Granted,
    KeyIs,
    Noted,
    Refusal,
    Report,
    Resync,
    Retire,
    Seen,
    Serving,
    Snapshot,
    Wants,
    WhoIs,
)
from coordinator_server.gateway_processes.publisher import Publisher
from tests.support.coordinators import Room, coordinator_room
from tests.support.waiting import eventually


@dataclass
class Counter:
    """A desk, and what was said there."""

    room: Room
    sent: list[Any] = field(default_factory=list)
    heard: list[str] = field(default_factory=list)

    async def __aenter__(self) -> Counter:
        coordinator, front = self.room.coordinator, self.room.site.app[FRONT]
        self.publisher = Publisher(coordinator.registry, coordinator.token_issuer.issue, 60.0)
        self.publisher.start()
        shared = Shared(
            coordinator=coordinator,
            router=front.router,
            metrics=front.metrics,
            elsewhere=front.elsewhere,
            office=Office(front.access.buckets),
            publisher=self.publisher,
        )
        self.desk = Desk(
            shared,
            1,
            self.sent.append,
            serving=lambda: self.heard.append("serving"),
            retire=lambda: self.heard.append("retire"),
        )
        self.desk.open()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.desk.close()
        await self.publisher.stop()

    async def answer(self, message: Any) -> Any:
        count = len(self.sent)
        self.desk.hear(message)
        await eventually(lambda: len(self.sent) > count, "it is answered")
        return self.sent[-1]


@contextlib.asynccontextmanager
async def counter(folder: Path, **settings: Any) -> AsyncIterator[Counter]:
    async with coordinator_room(folder / "c", **settings) as room, Counter(room) as made:
        yield made


async def test_rates_are_the_firsts_own(tmp_path: Path) -> None:
    async with counter(tmp_path, address_rate="30/min") as made:
        keys = made.room.coordinator.keys
        key, _ = await keys.create("site", rate="5/min")
        assert await made.answer(Wants("key", key.id, 3)) == Granted("key", key.id, 3, 2.0)
        assert await made.answer(Wants("key", key.id, 3)) == Granted("key", key.id, 2, 0.0)
        assert await made.answer(Wants("key", "nobody", 3)) == Granted("key", "nobody", 0, 0.0)
        assert await made.answer(Wants("address", "192.0.2.1", 40)) == Granted("address", "192.0.2.1", 30, 0.0)
        assert await made.answer(Wants("wrong", "192.0.2.1", 40)) == Granted("wrong", "192.0.2.1", 20, 0.0)
        made.desk.hear(GivesBack("address", "192.0.2.1", 100))  # no more than it was given
        made.desk.hear(GivesBack("address", "192.0.2.2", 100))
        buckets = made.room.site.app[FRONT].access.buckets["address"]
        assert len(buckets) == 1
        assert await made.answer(Wants("address", "192.0.2.1", 40)) == Granted("address", "192.0.2.1", 30, 0.0)


async def test_with_other_coordinators_a_keys_tokens_are_taken_out_of_what_all_share(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shared_rates, "PATIENCE", 60.0)
    async with counter(tmp_path) as made:
        coordinator = made.room.coordinator
        monkeypatch.setattr(made.room.site.app[FRONT].rates, "_sharers", lambda: 2)
        key, _ = await coordinator.keys.create("site", rate="5/day")
        assert (await made.answer(Wants("key", key.id, 3))).tokens == 3
        assert (await made.answer(Wants("key", key.id, 3))).tokens == 2
        assert (await made.answer(Wants("key", key.id, 3))).tokens == 0
        assert len(await coordinator.store.list(shared_rates.PREFIX)) == 1


async def test_keys_are_told_by_id_and_refusals_kept_under_our_own_name(tmp_path: Path) -> None:
    async with counter(tmp_path) as made:
        coordinator = made.room.coordinator
        key, _ = await coordinator.keys.create("site")
        assert await made.answer(WhoIs(7, key.id)) == KeyIs(7, key)
        assert await made.answer(WhoIs(8, "nobody")) == KeyIs(8, None)
        assert await made.answer(Refusal(9, "x" * 500, "why", "192.0.2.1")) == Noted(9)
        [line] = [line for line in await coordinator.audit.newest() if line.action == "key-refused"]
        assert (line.actor, line.outcome, line.address, line.detail) == ("anonymous", "refused", "192.0.2.1", "why")
        assert len(line.subject) == 200


async def test_a_worker_that_failed_there_is_out_everywhere(tmp_path: Path) -> None:
    async with counter(tmp_path) as made:
        for name in ("alpha", "beta"):
            worker = await made.room.worker(name)
            await worker.register()
            await worker.heartbeat("ner")
        registry = made.room.coordinator.registry
        made.desk.hear(Failed("alpha"))
        made.desk.hear(Failed("nobody"))
        assert [member.worker_id for member in registry.running("ner")] == ["beta"]
        await eventually(lambda: made.sent[-1].services == {"ner": ("beta",)}, "all processes are told")


async def test_what_it_counted_is_in_the_metrics_and_its_loads_in_the_registry(tmp_path: Path) -> None:
    async with counter(tmp_path) as made:
        worker = await made.room.worker("alpha")
        await worker.register()
        await worker.heartbeat("ner")
        made.desk.hear(
            Report(
                ended=(Ended("ner", "alpha", "direct", 200, 3),),
                loads={"alpha": 0.75, "nobody": 0.5},
                queues={"ner": 2, "no service": 5},
                retries=4,
            )
        )
        front = made.room.site.app[FRONT]
        text = front.metrics.exposition().decode()
        assert 'service="ner",status="200",worker="alpha"} 3.0' in text
        assert 'rma_queue_depth{service="ner"} 2.0' in text
        assert "no service" not in text
        assert "rma_retries_total 4.0" in text
        member = made.room.coordinator.registry.member("alpha")
        assert member is not None
        assert member.load == 0.75
        await made.desk.close()
        text = front.metrics.exposition().decode()
        assert 'rma_queue_depth{service="ner"}' not in text
        assert "rma_retries_total 4.0" in text


async def test_it_tells_how_it_is(tmp_path: Path) -> None:
    async with counter(tmp_path) as made:
        made.desk.hear(Serving())
        made.desk.hear(Retire())
        made.desk.hear(Seen(5))
        assert made.heard == ["serving", "retire"]
        count = sum(isinstance(message, Snapshot) for message in made.sent)
        made.desk.hear(Resync())
        assert sum(isinstance(message, Snapshot) for message in made.sent) == count + 1
