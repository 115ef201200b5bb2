"""What the commands about the audit log and the admin token do."""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from coordinator_server.commands import Arguments, client_of, show
from coordinator_server.tables import print_table, say, tell, when
from node.program.errors import EXIT_FAILED, EXIT_USAGE, UserFacingError

if TYPE_CHECKING:
    from coordinator_server.seals.checking import Expected

AUDIT_COLUMNS = (
    ("TIME", "at"), ("ACTOR", "actor"), ("ACTION", "action"), ("SUBJECT", "subject"), ("OUTCOME", "outcome"),
    ("DETAIL", "detail"),
)  # fmt: skip

WHAT_NOW = (
    "Keep the store and all backups as they are. If an older backup was restored since the mark was made, that is "
    "why. If lines wait for a seal, see in `status` whether a coordinator assigns: it makes them. Else somebody "
    "has written to the store past the coordinators: `audit verify --file BACKUP` finds the newest backup that is "
    "still whole, and docs/access.md says what a seal proves."
)


def rotate_token(arguments: Arguments) -> int:
    """Have the running coordinator make another admin token."""
    made = client_of(arguments).post("/api/admin/token/rotate", {"grace": arguments.grace})
    until = made["grace_until"]
    before = f"The one before counts until {when(until)}." if until else "The one before is useless now."

    def say_token() -> None:
        tell(f"Token:  {made['token']}")
        tell(f"{before} Commands on this machine read the new one by themselves; give it to all others.")

    return show(arguments, made, say_token)


def audit(arguments: Arguments) -> int:
    """List lines of the audit log, or verify the whole of it."""
    if arguments.what == "verify":
        return _verify_audit(arguments)
    since = str(int(time.time() - arguments.since)) if arguments.since is not None else ""
    query = {
        "limit": str(arguments.limit),
        "action": arguments.action,
        "subject": arguments.subject,
        "since": since,
    }
    document = client_of(arguments).get("/api/admin/audit", {name: value for name, value in query.items() if value})
    rows = [row | {"at": _second(row["time"])} for row in document["audit"]]
    chosen = arguments.action or arguments.subject or arguments.since is not None
    empty = "No line of the log is like that." if chosen else "Nothing has happened yet."

    def say_lines() -> None:
        print_table(rows, AUDIT_COLUMNS, empty, sys.stdout)
        if len(rows) == arguments.limit:
            tell(f"These are the newest {len(rows)}; --limit shows more.")

    return show(arguments, document, say_lines)


def _verify_audit(arguments: Arguments) -> int:
    """Say whether the log is as it was sealed; fail where it is not."""
    from coordinator_server.seals.checking import parse_mark

    try:
        expected = parse_mark(arguments.expect) if arguments.expect else None
    except ValueError as error:
        title = "The expected mark cannot be read."
        raise UserFacingError(title, f"It is wrong: {error}.", "", EXIT_USAGE) from None
    if arguments.file is not None:
        document = _verify_file(arguments.file, expected)
    else:
        query = {"expect": arguments.expect} if arguments.expect else None
        document = client_of(arguments).get("/api/admin/audit/verify", query)
    show(arguments, document, lambda: _say_finding(document, is_file=arguments.file is not None))
    return 0 if document["holds"] else EXIT_FAILED


def _verify_file(file: Path, expected: Expected | None) -> Mapping[str, Any]:
    import asyncio

    import msgspec

    from coordinator_server.seals.verifying import verify_backup

    found: Mapping[str, Any] = msgspec.to_builtins(asyncio.run(verify_backup(file, expected)))
    return found


def _say_finding(found: Mapping[str, Any], *, is_file: bool) -> None:
    tell(f"{'ok  ' if found['holds'] else 'FAIL'}  {say(found['text'])}")
    if not found["holds"]:
        tell(f"      {WHAT_NOW}")
    if found["holds"] and is_file:
        tell(f"Mesh:  {found['mesh']}")
        tell("It is your mesh's log if that is the fingerprint of its key, now (`status`) or before a rotation.")
    if found["holds"]:
        tell(f"Mark:  {found['mark']}")
        tell(
            "Keep the mark elsewhere: `audit verify --expect MARK` finds out later whether the log still begins so."
        )


def _second(moment: float) -> str:
    return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(moment))
