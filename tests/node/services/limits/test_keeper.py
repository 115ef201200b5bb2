"""Caps are kept while services run: who takes too much is ended and says why, and a full disk stops everything."""

from __future__ import annotations

import functools
import os
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import msgspec
import pytest

from node.rules.caps import CapReport
from node.rules.settings import Caps
from node.services.limits.disk import Room
from node.services.limits.enforcer import Enforcer, Means
from node.services.limits.keeper import Paces, ServiceLimits, need_of
from node.services.limits.linux import LinuxPriority
from node.services.limits.plan import Need
from node.services.supervisor import ServiceSupervisor, Timings
from node.wire.manifests import Manifest, Requirements, load_catalogue
from node.wire.messages import ServiceReport
from tests.support.shipped import MANIFESTS
from tests.support.waiting import eventually

pytestmark = pytest.mark.processes

CATALOGUE = load_catalogue([MANIFESTS]).by_name()
NER, DOCUMENTS = CATALOGUE["ner-extraction"], CATALOGUE["document-processing"]
PATIENT = Timings(health_interval=0.2, health_timeout=20.0, start_deadline=60.0, stop_deadline=20.0)
QUICK = Paces(memory=0.2, gpu=0.2, room=0.2, folders=0.2)
MB = 2**20
EMPTY = Room(100 * 2**30, 50 * 2**30)

# Healthy; takes as much memory as the file `take` says, itself or in a child, and tells what it was told.
HUNGRY = """
import http.server, json, os, subprocess, sys, threading, time
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
    def log_message(self, *_):
        pass
server = http.server.HTTPServer(("127.0.0.1", 0), Handler)
threading.Thread(target=server.serve_forever, daemon=True).start()
json.dump({k: v for k, v in os.environ.items() if k.startswith("RMA_LIMIT_")}, open("told", "w"))
print(json.dumps({"event": "ready", "port": server.server_port}), flush=True)
def watch():
    while not os.path.exists("take"):
        time.sleep(0.05)
    size = int(open("take").read())
    os.unlink("take")
    code = f"keep = bytearray({size}); import sys; sys.stdin.read()"
    subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE).wait()
threading.Thread(target=watch, daemon=True).start()
sys.stdin.read()
"""


@dataclass
class Scene:
    """A supervisor under limits whose sensors a test sets."""

    folder: Path
    enforcer: Enforcer = field(default_factory=lambda: LinuxPriority(0))
    room: Room = EMPTY
    gpus: Sequence[Mapping[int, int]] | None = None
    told: tuple[CapReport, ...] = ()
    seen: list[ServiceReport] = field(default_factory=list)
    limits: ServiceLimits = field(init=False)
    supervisor: ServiceSupervisor = field(init=False)

    def __post_init__(self) -> None:
        self.limits = ServiceLimits(
            Means(self.enforcer, self._gpu_use),
            self.folder / "services",
            told=self._hear,
            paces=QUICK,
            room_of=lambda _folder: self.room,
        )
        self.supervisor = ServiceSupervisor(
            data_dir=self.folder,
            node_url=lambda: "",
            local_token=lambda name: name,
            on_change=self.seen.extend,
            command=lambda _manifest: [sys.executable, "-c", HUNGRY],
            timings=PATIENT,
            jitter=lambda: 0.0,
            limits=self.limits,
        )

    def _hear(self, reports: tuple[CapReport, ...]) -> None:
        self.told = reports

    async def _gpu_use(self) -> Sequence[Mapping[int, int]] | None:
        return self.gpus

    async def run(self, caps: Caps, *manifests: Manifest, has_gpu: bool = False) -> None:
        self.limits.look(caps, has_gpu)
        self.limits.start()
        await self.supervisor.reconcile(manifests)
        await self.running(*manifests)

    async def running(self, *manifests: Manifest) -> None:
        for manifest in manifests:
            runs = functools.partial(self.supervisor.target, manifest.name)
            await eventually(runs, manifest.name, 90)

    def take(self, manifest: Manifest, size: int) -> None:
        """Have a child of a service take so much memory."""
        folder = self.folder / "services" / manifest.name
        (folder / "half").write_text(str(size))
        (folder / "half").replace(folder / "take")

    def pids(self) -> dict[str, int]:
        return dict(self.limits._pids)

    def said(self, name: str, words: str) -> bool:
        return any(one.name == name and words in one.detail for one in self.seen)

    def cap(self, name: str) -> CapReport:
        (found,) = [one for one in self.told if one.name == name]
        return found


@pytest.fixture
async def scene(tmp_path: Path) -> AsyncIterator[Scene]:
    made = Scene(tmp_path)
    yield made
    await made.supervisor.stop()
    await made.limits.stop()


async def test_a_service_whose_child_takes_too_much_memory_is_ended_says_why_and_starts_again(scene: Scene) -> None:
    await scene.run(Caps(cpu_percent=None, ram_bytes=600 * MB), NER, DOCUMENTS)
    before = scene.pids()
    scene.take(NER, 1000 * MB)
    await eventually(lambda: scene.said(NER.name, "of memory (its share is"), "the reason", 90)
    await scene.running(NER)
    after = scene.pids()
    assert after[NER.name] != before[NER.name]
    assert after[DOCUMENTS.name] == before[DOCUMENTS.name]  # which had no more than its share
    assert not scene.said(DOCUMENTS.name, "ended because")
    assert "600.0 MB by your rules" in next(one.detail for one in scene.seen if "of memory" in one.detail)
    assert scene.cap("ram").enforced


