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
from coordinator_server.tables import print_fields, tell
from node.program.errors import UserFacingError
from node.program.lifetime import print_error, print_json

QUICK = 5.0  # seconds that one look may take while somebody watches
ROTATED = ("mesh_keys", "overlay")
BY_ITSELF = "A rotation that waits for nobody goes on by itself, a few minutes after its last step."
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
    rest = {name: value for name, value in document.items() if name not in SHOWN_ABOVE}
    if arguments.all:
        print_fields(rest, sys.stdout)
    else:
        turning = {name: rest[name] for name in ROTATED if is_rotating(rest[name])}
        print_fields(turning, sys.stdout)
        if waits_for_nobody(turning):
            tell(BY_ITSELF)
        tell(in_short(document))
    return 0


def is_rotating(keys: Mapping[str, Any] | None) -> bool:
    return keys is not None and keys["rotation"] != "steady"


def waits_for_nobody(turning: Mapping[str, Mapping[str, Any]]) -> bool:
    return any(not keys["waiting"] for keys in turning.values())


def in_short(document: Mapping[str, Any]) -> str:
    """Return the line for what is mostly as it was."""
    signing = [key["fingerprint"] for key in document["mesh_keys"]["keys"] if key["signs"]]
    parts = [f"mesh key {signing[0]}"] if signing else []
    parts += [f"open invites {document['invites_open']}", f"API keys {document['keys']}"]
    return f"{', '.join(parts)}; `status --all` tells more"


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
