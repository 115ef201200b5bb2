"""Keeps the mesh's private keys in the store, sealed under the operator's passphrase, and nothing of them on disk.

What stands in files of the data directory when the program starts is sealed into the store, read back, and only
then removed. While the program runs it holds the opened keys; the passphrase is read again only where somebody has
sealed the keys anew. One that fails then costs nothing but the ability to follow the next rotation, and is said.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from pathlib import Path

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from coordinator_server.enrolment.mesh_keyring import KEY as CHAIN_KEY
from coordinator_server.enrolment.mesh_keyring import KeptKeys
from coordinator_server.enrolment.passphrase import Derivation, Passphrase, new_derivation
from coordinator_server.enrolment.sealed_keys import (
    KEY,
    Keys,
    SealedKeys,
    WrongPassphraseError,
    open_keys,
    seal_keys,
)
from coordinator_server.keys import MESH_ENTRY, MESH_KEY_FILE, NEXT_KEY_FILE, MeshKeyFiles, MeshKeySafe
from coordinator_server.store.interface import ABSENT, Store, Versioned, Write
from node.program.errors import EXIT_USAGE, UserFacingError
from node.wire.mesh_keys import MeshKeys, MeshKeysError, founded, verified
from node.wire.problems import Problem

log = logging.getLogger(__name__)

TRIES = 20  # that others may be quicker than we


class StoreKeys:
    """The private keys of the mesh as `MeshKeySafe`; `open` comes first."""

    def __init__(self, store: Store, passphrase: Passphrase, directory: Path) -> None:
        """`directory` is where keys in files are looked for, to be sealed."""
        self.passphrase = passphrase
        self._store = store
        self._files = MeshKeyFiles(directory)
        self._derived: tuple[Derivation, bytes] | None = None
        self._version = ABSENT
        self._keys: Keys = {}
        self._trouble = ""

    @property
    def directory(self) -> Path:
        return self._files.directory

    @property
    def advice(self) -> str:
        """Say how a key gets here that is missing, in a sentence."""
        brought = self._files.directory / NEXT_KEY_FILE
        copy = (
            f"Copy mesh.key or {NEXT_KEY_FILE} of the coordinator that has it in a file to {brought}; it is sealed "
            "into the store from there."
        )
        return f"{self._trouble} {copy}" if self._trouble else copy

    async def open(self) -> Ed25519PrivateKey:
        """Open what is sealed, or seal what is in files, or make the mesh's first key; return the one that signs.

        Raise UserFacingError: a wrong passphrase, or the key that signs is nowhere.
        """
        for _ in range(TRIES):
            entry = await self._store.get(KEY)
            if entry is None:
                await self._seal_first()
                continue
            await self._unlock(entry)
            await self._adopt()
            known = await mesh_of(self._store)
            if known is not None and known.signing not in self._keys:
                raise UserFacingError("This coordinator cannot sign for its mesh.", self.advice)
            return self._keys[known.signing] if known is not None else next(iter(self._keys.values()))
        raise UserFacingError("The mesh's keys are being sealed by others all the time.", "Please try again.")

    async def read(self) -> Keys:
        """Return the keys as they are sealed now, with what was brought in files meanwhile."""
        entry = await self._store.get(KEY)
        if entry is not None and entry.version != self._version:
            try:
                await self._unlock(entry)
            except UserFacingError as error:
                if str(error) != self._trouble:
                    log.error("%s", error)
                self._trouble = str(error)
                return self._keys
        self._trouble = ""
        await self._adopt()
        return self._keys

    async def keep_next(self, key: Ed25519PrivateKey, signing: bytes) -> Sequence[Write]:
        """Return the write that has to go with whatever tells of a new key; raise a Problem."""
        entry = await self._store.get(KEY)
        if entry is not None and entry.version != self._version:
            try:
                await self._unlock(entry)
            except UserFacingError as error:
                raise Problem("conflict", str(error)) from None
        if signing not in self._keys:
            raise Problem("no-signing-key", self.advice)
        keys = {signing: self._keys[signing], key.public_key().public_bytes_raw(): key}
        return (await self._write(keys, ABSENT if entry is None else entry.version),)

    async def settle(self, public_key: bytes) -> None:
        """Forget all keys but the one that signs."""
        entry = await self._store.get(KEY)
        if entry is None:
            return
        sealed = decoded(entry)
        kept = tuple(one for one in sealed.keys if one.public_key == public_key)
        if kept and kept != sealed.keys:
            after = msgspec.json.encode(msgspec.structs.replace(sealed, keys=kept))
            await self._store.compare_and_set(KEY, entry.version, after)

    # --- what is sealed -------------------------------------------------------------------------------------------

    async def _unlock(self, entry: Versioned) -> None:
        sealed = decoded(entry)
        try:
            self._keys = open_keys(sealed, await self._derive(sealed.derivation))
        except WrongPassphraseError:
            self._derived = None
            raise wrong_passphrase(self.passphrase) from None
        self._version = entry.version

    async def _derive(self, derivation: Derivation) -> bytes:
        if self._derived is None or self._derived[0] != derivation:
            self._derived = (derivation, await derive(derivation, self.passphrase.read()))
        return self._derived[1]

    async def _write(self, keys: Keys, expected: int) -> Write:
        derivation = self._derived[0] if self._derived is not None else new_derivation()
        sealed = seal_keys(keys, derivation, await self._derive(derivation))
        return Write(KEY, msgspec.json.encode(sealed), expected)

    # --- what is in files -----------------------------------------------------------------------------------------

    async def _seal_first(self) -> None:
        """Seal what is in files, or of a mesh that begins now its first key; others may be quicker."""
        known, files = await mesh_of(self._store), await self._files.read()
        if known is None:
            key = next(iter(files.values()), None) or Ed25519PrivateKey.generate()
            public_key = key.public_key().public_bytes_raw()
            begun = Write(MESH_ENTRY, public_key, ABSENT)
            await self._store.commit([await self._write({public_key: key}, ABSENT), begun])
            return
        keys = {public_key: files[public_key] for public_key in known.accepted if public_key in files}
        if known.signing not in keys:
            raise UserFacingError(
                "The mesh's key is neither sealed in this store nor in a file here.",
                f"This mesh has begun without a passphrase, and {self._files.directory / MESH_KEY_FILE} does not "
                "hold the key that signs for it.",
                "Start the coordinator that has mesh.key with the passphrase first, or copy that file here.",
            )
        await self._store.commit([await self._write(keys, ABSENT)])

    async def _adopt(self) -> None:
        """Seal keys that were brought in files; remove the files of those that the store has now."""
        files = await self._files.read() if self._files.present() else {}
        known = await mesh_of(self._store) if files else None
        accepted = known.accepted if known is not None else ()
        fresh = {one: key for one, key in files.items() if one in accepted and one not in self._keys}
        if fresh:
            write = await self._write({**self._of(accepted), **fresh}, self._version)
            entry = await self._store.get(KEY) if await self._store.commit([write]) else None
            if entry is None:
                return  # somebody was quicker: at the next look
            await self._unlock(entry)
        if files:
            for name in await self._files.remove(self._keys):
                log.warning(
                    "%s was removed: the key is in the store now, sealed under the passphrase",
                    self._files.directory / name,
                )

    def _of(self, accepted: Sequence[bytes]) -> Keys:
        return {one: key for one, key in self._keys.items() if one in accepted}


async def open_safe(
    store: Store, passphrase: Passphrase, directory: Path
) -> tuple[MeshKeySafe, Ed25519PrivateKey | None]:
    """Return where the mesh's private keys are, and with a passphrase the one that signs; raise UserFacingError."""
    if passphrase:
        safe = StoreKeys(store, passphrase, directory)
        return safe, await safe.open()
    files = MeshKeyFiles(directory)
    if not files.present() and await store.get(KEY) is not None:
        raise UserFacingError(
            "The mesh's keys are sealed in this store under a passphrase, which is not given.",
            "",
            "Give --key-passphrase-file, or write the keys to files here with `rma-mesh-coordinator keys unseal`.",
            EXIT_USAGE,
        )
    return files, None


