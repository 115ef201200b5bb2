from __future__ import annotations

import subprocess
import sys

PROGRAM = """
import gc
from node.program.garbage import settle
kept = [[] for _ in range(1000)]
settle()
print(gc.get_freeze_count() > 1000, gc.get_threshold())
"""


def test_what_is_there_is_looked_through_no_more() -> None:
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=True)
    assert done.stdout.split(maxsplit=1) == ["True", "(2000, 5, 1000)\n"]
