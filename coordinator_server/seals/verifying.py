"""Reads a whole audit log with its seals, from a store or from a backup's file, and has it checked."""

from __future__ import annotations

import asyncio
import contextlib
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import msgspec

from coordinator_server.backup import unpack_database
from coordinator_server.enrolment import mesh_keyring
from coordinator_server.keys import MESH_ENTRY
from coordinator_server.seals.checking import Check, Expected, Finding
from coordinator_server.seals.sealer import LAST, PREFIX, lines_of, number_of
from coordinator_server.store.interface import Store
from coordinator_server.store.sqlite import FILE_NAME, open_sqlite
from node.program.errors import UserFacingError
from node.wire.mesh_keys import MeshKeys, MeshKeysError, founded, verified

PAGE = 5000  # lines


async def verify(
    store: Store, keys: MeshKeys, clock: Callable[[], float], expected: Expected | None = None
) -> Finding:
    """Check the audit log of a store against its seals and, where one is given, a mark from earlier."""
    count = await store.get(LAST)
    seals = [entry.value for _, entry in await store.list(PREFIX)]
    newest = await store.audit(1)  # after the seals, so that no line of theirs is missing
    last = newest[0].number if newest else 0
    check = Check(seals, keys, expected)
    for start in range(1, last + 1, PAGE):
        lines = await lines_of(store, start, min(last, start + PAGE - 1))
        if not await asyncio.to_thread(check.take, lines):
            break
    finding = await asyncio.to_thread(check.finish, clock())
    said = number_of(count.value) if count is not None else 0
    if finding.holds and said is None:
        text = "What the store says of how many seals were made cannot be read: somebody has changed it."
        return msgspec.structs.replace(finding, holds=False, text=text)
    if finding.holds and said is not None and said > len(seals):
        text = f"Seals were taken away: {said} were made, and {len(seals)} are there."
        return msgspec.structs.replace(finding, holds=False, text=text, seal=len(seals) + 1)
    return finding


async def verify_backup(file: Path, expected: Expected | None = None) -> Finding:
    """Check the audit log in a backup, or in a database that no coordinator uses; raise UserFacingError."""
    with tempfile.TemporaryDirectory(prefix="rma-mesh-audit-") as name:
        database = Path(name) / FILE_NAME
        own_key = unpack_database(file, database)
        store = await open_sqlite(database)
        try:
            keys = await _keys_in(store, own_key, file)
            newest = await store.audit(1)
            moment = newest[0].time if newest else time.time()
            return await verify(store, keys, lambda: moment, expected)
        finally:
            await store.close()


async def _keys_in(store: Store, own_key: bytes | None, file: Path) -> MeshKeys:
    """Return the mesh's keys by which seals in a backup count: the chain that its own key belongs to."""
    entry, note = await store.get(mesh_keyring.KEY), await store.get(MESH_ENTRY)
    with contextlib.suppress(MeshKeysError, msgspec.MsgspecError):
        if entry is not None:
            keys = verified(msgspec.json.decode(entry.value, type=mesh_keyring.KeptKeys).chain)
        elif note is not None and len(note.value) == len(bytes(32)):
            keys = founded(note.value)
        else:
            return founded(own_key or bytes(32))
        if own_key is None or own_key in keys.every:
            return keys
    raise UserFacingError(
        f"The audit log in {file} cannot be verified.",
        "The keys of the mesh that its database tells of are not those of the mesh key beside it.",
    )
