"""Services are started, watched, restarted and stopped: with real processes, the real ner-extraction among them."""

import asyncio
import os
import signal
import sys
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from pathlib import Path

import aiohttp
import msgspec
import psutil
import pytest

from node.services.supervisor import LocalTarget, ServiceSupervisor, Timings
from node.wire.manifests import Manifest, load_catalogue
from node.wire.messages import ServiceReport, ServiceState
from node.wire.problems import Problem
from tests.support.processes import living_children
from tests.support.shipped import MANIFESTS
from tests.support.waiting import eventually

pytestmark = pytest.mark.processes

CATALOGUE = load_catalogue([MANIFESTS]).by_name()
NER, DOCUMENTS = CATALOGUE["ner-extraction"], CATALOGUE["document-processing"]
QUICK = Timings(health_interval=0.1, health_timeout=20.0, misses=3, start_deadline=60.0, stop_deadline=20.0)

# Answers health until the file `sick` appears in its folder, then no more.
MOODY = """
import http.server, json, os, sys, threading, time
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(500 if os.path.exists("sick") else 200)
        self.end_headers()
    def log_message(self, *_):
        pass
server = http.server.HTTPServer(("127.0.0.1", 0), Handler)
threading.Thread(target=server.serve_forever, daemon=True).start()
print(json.dumps({"event": "ready", "port": server.server_port}), flush=True)
sys.stdin.read()
"""


@dataclass
class Scene:
    """A supervisor, everything that it reported, and what its services' commands are."""

    folder: Path
    reports: list[tuple[ServiceReport, ...]] = field(default_factory=list)
    times: list[float] = field(default_factory=list)  # when each of them came
    commands: dict[str, list[str]] = field(default_factory=dict)
    supervisor: ServiceSupervisor = field(init=False)

    def state(self, name: str) -> ServiceReport | None:
        return next((one for one in self.supervisor.reports() if one.name == name), None)

    async def until(self, condition: Callable[[], object], seconds: float = 90.0) -> None:
        await eventually(condition, "what the test waits for", seconds)

    async def until_state(self, name: str, state: ServiceState) -> ServiceReport:
        await self.until(lambda: (report := self.state(name)) is not None and report.state == state)
        report = self.state(name)
        assert report is not None
        return report

    def take(self, reports: tuple[ServiceReport, ...]) -> None:
        self.reports.append(reports)
        self.times.append(time.monotonic())

    def details(self, name: str, state: ServiceState) -> list[str]:
        return [one.detail for reports in self.reports for one in reports if (one.name, one.state) == (name, state)]


@pytest.fixture
async def scene(tmp_path: Path) -> AsyncIterator[Scene]:
    made = Scene(tmp_path)

    def command(manifest: Manifest) -> list[str]:
        return made.commands.get(manifest.name) or [sys.executable, "-m", "node.services.builtin", manifest.name]

    made.supervisor = ServiceSupervisor(
        data_dir=tmp_path,
        node_url=lambda: "http://127.0.0.1:9",
        local_token=lambda _service: "local",
        on_change=made.take,
        command=command,
        timings=QUICK,
        jitter=lambda: 0.5,
    )
    yield made
    await made.supervisor.stop()
    assert children() == []


def children() -> list[psutil.Process]:
    return living_children(recursive=True)


async def extract(target: LocalTarget) -> int:
    headers = {"X-RMA-Service-Token": target.service_token}
    async with (
        aiohttp.ClientSession() as session,
        session.post(target.base_url + "/extract", json={"text": "£5"}, headers=headers) as answer,
    ):
        return answer.status


async def test_a_wanted_service_serves_and_an_unwanted_one_ends(scene: Scene) -> None:
    await scene.supervisor.reconcile([NER])
    assert scene.supervisor.target("ner-extraction") is None
    report = await scene.until_state("ner-extraction", "running")
    assert report.detail == "Running."
    target = scene.supervisor.target("ner-extraction")
    assert target is not None and target.manifest == NER
    assert await extract(target) == 200
    folders = [scene.folder / "services", scene.folder / "services" / "ner-extraction"]
    assert [folder.stat().st_mode & 0o777 for folder in folders] == [0o700, 0o700]  # documents may be in there
    await scene.supervisor.reconcile([])
    assert scene.supervisor.target("ner-extraction") is None
    await scene.until(lambda: scene.supervisor.reports() == ())
    assert children() == []
    assert [one[0].state for one in scene.reports if one] == ["starting", "running", "draining"]


