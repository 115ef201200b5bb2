"""How much memory each service has, with all that it started."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from node.program.process_trees import PROC, Process, look, memory


def memory_of(roots: Mapping[str, int], proc: Path = PROC) -> dict[str, int]:
    """Return how many bytes each service has, given its first process; what is shared counts several times."""
    return {name: memory(found) for name, found in look(roots, proc).items()}


def exact_memory_of(roots: Mapping[str, int], proc: Path = PROC) -> dict[str, int]:
    """Return the same with shared memory divided by who shares it; this costs too much to be asked often."""
    return {name: sum(_proportional(one, proc) for one in found) for name, found in look(roots, proc).items()}


def gpu_memory_of(roots: Mapping[str, int], used: Mapping[int, int]) -> dict[str, int]:
    """Return how much of one GPU's memory each service has, of what each process uses; blocks."""
    return {name: sum(used.get(one.pid, 0) for one in found) for name, found in look(roots).items()}


def _proportional(process: Process, proc: Path) -> int:
    try:
        for line in (proc / str(process.pid) / "smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1]) * 1024
    except (OSError, ValueError, IndexError):
        pass
    return process.memory
