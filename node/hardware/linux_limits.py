"""What Linux leaves us of the machine: CPU quota and memory limit of our control group and all above it.

Sources: kernel documentation, admin-guide/cgroup-v2 (cpu.max, memory.max) and scheduler/sched-bwc (cgroup v1).
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path

SYSTEM_ROOT = Path("/")
NO_LIMIT = 2**60  # cgroup v1 says "none" with a number near 2**63


def cpu_quota(root: Path = SYSTEM_ROOT) -> int | None:
    """Return how many CPUs' worth of time we may use, rounded up, or None for no limit."""
    quotas = [
        *(_parse_cpu_max(_read(group / "cpu.max")) for group in _groups(root, "")),
        *(_v1_quota(group) for group in _groups(root, "cpu")),
    ]
    limits = [quota for quota in quotas if quota is not None]
    return max(1, math.ceil(min(limits))) if limits else None


def memory_limit(root: Path = SYSTEM_ROOT) -> int | None:
    """Return the most bytes of memory we may use, or None for no limit."""
    texts = [
        *(_read(group / "memory.max") for group in _groups(root, "")),
        *(_read(group / "memory.limit_in_bytes") for group in _groups(root, "memory")),
    ]
    limits = [int(text) for text in texts if text.isdecimal() and 0 < int(text) < NO_LIMIT]
    return min(limits) if limits else None


def _groups(root: Path, controller: str) -> Iterator[Path]:
    """Yield the folders of our control group and its parents; `controller` is empty for cgroup v2."""
    mounted = root / "sys/fs/cgroup" / controller
    for line in _read(root / "proc/self/cgroup").splitlines():
        _, _, rest = line.partition(":")
        controllers, _, path = rest.partition(":")
        if controller in controllers.split(",") and ".." not in path:
            group = Path(path.lstrip("/"))
            yield from (mounted / part for part in (group, *group.parents))


def _parse_cpu_max(text: str) -> float | None:
    parts = text.split()
    if len(parts) != 2 or not all(part.isdecimal() for part in parts) or int(parts[1]) == 0:
        return None  # "max 100000" means no limit
    return int(parts[0]) / int(parts[1])


def _v1_quota(group: Path) -> float | None:
    return _parse_cpu_max(f"{_read(group / 'cpu.cfs_quota_us')} {_read(group / 'cpu.cfs_period_us')}")


def _read(path: Path) -> str:
    try:
        return path.read_text("ascii", "replace").strip()
    except OSError:
        return ""