async def test_reconcile_returns_at_once_and_twice_is_once(scene: Scene) -> None:
    await scene.supervisor.reconcile([NER])
    await scene.supervisor.reconcile([NER])
    assert [one.state for one in scene.supervisor.reports()] == ["starting"]
    await scene.until_state("ner-extraction", "running")
    await scene.supervisor.reconcile([NER])
    assert len(children()) == 1
    assert len(scene.reports) == 2


async def test_a_killed_service_comes_back_and_says_why(scene: Scene) -> None:
    await scene.supervisor.reconcile([NER])
    await scene.until_state("ner-extraction", "running")
    first = scene.supervisor.target("ner-extraction")
    assert first is not None
    os.kill(children()[0].pid, signal.SIGKILL)
    await scene.until(lambda: scene.details("ner-extraction", "failed"))
    report = await scene.until_state("ner-extraction", "running")
    failed = scene.details("ner-extraction", "failed")[0]
    assert "killed by SIGKILL" in failed and "Try 2 starts in 0.5 s." in failed
    assert "Running again" in report.detail and "killed by SIGKILL" in report.detail
    second = scene.supervisor.target("ner-extraction")
    assert second is not None and second.service_token != first.service_token
    assert await extract(second) == 200


async def test_a_service_that_exits_at_once_backs_off(scene: Scene) -> None:
    scene.commands["ner-extraction"] = [sys.executable, "-c", "import sys; sys.exit('no')"]
    await scene.supervisor.reconcile([NER])
    await scene.until(lambda: any("Try 3" in one for one in scene.details("ner-extraction", "failed")))
    assert "It ended while starting: exit code 1." in scene.details("ner-extraction", "failed")[0]
    assert scene.supervisor.target("ner-extraction") is None
    assert b"no\n" in (scene.folder / "services" / "ner-extraction" / "service.log").read_bytes()


async def test_backoff_is_waited_for(scene: Scene) -> None:
    await scene.supervisor.reconcile([NER])
    await scene.until_state("ner-extraction", "running")
    os.kill(children()[0].pid, signal.SIGKILL)
    await scene.until(lambda: scene.details("ner-extraction", "failed"))
    await scene.until_state("ner-extraction", "running")
    told = [(reports[0].state, when) for reports, when in zip(scene.reports, scene.times, strict=True)]
    assert [state for state, _ in told] == ["starting", "running", "failed", "starting", "running"]
    assert told[3][1] - told[2][1] > 0.4  # half a second, less what clocks differ


async def test_an_unexpected_error_is_a_failure_like_any_other(scene: Scene) -> None:
    scene.commands["ner-extraction"] = [sys.executable, "\0"]
    await scene.supervisor.reconcile([NER])
    report = await scene.until_state("ner-extraction", "failed")
    assert "unexpected went wrong (ValueError)" in report.detail


async def test_a_service_that_cannot_be_started_says_so(scene: Scene) -> None:
    scene.commands["ner-extraction"] = ["/no/such/program"]
    await scene.supervisor.reconcile([NER])
    report = await scene.until_state("ner-extraction", "failed")
    assert "could not be started: No such file" in report.detail


async def test_a_service_that_says_something_else_fails(scene: Scene) -> None:
    scene.commands["ner-extraction"] = [sys.executable, "-c", "print('hello', flush=True); input()"]
    await scene.supervisor.reconcile([NER])
    report = await scene.until_state("ner-extraction", "failed")
    assert "something else than that it is ready" in report.detail


async def test_a_sick_service_is_ended_and_started_again(scene: Scene) -> None:
    scene.commands["ner-extraction"] = [sys.executable, "-c", MOODY]
    await scene.supervisor.reconcile([NER])
    await scene.until_state("ner-extraction", "running")
    sick = scene.folder / "services" / "ner-extraction" / "sick"
    sick.touch()
    await scene.until(lambda: scene.details("ner-extraction", "failed"))
    sick.unlink()
    await scene.until_state("ner-extraction", "running")
    assert scene.details("ner-extraction", "unhealthy") == [
        "It did not answer 3 health checks in a row. It is ended and started again."
    ]


