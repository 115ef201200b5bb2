"""The background of macOS, with a stand-in for its call."""

from __future__ import annotations

import subprocess
import sys

import pytest

from node.services.limits.macos import PRIO_DARWIN_BG, PRIO_DARWIN_PROCESS, PRIO_PROCESS, MacBackground
from node.services.limits.plan import Together

pytestmark = pytest.mark.processes


@pytest.mark.parametrize("nice", [0, 10])
async def test_a_service_goes_to_the_background_and_a_refusal_does_no_harm(nice: int) -> None:
    calls: list[tuple[int, int, int]] = []

    def refuse(which: int, who: int, priority: int) -> None:
        calls.append((which, who, priority))
        raise PermissionError

    made = MacBackground(nice, refuse)
    await made.hold(Together(cpu_cores=0.5), [])
    process = made.launch("service", lambda: subprocess.Popen([sys.executable, "-c", "pass"]))
    await made.adopt("service", process.pid)
    assert process.wait() == 0
    expected = [(PRIO_PROCESS, process.pid, 10), (PRIO_DARWIN_PROCESS, process.pid, PRIO_DARWIN_BG)]
    assert calls == (expected if nice else [])
    assert bool(made.ability().priority_by) == bool(nice)
    assert (made.ability().cpu, made.ability().memory) == ("none", "watched")
    assert made.ended("service") == ""
    await made.close()
