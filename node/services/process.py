"""One child process of ours with threads that wait for it, because not every event loop can.

On Windows the node runs on the selector loop, which cannot spawn; `subprocess.Popen` and threads work everywhere.
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
from typing import IO

Launch = Callable[[Callable[[], "subprocess.Popen[bytes]"]], "subprocess.Popen[bytes]"]
MAX_LINE = 64 * 1024  # bytes; a longer line of output is cut into pieces


class ServiceProcess:
    """A running child in a process group of its own.

    It ends with us even if we are killed, because it holds the other end of its stdin and ends when that closes.
    `on_line` gets each line of its stdout and stderr, in a thread.
    """

    def __init__(self, popen: subprocess.Popen[bytes], on_line: Callable[[bytes], None]) -> None:
        loop = asyncio.get_running_loop()
        self._popen = popen
        self._loop = loop
        self.first_line: asyncio.Future[bytes] = loop.create_future()
        self.ended: asyncio.Future[int] = loop.create_future()
        assert popen.stdout is not None and popen.stderr is not None
        self._start_thread(self._read_stdout, popen.stdout, on_line)
        self._start_thread(_read_lines, popen.stderr, on_line)
        self._start_thread(self._wait)

    @classmethod
    async def spawn(
        cls,
        command: Sequence[str],
        env: Mapping[str, str],
        cwd: Path,
        on_line: Callable[[bytes], None],
        launch: Launch = lambda start: start(),
    ) -> ServiceProcess:
        """Start the command; raise OSError where that cannot be. Starting happens in a thread: it may take long.

        `launch` calls what it is given to start the process, and may do so under limits.
        """
        starting = asyncio.get_running_loop().run_in_executor(None, launch, lambda: _popen(command, env, cwd))
        try:
            return cls(await asyncio.shield(starting), on_line)
        except asyncio.CancelledError:
            await cls(await starting, on_line).kill()
            raise

    @property
    def pid(self) -> int:
        return self._popen.pid

    async def stop(self, deadline: float) -> int:
        """Ask it to end, kill its whole group after `deadline` seconds, and return its exit code."""
        self._close_stdin()
        self._signal("SIGTERM")
        try:
            async with asyncio.timeout(deadline):
                return await asyncio.shield(self.ended)
        except TimeoutError:
            return await self.kill()

    async def kill(self) -> int:
        """Kill it and everything in its group; return its exit code."""
        self._close_stdin()
        self._signal("SIGKILL")
        return await asyncio.shield(self.ended)

    def kill_now(self) -> None:
        """Kill without waiting, for when the loop has no time left."""
        self._close_stdin()
        self._signal("SIGKILL")

    def _signal(self, name: str) -> None:
        if self._popen.returncode is not None:  # its number may belong to somebody else by now
            return
        with contextlib.suppress(OSError):
            if sys.platform != "win32":
                os.killpg(self._popen.pid, getattr(signal, name))
            elif name == "SIGKILL":  # on Windows the closed stdin is what asks it to end
                self._popen.kill()

    def _close_stdin(self) -> None:
        if self._popen.stdin is not None:
            with contextlib.suppress(OSError):
                self._popen.stdin.close()

    def _start_thread(self, target: Callable[..., None], *args: object) -> None:
        name = f"{target.__name__}-{self._popen.pid}"
        threading.Thread(target=target, args=args, name=name, daemon=True).start()

    def _read_stdout(self, stream: IO[bytes], on_line: Callable[[bytes], None]) -> None:
        with contextlib.suppress(OSError, ValueError):
            self._tell(self.first_line, stream.readline(MAX_LINE))
        _read_lines(stream, on_line)

    def _wait(self) -> None:
        code = self._popen.wait()
        self._close_stdin()
        if sys.platform != "win32":
            with contextlib.suppress(OSError):  # whatever it started and left behind
                os.killpg(self._popen.pid, signal.SIGKILL)
        self._tell(self.ended, code)

    def _tell(self, future: asyncio.Future[bytes] | asyncio.Future[int], value: bytes | int) -> None:
        with contextlib.suppress(RuntimeError):  # the loop may have closed meanwhile
            self._loop.call_soon_threadsafe(_resolve, future, value)


def _popen(command: Sequence[str], env: Mapping[str, str], cwd: Path) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        list(command),
        env=dict(env),
        cwd=cwd,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=sys.platform != "win32",
        creationflags=getattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 0),  # Windows only
    )


def _read_lines(stream: IO[bytes], on_line: Callable[[bytes], None]) -> None:
    with contextlib.suppress(OSError, ValueError), stream:
        while line := stream.readline(MAX_LINE):
            on_line(line)


def _resolve(future: asyncio.Future[bytes] | asyncio.Future[int], value: bytes | int) -> None:
    if not future.done():
        future.set_result(value)  # type: ignore[arg-type]