async def test_restart_is_at_once(scene: Scene) -> None:
    await scene.supervisor.reconcile([NER])
    await scene.until_state("ner-extraction", "running")
    before = children()[0].pid
    await scene.supervisor.restart("ner-extraction")
    await scene.until(lambda: [one.pid for one in children()] not in ([], [before]))
    await scene.until_state("ner-extraction", "running")
    assert scene.details("ner-extraction", "failed") == []
    with pytest.raises(Problem, match="does not run on this machine"):
        await scene.supervisor.restart("llm-inference")


async def test_restart_ends_the_wait_of_a_failing_service(scene: Scene) -> None:
    scene.commands["ner-extraction"] = [sys.executable, "-c", "raise SystemExit(1)"]
    await scene.supervisor.reconcile([NER])
    await scene.until_state("ner-extraction", "failed")
    del scene.commands["ner-extraction"]
    await scene.supervisor.restart("ner-extraction")
    await scene.until_state("ner-extraction", "running")


async def test_a_changed_manifest_starts_a_new_process_after_the_old_one_ended(scene: Scene) -> None:
    await scene.supervisor.reconcile([NER])
    await scene.until_state("ner-extraction", "running")
    before = children()[0].pid
    changed = msgspec.structs.replace(NER, concurrency=1)
    await scene.supervisor.reconcile([changed])
    await scene.until_state("ner-extraction", "running")
    target = scene.supervisor.target("ner-extraction")
    assert target is not None and target.manifest == changed
    assert [one.pid for one in children()] != [before] and len(children()) == 1


async def test_what_this_version_cannot_run_is_reported(scene: Scene) -> None:
    container = Manifest(name="vector-store", title="Chroma", runtime="container", image="chromadb/chroma")
    unknown = Manifest(name="no-such-service", title="None")
    await scene.supervisor.reconcile([container, unknown, NER])
    details = {one.name: (one.state, one.detail) for one in scene.supervisor.reports()}
    assert details["vector-store"][0] == "failed" and "runtime 'container'" in details["vector-store"][1]
    assert details["no-such-service"][0] == "failed" and "No builtin service" in details["no-such-service"][1]
    await scene.until_state("ner-extraction", "running")
    await scene.supervisor.reconcile([NER])
    assert [one.name for one in scene.supervisor.reports()] == ["ner-extraction"]


async def test_stop_leaves_nothing_not_even_a_reader(scene: Scene) -> None:
    await scene.supervisor.reconcile([NER, DOCUMENTS])
    await scene.until_state("document-processing", "running")
    await scene.until(lambda: len(children()) >= 3)  # two services and a document reader
    await scene.supervisor.stop()
    await scene.supervisor.stop()
    assert children() == []
    await scene.supervisor.reconcile([NER])
    assert scene.supervisor.reports() == () and children() == []


async def test_stop_while_starting_leaves_nothing(scene: Scene) -> None:
    await scene.supervisor.reconcile([NER, DOCUMENTS])
    await scene.supervisor.stop()
    assert children() == []


async def test_a_service_gets_no_secret_of_the_node(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RMA_ADMIN_TOKEN", "secret-of-the-operator")
    monkeypatch.setenv("TUNNEL_TOKEN", "secret-of-the-tunnel")
    monkeypatch.setenv("CLOUDFLARE_API_TOKEN", "secret-of-the-account")
    show = "import os, sys; print(dict(os.environ), file=sys.stderr)"
    scene.commands["ner-extraction"] = [sys.executable, "-c", show]
    await scene.supervisor.reconcile([NER])
    log = scene.folder / "services" / "ner-extraction" / "service.log"
    await scene.until(lambda: log.exists() and b"RMA_NODE_URL" in log.read_bytes())
    assert b"secret-of-the" not in log.read_bytes()
    assert b"http://127.0.0.1:9" in log.read_bytes()


async def test_it_can_be_stopped_at_any_moment_of_a_service_that_ends_by_itself(tmp_path: Path) -> None:
    for moment in range(25):
        supervisor = ServiceSupervisor(
            data_dir=tmp_path,
            node_url=str,
            local_token=lambda _service: "local",
            on_change=lambda _reports: None,
            command=lambda _manifest: ["/bin/sh", "-c", "exit 1"],
            timings=QUICK,
            jitter=lambda: 0.0,
        )
        await supervisor.reconcile([NER])
        await asyncio.sleep(moment / 1000)  # no state to wait for: any moment counts
        await supervisor.stop()
    assert children() == []
