"""Runs one overlay manager in a process of its own and obeys lines of JSON on stdin: for machines elsewhere.

    python -m tests.support.vpn_runner FOLDER [HELPER_SOCKET]

Besides the manager there is a small HTTP server at the service port of the overlay address as long as that exists,
which answers everything, as a coordinator's /health does.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import sys
import time
from collections.abc import Callable
from ipaddress import IPv4Address
from pathlib import Path
from typing import Any

from node.program.tasks import TaskSet
from node.vpn.coding import from_json, to_json
from node.vpn.computer import HELPER_SOCKET, ThisComputer
from node.vpn.events import OverlayDown, OverlayUp, Signal
from node.vpn.health import knock
from node.vpn.manager import Vpn
from node.vpn.settings import VpnSettings
from tests.support.namespaces import Guest, Namespace

DEADLINE = 90.0
ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\nConnection: close\r\n\r\nok\n"


class VpnGuest:
    """A manager in a namespace, seen from a test."""

    def __init__(
        self,
        space: Namespace,
        folder: Path,
        settings: VpnSettings | None = None,
        *argv: str,
        helper: Path | None = None,
    ) -> None:
        folder.mkdir(exist_ok=True)
        self.space = space
        self.folder = folder / space.name
        self.log = folder / f"{space.name}.log"
        command = (*argv, sys.executable, "-m", "tests.support.vpn_runner", str(self.folder))
        command += (str(helper or folder / "no-helper"),)
        self.guest: Guest = space.spawn(*command, log=self.log, talk=True)
        self.guest.read_line()
        self.given: list[VpnSettings] = []  # all settings so far
        if settings is not None:
            self.apply(settings)

    def apply(self, settings: VpnSettings | None) -> None:
        self.given += [] if settings is None else [settings]
        self._ask(do="apply", settings=None if settings is None else to_json(settings).decode())

    def revoke(self) -> None:
        self._ask(do="revoke")

    def look(self) -> dict[str, Any]:
        """Return the view, the signals so far and Nebula's pid."""
        looked: dict[str, Any] = self._ask(do="look")
        return looked

    def knock(self, ip: str, limit: float = 2.0) -> float | None:
        """Ask a peer over the overlay once; return the round trip in seconds, None when there was none in time."""
        took: float | None = self._ask(do="knock", ip=ip, limit=limit)
        return took

    def until(self, true: Callable[[dict[str, Any]], bool], what: str) -> float:
        """Wait until the view is like that; return how many seconds it took."""
        begin = time.monotonic()
        while not true(self.look()):
            if time.monotonic() - begin > DEADLINE:
                raise AssertionError(f"{self.space.name}: never {what}: {self.look()}\n{self._tail()}")
            time.sleep(0.02)
        return time.monotonic() - begin

    def until_phase(self, *phases: str) -> float:
        return self.until(lambda view: view["phase"] in phases, " or ".join(phases))

    def until_reached(self, ip: str) -> float:
        """Wait until a peer answers over the overlay; return how many seconds it took."""
        begin = time.monotonic()
        while self.knock(ip) is None:
            if time.monotonic() - begin > DEADLINE:
                raise AssertionError(f"{self.space.name} never reaches {ip}: {self.look()}\n{self._tail()}")
        return time.monotonic() - begin

    def route_to(self, ip: str) -> str:
        """Return how a peer is reached, or nothing where there is no tunnel."""
        return next((str(peer["route"]) for peer in self.look()["peers"] if peer["ip"] == ip), "")

    def until_route(self, ip: str, route: str) -> float:
        """Wait until a peer is reached that way; return how many seconds it took."""
        return self.until(
            lambda view: (ip, route) in [(peer["ip"], peer["route"]) for peer in view["peers"]], route
        )

    def nebula_pid(self) -> int:
        """Return Nebula's number in the namespace; fail where it does not run."""
        pid = self.look()["pid"]
        assert isinstance(pid, int), self._tail()
        return pid

    def signal_nebula(self, name: str) -> int:
        """Stop, continue or kill Nebula, without asking its manager; return its number."""
        note: dict[str, Any] = json.loads((self.folder / "nebula.run").read_text())
        self.space.run("kill", f"-{name}", str(note["pid"]))
        return int(note["pid"])

    def close(self) -> None:
        if self.guest.process.poll() is None:
            self.guest.thaw()  # what is frozen cannot be waited for
        self.guest.close()

    def stop(self) -> None:
        """End the manager as its owner would."""
        assert self.guest.process.stdin is not None
        self.guest.process.stdin.close()
        self.guest.process.wait(60)

    def _ask(self, **command: object) -> Any:
        return json.loads(self.guest.ask(json.dumps(command)))["is"]

    def _tail(self) -> str:
        return self.log.read_text("utf-8", "replace")[-6000:]


class Owner:
    """What a node would do with the overlay's signals: serve at its address while it is there."""

    def __init__(self) -> None:
        self.signals: list[str] = []
        self.errors: list[str] = []
        self._tasks = TaskSet("owner")
        self._server: asyncio.Server | None = None

    def signal(self, signal: Signal) -> None:
        self.signals.append(type(signal).__name__)
        match signal:
            case OverlayUp(ip):
                self._tasks.start(self._serve(str(ip)), "serve")
            case OverlayDown():
                self.close()

    def close(self) -> None:
        if self._server is not None:
            self._server.close()
            self._server = None

    async def _serve(self, ip: str) -> None:
        try:
            self._server = await asyncio.start_server(self._answer, ip, 8000)
        except OSError as error:
            self.errors.append(str(error))

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            await reader.readline()
            writer.write(ANSWER)
            await writer.drain()
        writer.close()


async def obey(vpn: Vpn, owner: Owner, command: dict[str, Any]) -> Any:
    match command["do"]:
        case "apply":
            settings = command["settings"]
            vpn.apply(None if settings is None else from_json(settings.encode(), VpnSettings))
        case "revoke":
            vpn.revoke()
        case "knock":
            source = vpn.view.ip
            return (
                None if source is None else await knock(IPv4Address(command["ip"]), 8000, source, command["limit"])
            )
        case "look":
            engine: Any = vpn._engine
            pid = getattr(engine, "pid", None)
            return json.loads(to_json(vpn.view)) | {"signals": owner.signals, "errors": owner.errors, "pid": pid}
    return None


async def run(folder: Path, helper: Path) -> None:
    owner = Owner()
    loop = asyncio.get_running_loop()
    async with Vpn(ThisComputer(folder, helper=helper), on_signal=owner.signal) as vpn:
        print("ready", flush=True)
        while line := await loop.run_in_executor(None, sys.stdin.readline):
            print(json.dumps({"is": await obey(vpn, owner, json.loads(line))}), flush=True)
    owner.close()


if __name__ == "__main__":
    logging.basicConfig(level=logging.DEBUG, format="%(asctime)s %(name)s %(levelname)s %(message)s")
    logging.getLogger("asyncio").setLevel(logging.WARNING)
    asyncio.run(run(Path(sys.argv[1]), Path(sys.argv[2]) if len(sys.argv) > 2 else HELPER_SOCKET))
