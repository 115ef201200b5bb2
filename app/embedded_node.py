"""Keeps one node running behind the app: attaches to one that runs already, else starts and supervises its own.

A node that we started is ours to stop. One that an earlier, crashed start of the app left behind is ours again
(`embedded-node.json` says its pid); any other node in the data directory is used and left alone.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import re
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import filelock
import msgspec
import psutil
from PySide6.QtCore import QCoreApplication

from app.child_process import ChildProcess, Exit, FoundProcess, Process
from app.control_client import CONTROL_FILE, ControlAddress, ControlClient, read_address
from app.intents import NodeRefused, NodeUnreachable
from app.picture import NodeLife
from node.program.data_dir import write_private_file
from node.program.errors import EXIT_IN_USE, EXIT_USAGE
from node.program.tasks import TaskSet

log = logging.getLogger(__name__)

RECORD = "embedded-node.json"
NODE = "rma-mesh-node"  # that holds the data directory
ANY_PORTS = ("--port", "0", "--dht-port", "0")
CHOOSING = ("RMA_PORT", "RMA_DHT_PORT")  # by these a person has chosen ports
LOG_LINE = re.compile(r"^(\d\d:\d\d:\d\d \w+ |\{|\s)")


class Record(msgspec.Struct, frozen=True):
    """Which process the app started, kept for the next start of the app."""

    pid: int


@dataclass(frozen=True, slots=True)
class Patience:
    """How long the supervisor waits for what; seconds."""

    poll: float = 0.1  # between two looks for a starting node's control API
    watch: float = 1.0  # between two looks at a node that is not our child
    comeback: float = 4.0  # for somebody else's node that ended, before we start our own
    first_retry: float = 1.0
    longest_retry: float = 60.0
    healthy: float = 30.0  # a node that ran this long starts with a fresh count of failures
    ask: float = 2.0  # for a node to hear that it shall stop
    stop: float = 35.0  # for a node that was asked to stop; it may drain for 30 s
    terminate: float = 5.0
    kill: float = 5.0


class EmbeddedNode:
    """Supervises the node of one data directory; `on_change` hears every change of its life."""

    def __init__(
        self,
        data_dir: Path,
        client: ControlClient,
        on_change: Callable[[NodeLife], None],
        *,
        command: Sequence[str] | None,
        environment: Mapping[str, str],
        patience: Patience = Patience(),
    ) -> None:
        """`command` starts a node; None means: only attach."""
        self._data_dir = data_dir
        self._client = client
        self._on_change = on_change
        self._command = command
        self._environment = environment
        self._patience = patience
        self._life = NodeLife()
        self._process: Process | None = None  # the one that is ours
        self._try_now = asyncio.Event()
        self._ports: Sequence[str] = ()  # what the command gets besides, once the usual ports were taken
        self._tasks = TaskSet("embedded-node")

    async def run(self) -> None:
        """Supervise until cancelled."""
        while True:
            if self._command is not None:
                await asyncio.to_thread(forget_the_dead, self._data_dir)
            address = read_address(self._data_dir)
            if address is not None and await self._client.answers(address):
                await self._stay_with(address)
            elif self._command is None:
                nowhere = QCoreApplication.translate("NodeLife", "No node is running in this data directory.")
                self._say(stage="restarting", ours=False, trouble=nowhere)
                await asyncio.sleep(self._patience.watch)
            else:
                await self._run_own(self._command, address)

    def try_now(self) -> None:
        """Cut the pause before the next start short."""
        self._try_now.set()

    async def stop(self, hurry: asyncio.Event) -> None:
        """End the node if it is ours: ask, terminate, kill, each with a deadline that `hurry` shortens."""
        process, self._process = self._process or self._orphan(), None
        if process is None:
            return
        self._say(stage="stopping")
        ended = self._tasks.start(process.wait(), "wait")
        hurried = self._tasks.start(hurry.wait(), "hurry")
        try:
            if not hurry.is_set() and await self._ask_to_stop():
                await _first_of({ended, hurried}, self._patience.stop)
            for act, seconds in (
                (process.terminate, self._patience.terminate),
                (process.kill, self._patience.kill),
            ):
                if not ended.done():
                    act()
                    await _first_of({ended}, seconds)
            if ended.done():
                self._forget()
            else:
                log.error("The node could not be ended.")
        finally:
            await self._tasks.stop()

    async def _ask_to_stop(self) -> bool:
        """Return whether the node heard us; one that is only just starting cannot."""
        self._client.closing = True
        try:
            async with asyncio.timeout(self._patience.ask):
                await self._client.send("/stop")
        except (NodeUnreachable, NodeRefused, TimeoutError):
            return False
        return True

    # --- a node that runs already ---------------------------------------------------------------------------

    async def _stay_with(self, address: ControlAddress) -> None:
        """Return when the node behind the address has ended."""
        self._process = self._find_ours(address)
        self._say(stage="running", ours=self._process is not None, trouble="", retry_at=None)
        while self._client.connected or await self._client.answers(address):  # noqa: ASYNC110 - no event of ours
            await asyncio.sleep(self._patience.watch)
        ours, self._process = self._process is not None, None
        ended = QCoreApplication.translate("NodeLife", "The node that ran here has ended.")
        self._say(stage="restarting", ours=ours, trouble=ended)
        if not ours:
            await self._wait_for_comeback()

    def _orphan(self) -> Process | None:
        """Find a node of ours that there was no time yet to attach to."""
        address = read_address(self._data_dir)
        return None if address is None else self._find_ours(address)

    def _find_ours(self, address: ControlAddress) -> Process | None:
        try:
            record = msgspec.json.decode((self._data_dir / RECORD).read_bytes(), type=Record)
            ours = record.pid == address.pid and is_node(psutil.Process(record.pid).cmdline(), self._data_dir)
            return FoundProcess(record.pid) if ours else None
        except (OSError, msgspec.MsgspecError, psutil.Error):
            return None

    async def _wait_for_comeback(self) -> None:
        deadline = time.monotonic() + self._patience.comeback
        while time.monotonic() < deadline:
            address = read_address(self._data_dir)
            if address is not None and await self._client.answers(address):
                return
            await asyncio.sleep(self._patience.poll)

    # --- a node of our own ----------------------------------------------------------------------------------

    async def _run_own(self, command: Sequence[str], stale: ControlAddress | None) -> None:
        """Start a node, stay with it until it ends, say why it did and pause before the next try."""
        stage = "restarting" if self._life.restarts else "starting"
        self._say(stage=stage, ours=True, retry_at=None)
        child = ChildProcess([*command, *self._ports], self._environment)
        self._process = child
        began = time.monotonic()
        ended = self._tasks.start(child.wait(), "wait")
        try:
            child.start()
            await self._wait_until_it_answers(ended, stale)
            result = await ended
        finally:
            ended.cancel()
        self._process = None
        child.deleteLater()
        await self._pause_after(result, lasted=time.monotonic() - began)

    async def _wait_until_it_answers(self, ended: asyncio.Task[Exit], stale: ControlAddress | None) -> None:
        while not ended.done():
            address = read_address(self._data_dir)
            if address is not None and address != stale and await self._client.answers(address):
                self._remember(address.pid)
                self._say(stage="running", trouble="", retry_at=None)
                return
            await asyncio.wait({ended}, timeout=self._patience.poll)

    async def _pause_after(self, result: Exit, lasted: float) -> None:
        self._forget()
        restarts = 1 if lasted >= self._patience.healthy else self._life.restarts + 1
        pause = restart_delay(restarts, self._patience)
        if result.code == EXIT_IN_USE and await self._may_take_any_ports():
            self._ports, restarts, pause = ANY_PORTS, 0, 0.0
            log.warning("The node gets free ports instead.")
        needs_a_person = restarts >= 3 or (pause > 0 and result.code in (EXIT_USAGE, EXIT_IN_USE))
        trouble = explain_exit(result)
        log.warning("%s It is started again in %.0f s.", trouble, pause)
        self._say(
            stage="blocked" if needs_a_person else "restarting",
            restarts=restarts,
            trouble=trouble,
            retry_at=time.time() + pause,
        )
        self._try_now.clear()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(pause):
                await self._try_now.wait()

    async def _may_take_any_ports(self) -> bool:
        """Tell whether other ports may help: not where the directory is in use, or where a person chose ports."""
        if self._ports or any(name in self._environment for name in CHOOSING):
            return False
        return not await asyncio.to_thread(is_held, self._data_dir)

    def _remember(self, pid: int) -> None:
        """Note whose node it is, for our next start; a disk that takes nothing must not cost us the node."""
        try:
            write_private_file(self._data_dir / RECORD, msgspec.json.encode(Record(pid)))
        except OSError as error:
            log.warning("Could not note that the node is this program's: %s", error)

    def _forget(self) -> None:
        with contextlib.suppress(OSError):
            (self._data_dir / RECORD).unlink(missing_ok=True)

    def _say(self, **changes: object) -> None:
        self._life = replace(self._life, **changes)  # type: ignore[arg-type]
        self._on_change(self._life)


async def _first_of(tasks: set[asyncio.Task[Any]], seconds: float) -> None:
    await asyncio.wait(tasks, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)


def node_command(data_dir: Path) -> list[str]:
    """Return how the node that came with this app is started; everything else it takes from its environment."""
    if getattr(sys, "frozen", False):
        name = "rma-mesh-node.exe" if sys.platform == "win32" else "rma-mesh-node"
        program = [str(Path(sys.executable).with_name(name))]
    else:
        program = [sys.executable, "-X", "no_debug_ranges", "-m", "node"]  # columns in tracebacks: 0.4 MiB
    return [*program, "run", "--data-dir", str(data_dir)]


def forget_the_dead(data_dir: Path) -> None:
    """Delete the address that a node has left which was killed: somebody else may listen there by now."""
    lock = data_dir / f"{NODE}.lock"
    with contextlib.suppress(OSError, filelock.Timeout):  # it is held: a node is alive
        if lock.exists():
            with filelock.FileLock(lock, blocking=False):
                (data_dir / CONTROL_FILE).unlink(missing_ok=True)


def is_held(data_dir: Path) -> bool:
    """Tell whether a node holds the directory, as one does that is still ending."""
    try:
        with filelock.FileLock(data_dir / f"{NODE}.lock", blocking=False):
            return False
    except filelock.Timeout:
        return True
    except OSError:
        return False


def is_node(command: Sequence[str], data_dir: Path) -> bool:
    """Tell a node of this directory from whatever has its number after a crash, or since the computer started."""
    return "run" in command and str(data_dir) in command


def restart_delay(restarts: int, patience: Patience) -> float:
    """Return the seconds before the next start: doubled with every failure in a row, up to a limit."""
    return float(min(patience.longest_retry, patience.first_retry * 2 ** min(restarts - 1, 16)))


def explain_exit(result: Exit) -> str:
    """Say in sentences why a node ended: its own last words where it had some."""
    words = [line for line in _tail_of_plain_lines(result.last_lines) if line]
    crashed = any(line.startswith("Traceback") for line in result.last_lines)
    if words and not crashed:
        return " ".join(words)
    if result.code is None:
        return QCoreApplication.translate("NodeLife", "The node was ended by the system or by somebody else.")
    text = QCoreApplication.translate("NodeLife", "The node ended unexpectedly (exit code {code}).")
    return text.format(code=result.code)


def _tail_of_plain_lines(lines: Sequence[str]) -> list[str]:
    """Return the sentences that a program of ours prints before it ends, which no log line looks like."""
    tail: list[str] = []
    for line in reversed(lines):
        if LOG_LINE.match(line) or len(tail) == 3:
            break
        tail.insert(0, line)
    return tail
