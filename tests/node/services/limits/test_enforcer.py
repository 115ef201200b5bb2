"""The enforcer that keeps nothing, and how many cores there are."""

from __future__ import annotations

import subprocess
import sys

import pytest

from node.services.limits.enforcer import NoLimits, usable_cores
from node.services.limits.plan import Together

pytestmark = pytest.mark.processes


async def test_without_limits_a_service_starts_as_it_is() -> None:
    limits = NoLimits()
    assert limits.ability().cpu == "none"
    assert limits.ability().cores == usable_cores() >= 1
    await limits.hold(Together(cpu_cores=0.1), [])
    process = limits.launch("service", lambda: subprocess.Popen([sys.executable, "-c", "print('up')"], stdout=-1))
    await limits.adopt("service", process.pid)
    assert process.communicate()[0].strip() == b"up"
    assert limits.ended("service") == ""
    await limits.close()
