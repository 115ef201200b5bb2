"""Workers whose requests fail or are answered wrongly, and a clock of ours that goes second by second."""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any

from coordinator_server.probation.canaries import Question
from coordinator_server.probation.warden import Warden
from node.wire.messages import WorkerRecord
from tests.support.coordinators import Room, Worker, coordinator_room
from tests.support.waiting import eventually

PROBE = """
name = "{name}"
title = "Probe"
default_path = "/ask"
data_class = "public"
replicas = 2

[canary]
body = "are you %N% there"
content_type = "text/plain"
contains = ["%N%"]
"""
QUICK: dict[str, Any] = {
    "canary_pause": 0.3,
    "probation_pause": 0.05,
    "worker_heartbeat": 3600.0,
    "worker_stale": 9e5,
    "worker_forgotten": 1e6,
    "address_rate": "100000/min",
}


def write_probe(folder: Path, name: str = "probe") -> None:
    folder.mkdir(exist_ok=True)
    (folder / f"{name}.toml").write_text(PROBE.format(name=name), "utf-8")


def probing_room(folder: Path) -> AbstractAsyncContextManager[Room]:
    """Run a coordinator whose workers are to answer canaries for `ner`, each about once a minute."""
    write_probe(folder / "m", "ner")
    settings = {**QUICK, "canary_pause": 60.0, "probation_pause": 10.0, "services_dir": (str(folder / "m"),)}
    return coordinator_room(folder / "c", **settings)


class Oracle:
    """Answers canaries in the workers' place."""

    def __init__(self) -> None:
        self.wrong: set[str] = set()
        self.away: set[str] = set()
        self.asked: list[str] = []

    async def ask(self, record: WorkerRecord, service: str, question: Question) -> tuple[int, bytes]:
        assert service == "ner"
        self.asked.append(record.worker_id)
        if record.worker_id in self.away:
            raise OSError("it is switched off")
        return 200, b"nonsense" if record.worker_id in self.wrong else question.body


async def machine(room: Room, name: str) -> Worker:
    worker = await room.worker(name)
    assert (await worker.register()).status == 200
    await worker.heartbeat("ner")
    return worker


async def go_on(room: Room, warden: Warden, seconds: float) -> None:
    """Let time go by, second by second, and every canary end."""
    for _ in range(int(seconds)):
        room.clock.now += 1
        await warden.tick()
        await eventually(lambda: not warden.rounds._asked, "all have answered")


def names(room: Room) -> list[str]:
    return sorted(member.worker_id for member in room.coordinator.registry.running("ner"))
