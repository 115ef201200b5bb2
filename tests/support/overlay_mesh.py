"""A whole mesh in a lab: coordinators on public machines and nodes behind routers, all of them the real programs.

Every machine has its own network and processes; data directories lie in one folder. `Member.ask` sends HTTP from
inside a machine, so that it takes the ways that this machine has.
"""

from __future__ import annotations

import json
import shutil
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

from tests.support.namespaces import Guest, Namespace
from tests.support.netlab import Host, Kind, Machine, NetLab

T = TypeVar("T")
Answers = Callable[[], Any]  # waits for what was asked meanwhile
DEADLINE = 120.0  # seconds that anything may take on a busy machine
PORT, DHT_PORT = 8080, 8468
PROGRAMS = ("ip", "nft", "unshare", "nsenter", "nebula", "conntrack")
NOTE = "The client, Mr John Smith of SW1A 1AA, owes 1,250.00 pounds since 3 March 2024."
BODIES = {  # a request that each light service answers
    "ner-extraction": {"text": NOTE},
    "document-processing": {"text": NOTE},
    "rag-embeddings": {"query": "debt"},
    "notes-coa": {"text": NOTE},
}


def measured(what: str, seconds: float) -> None:
    print(f"measured: {what}: {seconds:.1f} s")


def asked_for(
    url: str, document: Any, *, method: str = "", headers: dict[str, str] | None = None, **more: Any
) -> str:
    """Return the line that has a guest send a request."""
    body = None if document is None else json.dumps(document)
    method = method or ("GET" if body is None else "POST")
    return json.dumps({"url": url, "method": method, "headers": headers, "body": body} | more)


class Member:
    """One machine of the mesh with its program and its data directory."""

    def __init__(self, machine: Machine, folder: Path) -> None:
        self.machine = machine
        self.name = machine.name
        self.data_dir = folder / machine.name
        self.log = folder / f"{machine.name}.log"
        self.program: Guest | None = None
        self.ready: dict[str, Any] = {}
        self._asker: Guest | None = None
        self._folder = folder

    @property
    def space(self) -> Namespace:
        return self.machine.space

    def start(self, module: str, command: str, *flags: str, wrap: tuple[str, ...] = ()) -> None:
        """Start the program and wait until it says that it is ready; `wrap` is a command that runs it."""
        argv = (sys.executable, "-m", module, command, "--json", "--data-dir", str(self.data_dir), *flags)
        self.program = self.space.spawn(*wrap, *argv, log=self.log, talk=True)
        self.ready = json.loads(self.program.read_line())

    def running(self) -> Guest:
        assert self.program is not None
        return self.program

    def command(self, module: str, *words: str, data_dir: bool = True) -> Any:
        """Run a command of the program here and return the JSON that it prints."""
        where = ("--data-dir", str(self.data_dir)) if data_dir else ()
        done = self.space.run(sys.executable, "-m", module, *words, "--json", *where, limit=DEADLINE)
        return json.loads(done.stdout)

    def ask(
        self,
        url: str,
        document: Any = None,
        *,
        method: str = "",
        headers: dict[str, str] | None = None,
        **more: Any,
    ) -> Any:
        """Send a request from this machine; return {status, headers, body, seconds}, or a list with `count`."""
        return json.loads(self._guest().ask(asked_for(url, document, method=method, headers=headers, **more)))

    def ask_meanwhile(self, url: str, document: Any = None, **asked: Any) -> Answers:
        """Send requests from this machine as `ask` does, and go on; the answers are read later."""
        guest = self._new_guest()
        guest.say(asked_for(url, document, **asked))
        return lambda: json.loads(guest.read_line())

    def sent_and_received(self) -> int:
        """Return how many bytes have gone over this machine's own cable, in and out."""
        said = self.space.run("ip", "-s", "-j", "link", "show", "dev", self.machine.device).stdout
        counted = json.loads(said)[0]["stats64"]
        return int(counted["rx"]["bytes"]) + int(counted["tx"]["bytes"])

    def kill(self) -> None:
        """End the program and its Nebula at once, as a power cut does, but for the machine's system."""
        run = self.data_dir / "vpn" / "nebula.run"
        nebula = json.loads(run.read_text())["pid"] if run.exists() else None
        self.running().kill()
        if nebula is not None:
            self.space.run("kill", "-KILL", str(nebula), check=False)

    def _guest(self) -> Guest:
        if self._asker is None or self._asker.process.poll() is not None:
            self._asker = self._new_guest()
        return self._asker

    def _new_guest(self) -> Guest:
        argv = (sys.executable, "-m", "tests.support.http_guest")
        guest = self.space.spawn(*argv, log=self._folder / f"{self.name}-asks.log", talk=True)
        guest.read_line()
        return guest

    def tail(self, size: int = 6000) -> str:
        return self.log.read_text("utf-8", "replace")[-size:]


