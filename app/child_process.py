"""One program that we started (QProcess) or found again (its pid): alive, asked to end, killed, waited for.

On Windows, where this was never run so far, `terminate` does not reach a program without a window: there a node
ends by its control API or is killed.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import psutil
from PySide6.QtCore import QCoreApplication, QObject, QProcess, QProcessEnvironment

KEPT_LINES = 60
KEPT_CHARACTERS = 2000  # of one line
POLL = 0.2  # seconds between two looks at a process that is not our child


@dataclass(frozen=True, slots=True)
class Exit:
    """How a program ended: its exit code, or that it never started or was killed, and the last it wrote."""

    code: int | None
    last_lines: tuple[str, ...] = ()


class Process(Protocol):
    """What can be done with a running program, whoever started it."""

    def terminate(self) -> None: ...

    def kill(self) -> None: ...

    async def wait(self) -> Exit: ...


class ChildProcess(QObject):
    """A program that we started; its standard error is kept, bounded, to explain why it ended."""

    def __init__(
        self, command: Sequence[str], environment: Mapping[str, str], parent: QObject | None = None
    ) -> None:
        super().__init__(parent)
        self._ended: asyncio.Future[Exit] = asyncio.get_running_loop().create_future()
        self._lines: deque[str] = deque(maxlen=KEPT_LINES)
        self._rest = ""
        self._process = QProcess(self)
        self._process.setProgram(command[0])
        self._process.setArguments(list(command[1:]))
        self._process.setProcessEnvironment(_qt_environment(environment))
        self._process.setStandardInputFile(QProcess.nullDevice())
        self._process.setStandardOutputFile(QProcess.nullDevice())
        self._process.readyReadStandardError.connect(self._read)
        self._process.finished.connect(self._finished)
        self._process.errorOccurred.connect(self._failed)
        _detach_from_terminal(self._process)

    def start(self) -> None:
        self._process.start()

    def terminate(self) -> None:
        self._process.terminate()

    def kill(self) -> None:
        self._process.kill()

    async def wait(self) -> Exit:
        return await asyncio.shield(self._ended)

    def _read(self) -> None:
        text = self._rest + bytes(self._process.readAllStandardError().data()).decode("utf-8", "replace")
        *lines, self._rest = text.split("\n")
        self._rest = self._rest[-KEPT_CHARACTERS:]
        self._lines.extend(line.rstrip()[:KEPT_CHARACTERS] for line in lines)

    def _finished(self, code: int, status: QProcess.ExitStatus) -> None:
        self._read()
        if self._rest:
            self._lines.append(self._rest)
        self._end(Exit(code if status is QProcess.ExitStatus.NormalExit else None, tuple(self._lines)))

    def _failed(self, error: QProcess.ProcessError) -> None:
        if error is QProcess.ProcessError.FailedToStart:
            self._end(Exit(None, (_cannot_start(self._process.errorString()),)))

    def _end(self, result: Exit) -> None:
        if not self._ended.done():
            self._ended.set_result(result)


def _cannot_start(why: str) -> str:
    text = QCoreApplication.translate("NodeLife", "It could not be started: {why}.")
    return text.format(why=why.rstrip("."))


class FoundProcess:
    """A program that an earlier start of ours left behind; psutil makes sure that the pid is still the same one."""

    def __init__(self, pid: int) -> None:
        """Raise psutil.NoSuchProcess where there is none."""
        self._process = psutil.Process(pid)

    def terminate(self) -> None:
        self._do(self._process.terminate)

    def kill(self) -> None:
        self._do(self._process.kill)

    async def wait(self) -> Exit:
        while self._alive():  # noqa: ASYNC110 - no system tells us when another's child ends
            await asyncio.sleep(POLL)
        return Exit(None)

    def _alive(self) -> bool:
        try:
            return self._process.is_running() and self._process.status() != psutil.STATUS_ZOMBIE
        except psutil.Error:
            return False

    def _do(self, action: Callable[[], None]) -> None:
        with contextlib.suppress(psutil.Error):
            action()


def child_environment(environ: Mapping[str, str]) -> dict[str, str]:
    """Return the environment for a program of the system: a frozen app's own library path is taken back."""
    result = {name: value for name, value in environ.items() if name != "LD_LIBRARY_PATH_ORIG"}
    if "LD_LIBRARY_PATH_ORIG" in environ:
        result["LD_LIBRARY_PATH"] = environ["LD_LIBRARY_PATH_ORIG"]
    elif getattr(sys, "frozen", False):
        result.pop("LD_LIBRARY_PATH", None)
    return result


def _qt_environment(environ: Mapping[str, str]) -> QProcessEnvironment:
    environment = QProcessEnvironment()
    for name, value in environ.items():
        environment.insert(name, value)
    return environment


def _detach_from_terminal(process: QProcess) -> None:
    """Give the node a session of its own, so that Ctrl-C reaches only us and we end it in good order."""
    if os.name == "posix":
        parameters = QProcess.UnixProcessParameters()
        parameters.flags = QProcess.UnixProcessFlag.CreateNewSession
        process.setUnixProcessParameters(parameters)
