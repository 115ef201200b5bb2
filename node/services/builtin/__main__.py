"""Runs one builtin service: `python -m node.services.builtin NAME`."""

from __future__ import annotations

import sys

from node.services.builtin.launch import main

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