class Coordinator(Member):
    """A coordinator on a public machine; `admin` runs its commands."""

    @property
    def url(self) -> str:
        return f"http://{self.machine.ip}:{PORT}"

    def serve(self, *flags: str, wrap: tuple[str, ...] = ()) -> None:
        host = ("--host", "0.0.0.0", "--port", str(PORT), "--public-url", self.url)
        quick = ("--worker-heartbeat", "1", "--worker-stale", "30", "--dht-port", str(DHT_PORT))
        self.start("coordinator_server", "serve", *host, *quick, *flags, wrap=wrap)

    def admin(self, *words: str) -> Any:
        return self.command("coordinator_server", *words)

    def invite(self, uses: int = 1, *flags: str) -> str:
        return str(self.admin("invite", "create", "--uses", str(uses), *flags)["link"])

    def key(self, *flags: str) -> str:
        return str(self.admin("key", "create", "--name", "test", *flags)["key"])

    def call(self, service: str, key: str, **more: Any) -> Any:
        """Call a service through this coordinator's gateway, from its own machine."""
        headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}
        return self.ask(f"http://127.0.0.1:{PORT}/service/{service}", BODIES[service], headers=headers, **more)

    def workers(self) -> list[dict[str, Any]]:
        """Return the workers as the coordinator's topology shows them."""
        shown: list[dict[str, Any]] = json.loads(self.ask(f"http://127.0.0.1:{PORT}/api/topology")["body"])[
            "workers"
        ]
        return shown

    def runs(self, service: str) -> set[str]:
        """Return the live workers that offer a service."""
        return {one["id"] for one in self.workers() if service in one["services"] and one["status"] == "active"}


