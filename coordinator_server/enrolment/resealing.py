"""What an operator does with the sealed keys of the mesh, while coordinators run or not: seal anew, write to files.

Both work on the store alone. Coordinators that run hold the opened keys and serve on; they read the passphrase
again before the next rotation.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path

import msgspec

from coordinator_server.audit import Audit
from coordinator_server.enrolment.passphrase import Passphrase, new_derivation
from coordinator_server.enrolment.sealed_keys import (
    KEY,
    Keys,
    SealedKeys,
    WrongPassphraseError,
    open_keys,
    seal_keys,
)
from coordinator_server.enrolment.store_keys import decoded, derive, mesh_of, wrong_passphrase
from coordinator_server.keys import MESH_KEY_FILE, NEXT_KEY_FILE, MeshKeyFiles
from coordinator_server.store.interface import Store, Versioned, Write
from node.program.errors import EXIT_USAGE, UserFacingError

TRIES = 5


@dataclasses.dataclass(frozen=True, slots=True)
class Resealed:
    """How many keys are sealed with the new passphrase, and how much memory it takes to open them (bytes)."""

    keys: int
    memory: int


async def reseal(store: Store, old: Passphrase, new: Passphrase, audit: Audit) -> Resealed:
    """Seal all keys anew; the old passphrase opens them no more. Raise UserFacingError."""
    opened_with, passphrase = old.read(), new.read()
    for _ in range(TRIES):
        entry, sealed = await _sealed(store)
        keys = await _opened(sealed, old, opened_with)
        derivation = new_derivation()
        fresh = seal_keys(keys, derivation, await derive(derivation, passphrase))
        write = Write(KEY, msgspec.json.encode(fresh), entry.version)
        if await store.commit([write], [audit.line("mesh-keys-resealed", actor="operator")]):
            return Resealed(len(keys), derivation.n * derivation.r * 128)
    raise UserFacingError("The mesh's keys are being changed by a rotation at this moment.", "Please try again.")


async def unseal(
    store: Store, passphrase: Passphrase, directory: Path, audit: Audit, *, remove: bool
) -> Sequence[str]:
    """Write the keys that count to files of a data directory; with `remove` the store keeps them no more.

    Return the names of the files; raise UserFacingError, also where other keys are in such files.
    """
    entry, sealed = await _sealed(store)
    keys = await _opened(sealed, passphrase, passphrase.read())
    known, files = await mesh_of(store), MeshKeyFiles(directory)
    accepted = known.accepted[::-1] if known is not None else sealed.public_keys[:1]
    wanted = [one for one in accepted if one in keys]
    if known is not None and known.signing not in wanted:
        raise UserFacingError(
            "The store does not have the key that signs for this mesh.",
            "A rotation has replaced those that are sealed there.",
            "Copy mesh.key of the coordinator that has it in a file.",
        )
    foreign = set(await files.read()) - set(accepted)
    if foreign:
        raise UserFacingError(
            f"A file of {directory} holds a key that is not one of this mesh now.",
            "Nothing was changed.",
            f"Move {MESH_KEY_FILE} and {NEXT_KEY_FILE} of that directory elsewhere, if nobody needs them.",
        )
    names = (MESH_KEY_FILE, NEXT_KEY_FILE)[: len(wanted)]
    for name, public_key in zip(names, wanted, strict=True):
        files.write(name, keys[public_key])
    done = audit.line("mesh-keys-unsealed", actor="operator", detail="and removed" if remove else "")
    if not await store.commit([Write(KEY, None, entry.version)] if remove else [], [done]):
        raise UserFacingError("The sealed keys were changed by others at this moment.", "Please try again.")
    return names


async def _sealed(store: Store) -> tuple[Versioned, SealedKeys]:
    entry = await store.get(KEY)
    if entry is None:
        raise UserFacingError(
            "No keys are sealed in this store.",
            "",
            "Start a coordinator with --key-passphrase-file: it seals those of its data directory.",
            EXIT_USAGE,
        )
    return entry, decoded(entry)


async def _opened(sealed: SealedKeys, passphrase: Passphrase, text: bytes) -> Keys:
    try:
        return open_keys(sealed, await derive(sealed.derivation, text))
    except WrongPassphraseError:
        raise wrong_passphrase(passphrase) from None
