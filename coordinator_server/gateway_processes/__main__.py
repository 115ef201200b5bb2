"""Runs a gateway process; only the first process starts one, for it needs what it inherits."""

import sys

from coordinator_server.gateway_processes.process import main

sys.exit(main(sys.argv[1:]))
