"""What is noticed of a coordinator that is killed, by a client of the other one and by the workers.

Two real coordinators on one store and two real nodes, all with their usual settings. Again and again the one that
the nodes talk to is killed, and started again when they have gone over to the other.
"""

from __future__ import annotations

import contextlib
import http.client
import itertools
import json
import shutil
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from tests.support.real_mesh import Program, RealMesh, real_mesh, wait_until
from tests.support.real_mesh import http as ask

SERVICE = "ner-extraction"
HEARTBEAT = ("--worker-heartbeat", "30")  # as usual
USUAL = (*HEARTBEAT, "--worker-stale", "90", "--address-rate", "100000/min")
NODES = ("anna", "ben")
PAUSE = 0.02  # seconds between two requests of the client
LIMIT = 10.0  # seconds for an answer
QUIET = 2.0  # seconds before a coordinator is killed, and after all is well again
PATIENCE = 180.0


@dataclass(frozen=True, slots=True)
class Gap:
    """Seconds for which a client of the other coordinator got no good answer, and until each node had gone over."""

    client: float
    workers: Sequence[float]
    failed: int  # requests of the client


class Client:
    """Asks for a service again and again, in a thread of its own."""

    def __init__(self, url: str, key: str) -> None:
        self._netloc = urlsplit(url).netloc
        self._headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._good: list[float] = []
        self.failed = 0
        self.longest_gap = LIMIT

    def __enter__(self) -> Client:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.longest_gap = self._longest()
        self._over.set()
        self._thread.join()

    def _longest(self) -> float:
        """Return the longest time between two good answers."""
        times = [*self._good, time.monotonic()]
        return max((later - one for one, later in itertools.pairwise(times)), default=LIMIT)

    def _run(self) -> None:
        body = json.dumps({"text": "Anna Smith owes 200 pounds to Acme Ltd since 3 May 2024."})
        while not self._over.is_set():
            line = http.client.HTTPConnection(self._netloc, timeout=LIMIT)
            with contextlib.suppress(OSError, http.client.HTTPException), contextlib.closing(line):
                while not self._over.wait(PAUSE):
                    line.request("POST", f"/service/{SERVICE}", body, self._headers)
                    answer = line.getresponse()
                    answer.read()
                    if answer.status == 200:
                        self._good.append(time.monotonic())
                    else:
                        self.failed += 1


def gaps(folder: Path, runs: int, store: str = "") -> Iterator[Gap]:
    """Kill so many coordinators, one after the other; with a `store` they are on that, else on one database."""
    folder.mkdir(exist_ok=True)
    with real_mesh(folder) as mesh:
        pair = _Pair(mesh, store)
        link, key = mesh.invite(len(NODES), "--trust", "vetted"), mesh.key("--rate", "100000/min")
        for name in NODES:
            mesh.start_node(name, link, *HEARTBEAT, "--allow", SERVICE)
        pair.wait_for(set(pair.running.values()))
        for _ in range(runs):
            yield _one(pair, key)


class _Pair:
    """Two coordinators of one mesh, either of which may be dead."""

    def __init__(self, mesh: RealMesh, store: str) -> None:
        self._mesh = mesh
        self._store = ("--store", store) if store else ()
        self._ports: dict[str, int] = {}
        self.ids: dict[str, str] = {}
        self.running: dict[str, str] = {}  # ids, by name
        self.programs: dict[str, Program] = {}
        for name in ("coordinator", "second"):
            self.start(name)

    def start(self, name: str) -> None:
        first = name == "coordinator"
        if not first and not (self._mesh.folder / name).exists():
            (self._mesh.folder / name).mkdir(mode=0o700)
            key = self._mesh.folder / name / "mesh.key"
            shutil.copyfile(self._mesh.folder / "coordinator" / "mesh.key", key)
            key.chmod(0o600)
        flags, port = (*USUAL, *self._store), self._ports.get(name, 0)
        if first:
            program = self._mesh.start_coordinator(*flags, port=port)
        elif self._store:
            program = self._mesh._start(
                "coordinator_server", "serve", self._mesh.folder / name,
                "--port", str(port), "--dht-port", "0", "--vpn", "off", *flags,
            )  # fmt: skip
        else:
            program = self._mesh.start_another_coordinator(name, *flags, port=port)
        self._ports[name] = int(urlsplit(program.url).port or 0)
        self.programs[name], self.running[name] = program, str(program.ready["coordinator_id"])

    def kill(self, name: str) -> None:
        self.programs[name].kill()
        del self.running[name]

    def where(self) -> dict[str, str]:
        """Return the coordinator of each worker that is well, as those that run say."""
        name = next(iter(self.running))
        workers = ask(f"{self.programs[name].url}/api/topology").json["workers"]
        return {
            one["id"]: one["coordinator"]
            for one in workers
            if one["status"] == "active" and SERVICE in one["services"]
        }

    def wait_for(self, ids: set[str]) -> None:
        """Wait until all workers are well, and with one of these coordinators."""
        wait_until(
            lambda: len(found := self.where()) == len(NODES) and set(found.values()) <= ids,
            f"all workers are with {', '.join(sorted(ids))}",
            PATIENCE,
        )


def _one(pair: _Pair, key: str) -> Gap:
    victims = list(pair.where().values())
    name = max(pair.running, key=lambda one: victims.count(pair.running[one]))
    other = next(one for one in pair.running if one != name)
    time.sleep(QUIET)
    with Client(pair.programs[other].url, key) as client:
        time.sleep(QUIET)
        at, began = pair.running[other], time.monotonic()
        pair.kill(name)
        moved: dict[str, float] = {}
        while len(moved) < len(NODES):
            found = pair.where()
            moved |= {one: time.monotonic() - began for one, now in found.items() if now == at and one not in moved}
            if time.monotonic() - began > PATIENCE:
                raise SystemExit(f"not all workers came to {at}: {found}")
            time.sleep(PAUSE)
        time.sleep(QUIET)
    pair.start(name)
    wait_until(lambda: len(json.loads(_topology(pair, other))["coordinators"]) == 2, "both are there", PATIENCE)
    return Gap(client.longest_gap, sorted(moved.values()), client.failed)


def _topology(pair: _Pair, name: str) -> bytes:
    return ask(f"{pair.programs[name].url}/api/topology").body
