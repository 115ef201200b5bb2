"""The programs of the demo: started as users start them, ended by their own process ids."""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec

STOP_DEADLINE = 15.0  # seconds for a program to end by itself
READY_DEADLINE = 60.0
TAIL = 4000  # bytes of a log that are shown after a failure


class DemoError(Exception):
    """A program that did not do what it should; the text says which, and how its log ends."""


class Program:
    """One started program; its standard output is read here and its log is a file."""

    def __init__(self, name: str, process: asyncio.subprocess.Process, log: Path) -> None:
        self.name = name
        self.process = process
        self._log = log

    async def ready(self) -> dict[str, Any]:
        """Return the program's ready line; raise DemoError when it ends or is silent."""
        assert self.process.stdout is not None
        try:
            async with asyncio.timeout(READY_DEADLINE):
                line = await self.process.stdout.readline()
            document = msgspec.json.decode(line)
        except (TimeoutError, msgspec.DecodeError):
            raise DemoError(f"{self.name} did not become ready.\n{self.log_tail()}") from None
        if not isinstance(document, dict):
            raise DemoError(f"{self.name} printed what we do not understand: {line!r}")
        return document

    def log_tail(self) -> str:
        with contextlib.suppress(OSError):
            return f"Its log ends with:\n{self._log.read_bytes()[-TAIL:].decode('utf-8', 'replace')}"
        return "It wrote no log."

    async def stop(self) -> None:
        """Ask it to end; end it when it does not."""
        if self.process.returncode is not None:
            return
        with contextlib.suppress(ProcessLookupError):
            self.process.terminate()
        try:
            async with asyncio.timeout(STOP_DEADLINE):
                await self.process.wait()
        except TimeoutError:
            with contextlib.suppress(ProcessLookupError):
                self.process.kill()
            await self.process.wait()


class Programs:
    """All programs of one demo; on leaving the context they are ended, the last one first."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._running: list[Program] = []

    async def __aenter__(self) -> Programs:
        return self

    async def __aexit__(self, *_: object) -> None:
        while self._running:
            await self._running.pop().stop()

    async def start(
        self, name: str, module: str, *arguments: str, environment: Mapping[str, str] | None = None
    ) -> Program:
        log = self._folder / f"{name}.log"
        with log.open("wb") as log_file:
            process = await asyncio.create_subprocess_exec(
                *command(module, *arguments),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.PIPE,
                stderr=log_file,
                env={**os.environ, **(environment or {})},
                **_own_group(),
            )
        program = Program(name, process, log)
        self._running.append(program)
        return program

    async def run(self, module: str, *arguments: str) -> Any:
        """Run a program to its end and return the JSON document that it prints."""
        process = await asyncio.create_subprocess_exec(
            *command(module, *arguments), stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
        )
        out, err = await process.communicate()
        if process.returncode != 0:
            raise DemoError(f"{' '.join((module, *arguments))} failed:\n{err.decode('utf-8', 'replace')}")
        return msgspec.json.decode(out)

    def dead(self) -> Program | None:
        """Return a program that has ended by itself, if there is one."""
        return next((program for program in self._running if program.process.returncode is not None), None)


def command(module: str, *arguments: str) -> Sequence[str]:
    return (sys.executable, "-m", module, *arguments)


def _own_group() -> dict[str, Any]:
    """Keep Ctrl-C for the demo alone, which then ends its programs in order."""
    if sys.platform == "win32":
        return {"creationflags": 0x00000200}  # CREATE_NEW_PROCESS_GROUP
    return {"start_new_session": True}
