"""Real programs of this project for tests: coordinators and nodes as processes, ended by their pids."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import psutil

from node.control_file import FILE_NAME

T = TypeVar("T")
START_DEADLINE = 120.0
STOP_DEADLINE = 60.0
QUICK = ("--worker-heartbeat", "1")  # seconds
# A node shall not rest because somebody uses the machine on which it is tried.
ENVIRONMENT = {key: value for key, value in os.environ.items() if not key.startswith("RMA_")} | {
    "RMA_SENSORS": "off",
    "RMA_CANARY_PAUSE": "0",  # who stands in for a worker does not know the answers
    "RMA_SERVICE_NICE": "0",  # nor shall what it runs give way to whatever else there is
}
DIRECT = urllib.request.build_opener(urllib.request.ProxyHandler({}))


@dataclass(frozen=True)
class Answer:
    """An HTTP answer, whatever its status."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass
class Program:
    """One running program and its ready line."""

    process: subprocess.Popen[bytes]
    data_dir: Path
    log: Path
    ready: dict[str, Any] = field(default_factory=dict)

    @property
    def url(self) -> str:
        return str(self.ready["url"])

    def kill(self) -> None:
        """End it as a power cut would."""
        self.process.send_signal(signal.SIGKILL)
        self.process.wait(STOP_DEADLINE)

    def cut(self) -> None:
        """End it with all that it has started, if it still runs."""
        if self.process.poll() is not None:
            return
        first = psutil.Process(self.process.pid)
        first.suspend()  # it starts nothing any more
        for child in first.children(recursive=True):
            with contextlib.suppress(psutil.NoSuchProcess):
                child.kill()
        self.kill()

    def stop(self) -> int:
        """Ask it to end and return its exit code."""
        if self.process.poll() is None:
            self.process.terminate()
        try:
            return self.process.wait(STOP_DEADLINE)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait(STOP_DEADLINE)
            raise AssertionError(f"it did not stop by itself; its log:\n{self.log_text()}") from None

    def log_text(self) -> str:
        return self.log.read_text("utf-8", "replace")


