"""Memory of a service: with its children, and with a grandchild whose parent has gone."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator

import pytest

from node.services.limits.usage import Seen, exact_memory_of, memory_of, processes, trees

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


def test_this_process_is_seen_with_its_parent() -> None:
    (us,) = [one for one in processes() if one.pid == os.getpid()]
    assert us.parent == os.getppid()
    assert us.memory > 0


def test_a_circle_of_parents_ends() -> None:
    seen = [Seen(1, 2, 0, 10), Seen(2, 1, 0, 10), Seen(5, 4, 0, 1), Seen(4, 3, 0, 1), Seen(3, 0, 3, 1)]
    found = trees(seen, [3])
    assert {one.pid for one in found[3]} == {3, 4, 5}
