"""A child's life: its output read line by line to the end, and only then told that it has ended.

Threads do the waiting, because on Windows the node's event loop cannot spawn.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import IO, Self, TypeVar

T = TypeVar("T")
MAX_LINE = 64 * 1024  # bytes; what a line has beyond that is dropped
MOST_WAITING = 256  # lines that the loop has not heard yet; who writes faster waits
PATIENCE = 5.0  # seconds after which a line is dropped that the loop has no room for


class ChildProcess:
    """A running child in a process group of its own; calls `on_line`, then `on_end`, in the loop's thread.

    `is_wanted` is asked about each line before, in a thread of its own: a flood of lines that say nothing takes no
    time of the loop.
    """

    def __init__(
        self,
        popen: subprocess.Popen[bytes],
        on_line: Callable[[bytes], None],
        on_end: Callable[[int], None],
        is_wanted: Callable[[bytes], bool] = lambda _: True,
    ) -> None:
        self._popen = popen
        self._is_wanted = is_wanted
        self._loop = asyncio.get_running_loop()
        self._on_line = on_line
        self._on_end = on_end
        self._room = threading.Semaphore(MOST_WAITING)
        self._ended: asyncio.Future[int] = self._loop.create_future()
        assert popen.stdout is not None
        threading.Thread(target=self._read, args=(popen.stdout,), name=f"child-{popen.pid}", daemon=True).start()

    @classmethod
    async def spawn(
        cls,
        command: Sequence[str],
        cwd: Path,
        on_line: Callable[[bytes], None],
        on_end: Callable[[int], None],
        is_wanted: Callable[[bytes], bool] = lambda _: True,
        *,
        environment: Mapping[str, str] | None = None,
    ) -> Self:
        """Start the command; raise OSError where that cannot be. Starting happens in a thread: it may take long.

        Of our environment a child gets nothing but PATH; `environment` is what it gets besides.
        """
        starting = asyncio.get_running_loop().run_in_executor(None, _popen, command, cwd, environment or {})
        try:
            return cls(await asyncio.shield(starting), on_line, on_end, is_wanted)
        except asyncio.CancelledError:
            with contextlib.suppress(OSError):  # it could not be started: then nothing has to end
                await cls(await starting, on_line, on_end, is_wanted).stop(0.0)
            raise

    @property
    def pid(self) -> int:
        return self._popen.pid

    @property
    def running(self) -> bool:
        return not self._ended.done()

    def hang_up(self) -> bool:
        """Send SIGHUP, which makes most programs read their settings anew; say whether that can be done here."""
        self._signal("SIGHUP")
        return sys.platform != "win32"

    async def stop(self, limit: float) -> None:
        """Ask it to end, kill it after `limit` seconds, and wait until it has ended.

        Whoever is cancelled here has no more time: then it is killed at once, for nobody would do it later.
        """
        self._signal("SIGTERM")
        try:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(limit):
                    await asyncio.shield(self._ended)
        finally:
            self._signal("SIGKILL")
        await asyncio.shield(self._ended)

    def _signal(self, name: str) -> None:
        if self._popen.returncode is not None:  # its number may belong to somebody else by now
            return
        with contextlib.suppress(OSError):
            if sys.platform != "win32":
                self._popen.send_signal(getattr(signal, name))
            elif name != "SIGHUP":
                self._popen.kill()

    def _read(self, stream: IO[bytes]) -> None:
        with contextlib.suppress(OSError, ValueError), stream:
            begins = True
            while line := stream.readline(MAX_LINE):
                if begins and self._is_wanted(line) and self._room.acquire(timeout=PATIENCE):
                    self._call(self._hear, line)
                begins = line.endswith(b"\n")
        self._call(self._end, self._popen.wait())

    def _hear(self, line: bytes) -> None:
        self._room.release()
        self._on_line(line)

    def _end(self, code: int) -> None:
        if not self._ended.done():
            self._ended.set_result(code)
        self._on_end(code)

    def _call(self, do: Callable[[T], None], value: T) -> None:
        with contextlib.suppress(RuntimeError):  # the loop may have closed meanwhile
            self._loop.call_soon_threadsafe(do, value)


def _popen(command: Sequence[str], cwd: Path, environment: Mapping[str, str]) -> subprocess.Popen[bytes]:
    inherited = {name: os.environ[name] for name in ("PATH", "SYSTEMROOT") if name in os.environ}
    return subprocess.Popen(
        list(command),
        env={**inherited, **environment},
        cwd=cwd,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=sys.platform != "win32",
        creationflags=getattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 0),  # Windows only
    )