class RealMesh:
    """Starts programs below one folder; everything ends with the context."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.coordinator: Program | None = None
        self.nodes: dict[str, Program] = {}
        self._all: list[Program] = []
        self.environment = dict(ENVIRONMENT)  # of the programs that are started from now on

    def start_coordinator(self, *flags: str, port: int = 0) -> Program:
        data_dir = self.folder / "coordinator"
        flags = ("--port", str(port), "--dht-port", "0", "--vpn", "off", *QUICK, "--worker-stale", "30", *flags)
        self.coordinator = self._start("coordinator_server", "serve", data_dir, *flags)
        return self.coordinator

    def start_another_coordinator(self, name: str, *flags: str, port: int = 0) -> Program:
        """Start one more on the same database; nothing else of the first one's is in its data directory."""
        data_dir, first = self.folder / name, self.folder / "coordinator"
        data_dir.mkdir(mode=0o700, exist_ok=True)
        for path in first.glob("coordinator.db*"):
            if not (data_dir / path.name).exists():
                (data_dir / path.name).symlink_to(path)
        flags = ("--port", str(port), "--dht-port", "0", "--vpn", "off", *QUICK, "--worker-stale", "30", *flags)
        return self._start("coordinator_server", "serve", data_dir, *flags)

    def start_node(self, name: str, link: str = "", *flags: str) -> Program:
        invite = ("--invite", link) if link else ()
        flags = (
            "--port", "0", "--dht-port", "0", "--no-keyring", *QUICK, "--dht-republish", "2", "--worker-id", name,
            "--name", name, "--vpn", "off", *invite, *flags,
        )  # fmt: skip
        self.nodes[name] = self._start("node", "run", self.folder / name, *flags)
        return self.nodes[name]

    def invite(self, uses: int = 1, *flags: str) -> str:
        return str(self.admin("invite", "create", "--uses", str(uses), *flags)["link"])

    def key(self, *flags: str) -> str:
        return str(self.admin("key", "create", "--name", "test", *flags)["key"])

    def admin(self, *words: str) -> Any:
        """Run an admin command and return the JSON that it prints."""
        result = run("coordinator_server", *words, "--json", "--data-dir", str(self.folder / "coordinator"))
        assert result.returncode == 0, result.stderr
        return json.loads(result.stdout)

    def node_command(self, name: str, *words: str) -> subprocess.CompletedProcess[str]:
        return run("node", *words, "--data-dir", str(self.folder / name))

    def status(self, name: str) -> Any:
        result = self.node_command(name, "status", "--json")
        assert result.returncode == 0, result.stderr
        return json.loads(result.stdout)

    def state(self, name: str) -> Any:
        """Return a node's state as the tray app sees it, without starting a program for that."""
        file = json.loads((self.folder / name / FILE_NAME).read_bytes())
        return http(f"{file['url']}/view", None, {"Authorization": f"Bearer {file['token']}"}).json["state"]

    def call(self, service: str, document: Any, key: str, **headers: str) -> Answer:
        """Send one JSON request through the gateway."""
        assert self.coordinator is not None
        return http(
            f"{self.coordinator.url}/service/{service}",
            json.dumps(document).encode(),
            {"Authorization": f"Bearer {key}", "Content-Type": "application/json", **headers},
        )

    def call_from(self, name: str, service: str, document: Any) -> Answer:
        """Send one JSON request through a node's own router, as its command line does."""
        file = json.loads((self.folder / name / FILE_NAME).read_bytes())
        sent = {"Authorization": f"Bearer {file['token']}", "Content-Type": "application/json"}
        return http(f"{file['url']}/call/{service}", json.dumps(document).encode(), sent)

    def workers_running(self, service: str) -> set[str]:
        """Return the workers that the coordinator's topology shows with this service."""
        assert self.coordinator is not None
        workers = http(f"{self.coordinator.url}/api/topology").json["workers"]
        return {
            worker["id"] for worker in workers if service in worker["services"] and worker["status"] == "active"
        }

    def wait_for_service(self, service: str, count: int = 1) -> None:
        wait_until(lambda: len(self.workers_running(service)) >= count, f"{count} workers run {service}", 120)

    def stop(self) -> None:
        """End everything at once, as a power cut would: nobody waits for answers of those that have gone.

        How programs end by themselves is what tests are about; see `Program.stop`.
        """
        for program in reversed(self._all):
            program.cut()

    def _start(self, module: str, command: str, data_dir: Path, *flags: str) -> Program:
        log = data_dir.with_suffix(".log")
        with log.open("ab") as log_file:
            process = subprocess.Popen(
                [sys.executable, "-m", module, command, "--json", "--data-dir", str(data_dir), *flags],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=log_file,
                env=self.environment,
            )
        program = Program(process, data_dir, log)
        self._all.append(program)
        program.ready = _ready_line(program)
        return program


@contextlib.contextmanager
def real_mesh(folder: Path) -> Iterator[RealMesh]:
    mesh = RealMesh(folder)
    try:
        yield mesh
    finally:
        mesh.stop()


def run(module: str, *words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run a program of ours to its end."""
    return subprocess.run(
        [sys.executable, "-m", module, *words],
        capture_output=True,
        text=True,
        timeout=START_DEADLINE,
        env={**ENVIRONMENT, **environment},
        stdin=subprocess.DEVNULL,
        check=False,
    )


def http(url: str, body: bytes | None = None, headers: Mapping[str, str] | None = None) -> Answer:
    """Send one request (POST with a body, GET without) and return the answer, whatever its status."""
    request = urllib.request.Request(url, body, dict(headers or {}))
    try:
        with DIRECT.open(request, timeout=120) as response:
            return Answer(response.status, dict(response.headers), response.read())
    except urllib.error.HTTPError as error:
        with error:
            return Answer(error.code, dict(error.headers), error.read())


def wait_until(condition: Callable[[], T], what: str, seconds: float = 90.0) -> T:
    """Return the first true value of the condition; fail with `what` at the deadline."""
    deadline = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        assert time.monotonic() < deadline, f"not within {seconds:.0f} s: {what}"
        time.sleep(0.1)


def _ready_line(program: Program) -> dict[str, Any]:
    stream = program.process.stdout
    assert stream is not None
    lines: list[bytes] = []
    reader = threading.Thread(target=lambda: lines.append(stream.readline()), daemon=True)
    reader.start()
    reader.join(START_DEADLINE)
    stream.close()
    assert lines and lines[0], f"it did not become ready; its log:\n{program.log_text()}"
    ready: dict[str, Any] = json.loads(lines[0])
    return ready
