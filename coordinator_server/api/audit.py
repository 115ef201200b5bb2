"""The audit log as the operator reads it: lines that fit what is asked for, and whether nobody has changed any."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from aiohttp import web

from coordinator_server.api.shapes import AuditEntry, AuditLog
from coordinator_server.application import COORDINATOR
from coordinator_server.audit import Audit
from coordinator_server.seals.checking import parse_mark
from coordinator_server.seals.verifying import verify
from coordinator_server.store.interface import AuditLine
from node.program.web import json_response
from node.wire.problems import Problem

MOST = 10_000  # lines of one answer
PAGE = 5_000  # lines that are read together
MOST_READ = 500_000  # lines that are looked through for one answer
LONGEST = 18  # digits of a number


async def list_lines(request: web.Request) -> web.Response:
    """List who did what, the newest last."""
    limit, before = min(_number(request, "limit", 100), MOST), _number(request, "before", 0)
    fits = _fitting(request)
    lines = await _newest(request.app[COORDINATOR].audit, limit, before or None, _number(request, "since", 0), fits)
    return json_response(AuditLog(audit=[_entry(line) for line in reversed(lines)]))


async def verify_log(request: web.Request) -> web.Response:
    """Look at every line and every seal."""
    coordinator, text = request.app[COORDINATOR], request.query.get("expect", "")
    try:
        expected = parse_mark(text) if text else None
    except ValueError as error:
        raise Problem("invalid-request", f"expect: {error}.") from None
    return json_response(
        await verify(coordinator.store, coordinator.keyring.keys, coordinator.clock, expected=expected)
    )


async def _newest(
    audit: Audit, limit: int, before: int | None, since: float, fits: Callable[[AuditLine], bool]
) -> Sequence[AuditLine]:
    """Return lines that fit, newest first, none of them from before `since`."""
    found: list[AuditLine] = []
    read = 0
    while len(found) < limit and read < MOST_READ:
        lines = await audit.newest(min(PAGE, limit) if not read else PAGE, before)
        for line in lines:
            if line.time < since:
                return found[:limit]
            if fits(line):
                found.append(line)
        if not lines or lines[-1].number <= 1:
            break
        before, read = lines[-1].number, read + len(lines)
    return found[:limit]


def _fitting(request: web.Request) -> Callable[[AuditLine], bool]:
    action, subject = request.query.get("action", ""), request.query.get("subject", "")
    return lambda line: action in ("", line.action) and subject in ("", line.subject)


def _entry(line: AuditLine) -> AuditEntry:
    return AuditEntry(
        id=line.number,
        time=line.time,
        actor=line.actor,
        action=line.action,
        subject=line.subject,
        detail=line.detail,
        address=line.address,
        outcome=line.outcome,
    )


def _number(request: web.Request, name: str, default: int) -> int:
    text = request.query.get(name, str(default))
    if not text.isascii() or not text.isdigit() or len(text) > LONGEST:
        raise Problem("invalid-request", f"{name} must be a whole number, not {text[:40]!r}.")
    return int(text)
