"""The command `status`: the overview once, or kept on the terminal, and what else there is to say."""

from __future__ import annotations

import argparse
import dataclasses
import sys
import time
from collections.abc import Mapping
from typing import Any

from coordinator_server.commands import client_of
from coordinator_server.operation.screen import draw
from coordinator_server.operation.watching import PAUSE, paper_for, watch
from coordinator_server.tables import print_fields
from node.program.errors import UserFacingError
from node.program.lifetime import print_error, print_json

QUICK = 5.0  # seconds that one look may take while somebody watches
SHOWN_ABOVE = ("coordinator", "version", "coordinators", "workers", "services", "gaps", "uptime_seconds")


def status(arguments: argparse.Namespace) -> int:
    """Show how the mesh does."""
    if arguments.watch:
        _watch(arguments)
        return 0
    client = client_of(arguments)
    overview = client.get("/api/admin/overview", {"workers": str(arguments.workers)})
    document = client.get("/api/admin/status")
    if arguments.json:
        print_json(document | {"overview": overview})
        return 0
    print("\n".join(draw(overview, paper_for(sys.stdout, whole=True))), end="\n\n")  # noqa: T201 - the answer
    print_fields({name: value for name, value in document.items() if name not in SHOWN_ABOVE}, sys.stdout)
    return 0


def _watch(arguments: argparse.Namespace) -> None:
    def ask() -> Mapping[str, Any]:
        client = dataclasses.replace(client_of(arguments), timeout=QUICK)  # anew: it may have been restarted
        found: Mapping[str, Any] = client.get("/api/admin/overview", {"workers": str(arguments.workers)})
        return found

    client_of(arguments)  # where nobody could ever answer, that is said at once
    if not arguments.json:
        watch(ask, sys.stdout)
        return
    while True:
        try:
            print_json(ask())
        except UserFacingError as error:
            print_error(error, sys.stderr)
        time.sleep(PAUSE)