class Worker(Member):
    """A node on a machine; everything is asked through its control API."""

    def run(self, link: str = "", *flags: str, wrap: tuple[str, ...] = ()) -> None:
        invite = ("--invite", link) if link else ()
        named = ("--worker-id", self.name, "--name", self.name) if link else ()
        quick = ("--worker-heartbeat", "1", "--dht-republish", "2", "--no-keyring", "--no-sensors")
        self.start("node", "run", *invite, *named, *quick, *flags, wrap=wrap)

    def control(self, path: str, document: Any = None, *, method: str = "", **more: Any) -> Any:
        """Ask the control API; return the whole answer (see Member.ask)."""
        url, headers = self._control()
        return self.ask(url + path, document, method=method, headers=headers, **more)

    def _control(self) -> tuple[str, dict[str, str]]:
        file = json.loads((self.data_dir / "control.json").read_text())
        return file["url"], {"Authorization": f"Bearer {file['token']}", "Content-Type": "application/json"}

    def look(self, path: str) -> Any:
        """Return what the control API tells at a path."""
        answer = self.control(path)
        assert answer["status"] == 200, answer
        return json.loads(answer["body"])

    def status(self) -> Any:
        return self.command("node", "status")

    def peers(self) -> dict[str, dict[str, Any]]:
        """Return the other workers by name, as `peers` shows them."""
        return {one["worker_id"]: one for one in self.look("/peers")}

    def vpn(self) -> dict[str, Any]:
        found: dict[str, Any] = self.state()["vpn"]
        return found

    def state(self) -> dict[str, Any]:
        """Return what `status` is drawn from, without a process for it."""
        found: dict[str, Any] = self.look("/view")["state"]
        return found

    def until_phase(self, phase: str, *codes: str) -> dict[str, Any]:
        """Wait until the node is in this phase, for these reasons among others."""

        def there() -> dict[str, Any] | None:
            found = self.state()
            told = {one["code"] for one in found["reasons"]}
            return found if found["phase"] == phase and told.issuperset(codes) else None

        return self.until(there, f"says {phase} {codes}")

    def overlay_detail(self) -> str:
        """Return what `doctor` says of the overlay."""
        return str(next(one["detail"] for one in self.look("/doctor")["checks"] if one["name"] == "vpn"))

    def until_vpn(self, *phases: str) -> dict[str, Any]:
        """Wait until the overlay is in one of these states."""

        def there() -> dict[str, Any] | None:
            found = self.vpn()
            return found if found["state"] in phases else None

        return self.until(there, f"the overlay is {' or '.join(phases)}")

    def call(self, service: str, **more: Any) -> Any:
        """Call a service through the node's own router (see Member.ask for `count` and `seconds`)."""
        return self.control(f"/call/{service}", BODIES[service], **more)

    def call_meanwhile(self, service: str, **more: Any) -> Answers:
        """Call a service as `call` does, and go on; the answers are read later."""
        url, headers = self._control()
        return self.ask_meanwhile(f"{url}/call/{service}", BODIES[service], headers=headers, **more)

    def until_calls(self, service: str, right: Callable[[dict[str, Any]], bool], what: str) -> dict[str, Any]:
        """Call until an answer is as wanted."""

        def answer() -> dict[str, Any] | None:
            found: dict[str, Any] = self.call(service)
            return found if right(found) else None

        return self.until(answer, f"{service} is answered {what}")

    def until(self, condition: Callable[[], T | None], what: str) -> T:
        """Return the first thing that comes; tell the log where nothing came in time."""
        end = time.monotonic() + DEADLINE
        while (found := condition()) is None:
            assert time.monotonic() < end, f"{self.name}: never {what}; its log:\n{self.tail()}"
            time.sleep(0.1)
        return found


def until(condition: Callable[[], T | None], what: str) -> T:
    """Return the first thing that comes."""
    end = time.monotonic() + DEADLINE
    while (found := condition()) is None:
        assert time.monotonic() < end, f"never {what}"
        time.sleep(0.1)
    return found


class OverlayMesh:
    """Coordinators and workers of one lab, to be put together by a test."""

    def __init__(self, lab: NetLab, folder: Path) -> None:
        self.lab = lab
        self.folder = folder
        self.coordinators: list[Coordinator] = []
        self.workers: dict[str, Worker] = {}

    def coordinator(self, *flags: str, name: str = "") -> Coordinator:
        """Start a coordinator on a public machine; a second one shares the first one's store and mesh."""
        made = Coordinator(self.lab.public(name or f"c{len(self.coordinators)}"), self.folder)
        if self.coordinators:
            share_store(self.coordinators[0].data_dir, made.data_dir)
        self.coordinators.append(made)
        made.serve(*flags)
        return made

    def home(self, name: str, kind: Kind = "cone") -> Host:
        """Return a PC behind a router of its own."""
        return self.lab.host(name, self.lab.router(f"r-{name}", kind))

    def worker(self, machine: Machine, link: str, *flags: str, wrap: tuple[str, ...] = ()) -> Worker:
        made = Worker(machine, self.folder)
        self.workers[made.name] = made
        made.run(link, *flags, wrap=wrap)
        return made


def share_store(first: Path, second: Path) -> None:
    """Give a second coordinator the first one's store and mesh key, each its own identity."""
    second.mkdir(mode=0o700)
    for path in first.glob("coordinator.db*"):
        (second / path.name).symlink_to(path)
    shutil.copy2(first / "mesh.key", second / "mesh.key")


@contextmanager
def overlay_mesh(folder: Path) -> Iterator[OverlayMesh]:
    """Build a lab for a mesh; everything in it ends with the context."""
    with NetLab() as lab:
        yield OverlayMesh(lab, folder)
