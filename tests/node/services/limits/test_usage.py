"""Memory of a service: with its children, and with a grandchild whose parent has gone."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator

import pytest

from node.services.limits.usage import exact_memory_of, gpu_memory_of, memory_of

pytestmark = pytest.mark.processes
MUCH = 50_000_000

CHILD = f"keep = bytearray({MUCH}); print('up', flush=True); import sys; sys.stdin.read()"
# The one in between ends at once: its child is nobody's any more, but stays in the session.
ORPHAN = (
    "import os, sys\n"
    "if os.fork() == 0:\n"
    "    if os.fork() == 0:\n"
    f"        keep = bytearray({MUCH}); print('up', flush=True); sys.stdin.read()\n"
    "    os._exit(0)\n"
    "os.wait(); sys.stdin.read()\n"
)


@pytest.fixture
def service(request: pytest.FixtureRequest) -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen(
        [sys.executable, "-c", request.param], stdin=subprocess.PIPE, stdout=subprocess.PIPE, start_new_session=True
    )
    with process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"up\n"
        yield process
        os.killpg(process.pid, 9)


@pytest.mark.parametrize("service", [CHILD, ORPHAN], indirect=True)
def test_all_that_a_service_started_counts(service: subprocess.Popen[bytes]) -> None:
    found = memory_of({"service": service.pid, "gone": 2**22 + 1})
    assert found["service"] > MUCH
    assert found["gone"] == 0
    exact = exact_memory_of({"service": service.pid})
    assert MUCH < exact["service"] <= found["service"] * 1.1


@pytest.mark.parametrize("service", [CHILD], indirect=True)
def test_what_a_gpu_s_driver_tells_of_processes_is_added_up(service: subprocess.Popen[bytes]) -> None:
    used = {service.pid: 5, os.getpid(): 7}
    assert gpu_memory_of({"service": service.pid, "gone": 2**22 + 1}, used) == {"service": 5, "gone": 0}
