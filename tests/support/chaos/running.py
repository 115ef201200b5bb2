"""Has the program of chaos run, and reads what it tells."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

MOST = 3.0  # seconds for which calls through a coordinator that lives may fail
LATE = 10.0  # times as late as the machine itself was, at most


@dataclass(frozen=True, slots=True)
class Told:
    """What came of a run."""

    document: dict[str, Any]

    @property
    def violations(self) -> list[str]:
        return [f"{one['kind']}: {one['text']}" for one in self.document["violations"]]

    @property
    def suffered(self) -> list[dict[str, Any]]:
        return list(self.document["suffered"])

    @property
    def figures(self) -> dict[str, Any]:
        return dict(self.document["figures"])

    def too_long(self) -> dict[str, float]:
        """Return the faults in which calls failed for too long, and for how long.

        Where the program itself did not get its turn for a while, this machine was too busy to judge that strictly.
        """
        most = MOST + LATE * float(self.figures["own_latest_turn"])
        gaps = {one["what"]: max(one["gaps"].values(), default=0.0) for one in self.suffered}
        return {what: seconds for what, seconds in gaps.items() if seconds > most}


def run_chaos(log: Path, *words: str) -> Told:
    """Have it run to its end; what it says meanwhile goes to `log`."""
    command = [sys.executable, "-m", "tests.support.chaos.program", *words]
    with (
        log.open("ab") as said,
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=said) as process,
    ):
        assert process.stdout is not None
        lines = process.stdout.read().splitlines()
    if not lines:
        raise RuntimeError(f"it came to no end:\n{log.read_text('utf-8', 'replace')[-6000:]}")
    return Told(json.loads(lines[-1]))
