"""Takes back what a node made in a data directory that never joined a mesh: keys, in whatever place keeps them."""

from __future__ import annotations

import asyncio
import logging
from pathlib import Path

from node.identity.keys import delete_identity, read_note
from node.identity.membership import has_membership
from node.identity.nebula_key import delete_nebula_key
from node.program.data_dir import hold_data_dir
from node.program.errors import UserFacingError

PROGRAM = "rma-mesh-node"
log = logging.getLogger(__name__)


async def forget_unused_keys(data_dir: Path) -> bool:
    """Delete the keys that a node made here and no mesh knows; return whether there are none of them left.

    Nothing is touched while a node runs, beside a membership, or where somebody provided the key.
    """
    if not await asyncio.to_thread(data_dir.is_dir):
        return True
    try:
        with hold_data_dir(data_dir, PROGRAM):
            if await asyncio.to_thread(has_membership, data_dir):
                return False
            note = await asyncio.to_thread(read_note, data_dir)
            if note is None or not note.made:
                return note is None
            await delete_nebula_key(data_dir, use_keyring=note.stored == "keyring")
            await delete_identity(data_dir)
            return True
    except (OSError, UserFacingError) as error:
        log.warning("unused keys are left in %s: %s", data_dir, error)
        return False
