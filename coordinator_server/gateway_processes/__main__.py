"""Runs a gateway process; only the first process starts one, for it needs what it inherits.

It is started as a file and not with -m, which would let whatever lies in the working directory pass for a module.
"""

import sys
from pathlib import Path


def run() -> int:
    """Be the same program as the first, wherever that was started from."""
    root = str(Path(__file__).resolve().parents[2])
    if root not in sys.path:
        sys.path.insert(0, root)
    from coordinator_server.gateway_processes.process import main

    return main(sys.argv[1:])


if __name__ == "__main__":
    sys.exit(run())
