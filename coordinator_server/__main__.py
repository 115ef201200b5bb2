"""Entry point of `python -m coordinator_server`."""

import sys

from coordinator_server.cli import main

if __name__ == "__main__":
    sys.exit(main())
