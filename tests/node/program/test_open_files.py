from __future__ import annotations

import subprocess
import sys

import pytest

PROGRAM = """
import resource
from node.program.open_files import allow_open_files
soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
resource.setrlimit(resource.RLIMIT_NOFILE, (64, 512))
print(allow_open_files(256), resource.getrlimit(resource.RLIMIT_NOFILE))
print(allow_open_files(9999), resource.getrlimit(resource.RLIMIT_NOFILE))
print(allow_open_files(128), resource.getrlimit(resource.RLIMIT_NOFILE))
"""


@pytest.mark.skipif(sys.platform == "win32", reason="there is no such limit")
def test_the_limit_goes_up_as_far_as_is_wanted_or_allowed_and_never_down() -> None:
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == ["256 (256, 512)", "512 (512, 512)", "512 (512, 512)"]
