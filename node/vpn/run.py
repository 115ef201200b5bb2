"""One process of Nebula: reads its log, says whether a reload worked and when its address is there."""

from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import Callable
from ipaddress import IPv4Interface

from node.program.child_process import ChildProcess
from node.program.tasks import TaskSet
from node.vpn.events import (
    CertificateLoaded,
    FingerprintBlocked,
    InterfaceCameUp,
    ReloadFailed,
    StartFailed,
    Told,
)
from node.vpn.log_lines import is_noise, read_line, says_up
from node.vpn.settings import Facts, Plan

ADDRESS_PAUSE = 0.01  # seconds between two looks whether the address is there
ADDRESS_TRIES = 500
log = logging.getLogger(__name__)

IsUp = Callable[[IPv4Interface], bool]


class Run:
    """One process of Nebula: reads its log in a thread and passes it on in the loop."""

    process: ChildProcess

    def __init__(self, plan: Plan, facts: Facts, on_told: Callable[[Told], None], is_up: IsUp) -> None:
        self.plan = plan
        self.facts = facts
        self.failed: StartFailed | None = None
        self.last_words = ""
        self._noise = b""
        self._came_up = False
        self._on_told = on_told
        self._is_up = is_up
        self._tasks = TaskSet("nebula")
        self._silent = False
        self._fingerprint = ""
        self._blocked: set[str] = set()
        self._wanted: frozenset[str] = frozenset()
        self._reloading: asyncio.Future[str] | None = None

    def hush(self) -> None:
        """Pass on nothing more: it has ended, or we are ending it."""
        self._silent = True

    async def silence(self) -> None:
        """Pass on nothing more, and do nothing more."""
        self.hush()
        await self._tasks.stop()

    def expect(self, fingerprint: str, blocked: frozenset[str]) -> None:
        """Begin a reload, which shall end with this certificate and this blocklist."""
        self._fingerprint, self._wanted, self._blocked = fingerprint, blocked, set()
        self._reloading = asyncio.get_running_loop().create_future()

    async def reloaded(self) -> str:
        assert self._reloading is not None
        try:
            return await self._reloading
        finally:
            self._reloading = None

    def is_wanted(self, line: bytes) -> bool:
        """Say whether a line of the log may mean something; called in another thread."""
        self._came_up = self._came_up or says_up(line)
        if not (self._came_up and is_noise(line)):
            return True
        self._noise = line
        return False

    @property
    def complaint(self) -> str:
        """The last error that it went on after; when it ended, the reason may be in there."""
        return " " + self._noise[:300].decode("utf-8", "replace").strip() if self._noise else ""

    def read(self, line: bytes) -> None:
        """Take a line of the log."""
        log.debug("nebula: %s", line.decode("utf-8", "replace").rstrip())
        told = read_line(line)
        if told is not None:
            self._take(told)
        elif not line.startswith(b"{"):  # a panic, or a complaint before the log is set up
            self._keep(line)

    def _keep(self, line: bytes) -> None:
        if len(self.last_words) < 300:
            self.last_words += " " + line[:150].decode("utf-8", "replace").strip()

    def _take(self, told: Told) -> None:
        if self._silent:
            return
        match told:
            case FingerprintBlocked(fingerprint):
                self._blocked.add(fingerprint)
            case CertificateLoaded(fingerprint):
                missing = self._wanted - self._blocked
                self._end_reload(
                    "another certificate is in use" if fingerprint != self._fingerprint
                    else f"{len(missing)} blocked certificates are missing" if missing
                    else ""
                )  # fmt: skip
            case ReloadFailed(text):
                log.error("Nebula keeps its old settings: %s", text)
                self._end_reload(text)
            case StartFailed():
                self.failed = told
            case InterfaceCameUp():
                self._tasks.start(self._wait_for_address(told), "address")
            case _:
                self._on_told(told)

    async def _wait_for_address(self, told: InterfaceCameUp) -> None:
        """Wait: Nebula logs that its interface is active a moment before the system has address and route."""
        for _ in range(ADDRESS_TRIES):
            if self._silent or self._is_up(self.facts.interface):
                break
            await asyncio.sleep(ADDRESS_PAUSE)
        if not self._silent:
            self._on_told(told)

    def _end_reload(self, why: str) -> None:
        if self._reloading is not None and not self._reloading.done():
            self._reloading.set_result(why)


def is_routed(interface: IPv4Interface) -> bool:
    """Say whether packets into the overlay would leave with our address there: it and the route are set by now."""
    first = interface.network.network_address + 1
    other = first if first != interface.ip else first + 1
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asking:
        try:
            asking.connect((str(other), 9))  # sends nothing
        except OSError:
            return False
        return bool(asking.getsockname()[0] == str(interface.ip))
