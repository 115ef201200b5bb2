"""A program that answers lines: asked and answered through pipes, with a log for all else that it says."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from pathlib import Path

LIMIT = 60.0  # seconds that a program may take to end


class LineProgram:
    """A running program; `log` is where its stderr goes."""

    def __init__(self, process: subprocess.Popen[str], log: Path | None) -> None:
        self.process = process
        self._log = log

    @classmethod
    def start(cls, argv: Sequence[str], log: Path, folder: Path) -> LineProgram:
        """Start a program in a folder, with pipes to it."""
        with log.open("a", encoding="utf-8") as out:
            process = subprocess.Popen(
                argv, cwd=folder, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=out, text=True
            )
        return cls(process, log)

    def ask(self, line: str) -> str:
        """Send a line; return the line that it answers."""
        self.say(line)
        return self.read_line()

    def say(self, line: str) -> None:
        """Send a line; what it answers is read later."""
        assert self.process.stdin is not None
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()

    def read_line(self) -> str:
        """Return its next line; fail where it has ended."""
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        assert line, f"the program has ended; its log:\n{self.log_text()}"
        return line.rstrip("\n")

    def log_text(self) -> str:
        return "" if self._log is None else self._log.read_text("utf-8", "replace")

    def kill(self) -> int:
        """End it, as a power cut would; return its exit code."""
        self.process.kill()
        return self.process.wait(LIMIT)

    def close(self) -> None:
        """Kill it if it runs, and close the pipes to it; may be called again."""
        self.kill()
        for pipe in (self.process.stdin, self.process.stdout):
            if pipe is not None:
                pipe.close()
