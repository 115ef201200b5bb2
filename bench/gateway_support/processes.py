"""Programs that are measured: each is started on its cores and ended by its id, and tells what it has used."""

from __future__ import annotations

import contextlib
import json
import os
import platform
import select
import socket
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

ROOT = Path(__file__).parents[2]
START = 60.0  # seconds that a program gets to listen
READY = 90.0  # seconds that it gets to print its ready line
END = 15.0  # seconds that all get to end by themselves


@dataclass(frozen=True, slots=True)
class Program:
    """A running program that listens."""

    name: str
    port: int
    process: psutil.Process
    key: str = ""  # that it wants to see

    def cpu_seconds(self) -> float:
        return sum(sum(process.cpu_times()[:2]) for process in self._all())

    def memory(self) -> int:
        """Return the bytes of memory that are its own."""
        return sum(int(process.memory_info().rss) for process in self._all())

    def _all(self) -> list[psutil.Process]:
        return [self.process, *self.process.children(recursive=True)]


def machine() -> dict[str, Any]:
    """Tell what figures of this run depend on; the load average is that of the last minute."""
    return {
        "cores": len(os.sched_getaffinity(0)),
        "load_average": round(os.getloadavg()[0], 1),
        "kernel": platform.release(),
        "python": platform.python_version(),
    }


class Bench:
    """What is measured has the first core to itself, where there are two; everything else has the others."""

    def __init__(self, folder: Path, stack: contextlib.ExitStack) -> None:
        self.folder = folder
        self._started: list[subprocess.Popen[bytes]] = []
        stack.callback(end, self._started)
        cores = sorted(os.sched_getaffinity(0))
        self.measured, self.others = cores[:1], cores[1:] or cores
        self.other_cores = len(cores) - 1

    def start(self, name: str, command: Sequence[str], cores: Sequence[int], port: int) -> Program:
        process = self._spawn(command, cores)
        limit = time.monotonic() + START
        while process.poll() is None and time.monotonic() < limit:
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
                return Program(name, port, psutil.Process(process.pid))
            time.sleep(0.05)
        raise SystemExit(f"{name} does not listen on port {port}")

    def announced(
        self, name: str, module: str, arguments: Sequence[str], cores: Sequence[int]
    ) -> tuple[Program, dict[str, Any]]:
        """Start one of our modules that prints a ready line; return it with that line."""
        port = free_port()
        command = [sys.executable, "-m", f"bench.gateway_support.{module}", "--port", str(port), *arguments]
        return self.ready(name, command, cores, port)

    def ready(
        self, name: str, command: Sequence[str], cores: Sequence[int], port: int = 0, patience: float = READY
    ) -> tuple[Program, dict[str, Any]]:
        """Start a program that prints a ready line within so many seconds; return it with that line."""
        process = self._spawn(command, cores, stdout=subprocess.PIPE)
        assert process.stdout is not None
        ready, _, _ = select.select([process.stdout], [], [], patience)
        line = process.stdout.readline() if ready else b""
        if not line:
            raise SystemExit(f"{name} does not become ready")
        return Program(name, port, psutil.Process(process.pid)), json.loads(line)

    def python(self, name: str, module: str, arguments: Sequence[str], cores: Sequence[int]) -> Program:
        """Start one of our modules; it is told its port."""
        port = free_port()
        command = [sys.executable, "-m", f"bench.gateway_support.{module}", "--port", str(port), *arguments]
        return self.start(name, command, cores, port)

    def _spawn(
        self, command: Sequence[str], cores: Sequence[int], stdout: int | None = None
    ) -> subprocess.Popen[bytes]:
        process = subprocess.Popen(
            command,
            cwd=ROOT,
            stdout=stdout,
            preexec_fn=lambda: os.sched_setaffinity(0, cores),  # noqa: PLW1509 - no threads run here
        )
        self._started.append(process)
        return process

    def run(self, command: Sequence[str], seconds: float) -> str:
        """Run something to its end on the other cores; return what it says."""
        return subprocess.run(
            command,
            cwd=ROOT,
            check=True,
            stdout=subprocess.PIPE,
            text=True,
            timeout=seconds,
            preexec_fn=lambda: os.sched_setaffinity(0, self.others),
        ).stdout


def free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port: int = taken.getsockname()[1]
        return port


def end(processes: Sequence[subprocess.Popen[bytes]]) -> None:
    """Tell all to end, and end those that do not."""
    for process in processes:
        process.terminate()
    limit = time.monotonic() + END
    for process in processes:
        try:
            process.wait(max(0.1, limit - time.monotonic()))
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        if process.stdout is not None:
            process.stdout.close()