async def test_a_cap_that_is_lowered_holds_for_what_runs(scene: Scene) -> None:
    await scene.run(Caps(cpu_percent=None), NER)
    everything = os.sched_getaffinity(0)
    scene.take(NER, 300 * MB)
    assert os.sched_getaffinity(scene.pids()[NER.name]) == everything
    scene.limits.look(Caps(cpu_percent=1, ram_bytes=200 * MB), has_gpu=False)
    await eventually(
        lambda: NER.name in scene.pids() and len(os.sched_getaffinity(scene.pids()[NER.name])) == 1, "one core", 90
    )
    await eventually(lambda: scene.said(NER.name, "of memory"), "the reason", 90)
    assert scene.cap("cpu").takes_hold == "now"


async def test_each_service_is_told_its_share(scene: Scene) -> None:
    await scene.run(Caps(cpu_percent=None, ram_bytes=2**40, disk_bytes=2**40), NER, DOCUMENTS)
    shares = []
    for manifest in (NER, DOCUMENTS):
        told = msgspec.json.decode((scene.folder / "services" / manifest.name / "told").read_bytes())
        assert set(told) == {"RMA_LIMIT_RAM_BYTES", "RMA_LIMIT_DISK_BYTES"}
        shares.append(int(told["RMA_LIMIT_RAM_BYTES"]))
    assert 0 < sum(shares) <= 2**40


async def test_a_service_with_too_much_of_a_gpu_is_ended_and_untold_memory_is_said_to_be(scene: Scene) -> None:
    caps = Caps(cpu_percent=None, gpu_memory_bytes=100 * MB)
    await scene.run(caps, NER, DOCUMENTS, has_gpu=True)
    assert not scene.cap("gpu-memory").enforced
    before = scene.pids()
    others = {1: 10_000 * MB}  # of a game: that is another rule's matter
    scene.gpus = [others, {before[NER.name]: 60 * MB, before[DOCUMENTS.name]: 50 * MB, **others}]
    await eventually(lambda: scene.said(NER.name, "of GPU memory"), "the reason", 90)
    assert scene.cap("gpu-memory").enforced
    scene.gpus = [{before[DOCUMENTS.name]: 50 * MB}]
    await scene.running(NER)
    assert scene.pids()[DOCUMENTS.name] == before[DOCUMENTS.name]


async def test_a_full_disk_stops_everything_until_there_is_room_again(scene: Scene) -> None:
    await scene.run(Caps(), NER)
    assert scene.limits.room_for(10 * 2**30) == ""
    assert "are always left to you" in scene.limits.room_for(50 * 2**30)
    scene.room = Room(100 * 2**30, 100 * MB)
    await eventually(lambda: scene.said(NER.name, "Only 100.0 MB of this disk are free"), "the reason", 90)
    await eventually(lambda: not scene.pids(), "the end of the service", 90)
    assert scene.supervisor.reports()[0].state == "failed"
    assert "always left to you" in scene.limits.room_for(0)
    assert "Only 100.0 MB" in scene.cap("disk").why_not
    await scene.supervisor.reconcile([NER, DOCUMENTS])  # what is wanted meanwhile waits too
    await eventually(lambda: scene.said(DOCUMENTS.name, "Only 100.0 MB"), "the other's reason", 90)
    scene.room = Room(100 * 2**30, 50 * 2**30)
    await scene.running(NER, DOCUMENTS)


async def test_a_disk_that_cannot_be_asked_refuses_nothing(tmp_path: Path) -> None:
    assert ServiceLimits(Means(), tmp_path / "no such folder" / "services").room_for(2**60) == ""


async def test_who_keeps_too_much_on_the_disk_is_ended(scene: Scene) -> None:
    await scene.run(Caps(cpu_percent=None, disk_bytes=4 * MB), NER, DOCUMENTS)
    hoard = scene.folder / "services" / DOCUMENTS.name / "hoard"
    hoard.write_bytes(b"x" * 8 * MB)
    await eventually(lambda: scene.said(DOCUMENTS.name, "of this disk"), "the reason", 90)
    await eventually(lambda: "Services keep 8" in scene.cap("disk").why_not, "the word about the disk", 90)
    assert "Services keep 8" in scene.limits.room_for(1)  # nothing more is fetched for them
    hoard.unlink()
    await eventually(lambda: "Services keep" not in scene.cap("disk").why_not, "the end of that", 90)
    assert scene.limits.room_for(1) == ""
    await scene.running(DOCUMENTS)
    assert not scene.said(NER.name, "of this disk")


async def test_nothing_is_measured_without_caps(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    def note(what: str) -> dict[str, int]:
        asked.append(what)
        return {}

    monkeypatch.setattr("node.services.limits.keeper.memory_of", lambda _roots: note("memory"))
    monkeypatch.setattr("node.services.limits.keeper.folder_sizes", lambda *_: note("folders"))
    scene.gpus = [{}]
    scene.limits.look(Caps(cpu_percent=None), has_gpu=True)
    await scene.limits.began("service", os.getpid())
    for look in (scene.limits.look_at_memory, scene.limits.look_at_gpus, scene.limits.look_at_folders):
        await look()
    assert asked == []
    scene.limits.look(Caps(ram_bytes=1, disk_bytes=1), has_gpu=True)
    await scene.limits.look_at_memory()
    await scene.limits.look_at_folders()
    assert asked == ["memory", "folders"]


def test_a_manifest_says_what_its_service_needs() -> None:
    wanted = Requirements(ram_bytes=1, gpu_memory_bytes=2, disk_bytes=3)
    need = need_of(msgspec.structs.replace(NER, tier="gpu", requirements=wanted))
    assert need == Need(name=NER.name, ram_bytes=1, gpu_memory_bytes=2, disk_bytes=3, uses_gpu=True)
    assert not need_of(NER).uses_gpu