async def mesh_of(store: Store) -> MeshKeys | None:
    """Return the keys that count for the mesh of this store; None where it has none yet. Raise UserFacingError."""
    note, chain = await store.get(MESH_ENTRY), await store.get(CHAIN_KEY)
    if note is None:
        return None
    try:
        return founded(note.value) if chain is None else verified(_kept(chain).chain)
    except (msgspec.MsgspecError, MeshKeysError, ValueError) as error:
        raise _damaged(str(error)) from None


def _kept(entry: Versioned) -> KeptKeys:
    return msgspec.json.decode(entry.value, type=KeptKeys)


async def derive(derivation: Derivation, passphrase: bytes) -> bytes:
    """Derive the key in a thread, as it takes long; raise UserFacingError where there is too little memory."""
    try:
        return await asyncio.to_thread(derivation.derive, passphrase)
    except (MemoryError, ValueError):
        raise UserFacingError(
            "There is too little memory to open the mesh's keys.",
            f"Their passphrase needs {derivation.n * derivation.r * 128 // 2**20} MiB for a moment.",
            "Free some, or seal them anew on this computer with `rma-mesh-coordinator keys reseal`.",
        ) from None


def wrong_passphrase(passphrase: Passphrase) -> UserFacingError:
    return UserFacingError(
        f"The mesh's keys cannot be opened: {passphrase.source} is not the one that they were sealed with in this "
        "store, or somebody has changed them there.",
        hint=f"After `rma-mesh-coordinator keys reseal` only the new one opens them: {passphrase.remedy}.",
        exit_code=EXIT_USAGE,
    )


def decoded(entry: Versioned) -> SealedKeys:
    """Return what the store keeps; raise UserFacingError."""
    try:
        return msgspec.json.decode(entry.value, type=SealedKeys)
    except msgspec.MsgspecError as error:
        raise _damaged(str(error)) from None


def _damaged(why: str) -> UserFacingError:
    return UserFacingError(
        "The mesh's keys in the store cannot be used.",
        f"The system says: {why}.",
        "Restore a backup with `rma-mesh-coordinator restore FILE`.",
    )
