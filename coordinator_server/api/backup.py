"""Sends a backup, also while the store takes no writes: just then it is what an operator wants most."""

from __future__ import annotations

import asyncio
import os
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import BinaryIO

from aiohttp import web

from coordinator_server.admin_client import BACKUP_NOTES
from coordinator_server.api.addresses import client_address
from coordinator_server.application import COORDINATOR
from coordinator_server.backup import staging_place, write_backup

CHUNK = 2**18


async def send(request: web.Request) -> web.StreamResponse:
    """Send a backup of the store and the keys, made whole before its first byte goes out."""
    coordinator = request.app[COORDINATOR]
    directory = coordinator.config.directory
    with tempfile.TemporaryDirectory(dir=staging_place(directory), prefix=".backup-") as folder:
        path = Path(folder) / "backup.tar"
        async with coordinator.key_rotation.turn:
            await write_backup(coordinator.store, directory, path)
        notes = ["may-be-old"] if coordinator.store.in_doubt else []
        line = coordinator.audit.line("backup-made", actor="admin", address=client_address(request))
        if not await coordinator.audit.record_or_owe(line):
            notes.append("not-audited")
        with path.open("rb") as file:
            return await _send_file(request, file, notes)


async def _send_file(request: web.Request, file: BinaryIO, notes: Sequence[str]) -> web.StreamResponse:
    answer = web.StreamResponse(
        headers={
            "Content-Type": "application/octet-stream",
            "Content-Disposition": 'attachment; filename="rma-mesh-backup.tar"',
            "Cache-Control": "no-store",
        }
    )
    if notes:
        answer.headers[BACKUP_NOTES] = ",".join(notes)
    answer.content_length = os.fstat(file.fileno()).st_size
    await answer.prepare(request)
    while chunk := await asyncio.to_thread(file.read, CHUNK):
        await answer.write(chunk)
    await answer.write_eof()
    return answer
