"""The mesh's keys as this coordinator holds them: the chain is in the store, the private keys are in a safe.

That is files, or the store under a passphrase. A new private key is in its safe before the store tells of it, or
with that, and whatever the store says about the keys changes in one commit: a coordinator that is killed at any
moment starts again where it was, or one step on. It signs with the key that is to sign now, or not at all.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from coordinator_server.enrolment.certificates import resealing
from coordinator_server.keys import MESH_ENTRY, MeshKeySafe, Secrets, check_mesh
from coordinator_server.store.interface import ABSENT, AuditLine, Store, Versioned, Write
from node.program.errors import UserFacingError
from node.wire.encoding import fingerprint
from node.wire.mesh_keys import KeyChain, MeshKeys, MeshKeysError, MeshTrust, founded, verified
from node.wire.messages import UNREADABLE
from node.wire.problems import Problem

log = logging.getLogger(__name__)

KEY = "mesh-keys"
PLACES_KEY = "places"  # of workers that were enrolled when places were derived from the founding key


class KeptKeys(msgspec.Struct, frozen=True, kw_only=True):
    """The chain as the store keeps it; `since` is when its last step was taken (Unix seconds)."""

    chain: KeyChain
    since: float


class MeshKeyring:
    """Signs as the mesh (`node.wire.mesh_keys.SigningKey`); `load` comes first, and again to see what others did.

    `trust` is what verifiers look at; `changed` is called when the keys are others than before.
    """

    def __init__(self, store: Store, secrets: Secrets, safe: MeshKeySafe) -> None:
        self._store = store
        self._secrets = secrets
        self._safe = safe
        self._version = ABSENT
        self._private: Mapping[bytes, Ed25519PrivateKey] = {}
        self.since = 0.0
        self.places: Mapping[str, bytes] = {}
        self.trust = MeshTrust(founded(secrets.mesh_public_key))
        self.changed: Callable[[], None] = lambda: None

    @property
    def keys(self) -> MeshKeys:
        return self.trust.keys

    @property
    def chain(self) -> KeyChain | None:
        """What members are told: nothing as long as the founding key is the only one."""
        return self.keys.chain if self.keys.progress else None

    # --- signing ----------------------------------------------------------------------------------------------

    @property
    def lacking(self) -> str:
        """Say what is missing here, in sentences; empty where nothing is."""
        missing = next((key for key in (self.keys.signing, self.keys.every[-1]) if key not in self._private), None)
        return "" if missing is None else _lacking(self.keys, missing, self._safe)

    @property
    def can_sign(self) -> bool:
        return self.keys.signing in self._private

    def sign(self, data: bytes, /) -> bytes:
        return self._signing().sign(data)

    def public_key(self) -> Ed25519PublicKey:
        return Ed25519PublicKey.from_public_bytes(self.keys.signing)

    def private_bytes_raw(self) -> bytes:
        return self._signing().private_bytes_raw()

    def _signing(self) -> Ed25519PrivateKey:
        key = self._private.get(self.keys.signing)
        if key is None:
            raise Problem("no-signing-key", self.lacking)
        return key

    # --- what there is ----------------------------------------------------------------------------------------

    async def open(self) -> None:
        """Read what there is when the program starts; raise UserFacingError where we could not sign with it."""
        if await self._store.get(KEY) is None:
            await check_mesh(self._store, self._secrets, self._safe.directory)
        await self.load()
        if not self.can_sign:
            raise UserFacingError("This coordinator cannot sign for its mesh.", self.lacking)
        if self.lacking:
            log.warning("%s", self.lacking)

    async def load(self) -> None:
        """See what the store and the files say now."""
        entry, note = await self._store.get(KEY), await self._store.get(MESH_ENTRY)
        if entry is not None and entry.version != self._version:
            await self._take(entry, note)
            places = await self._store.get(PLACES_KEY)
            self.places = {} if places is None else _places(places)
        if not self._private or self.lacking:  # somebody may have brought the file meanwhile
            self._private = await self._safe.read()
        if self.keys.phase == "steady" and self.can_sign:
            await self._safe.settle(self.keys.signing)

    async def _take(self, entry: Versioned, note: Versioned | None) -> None:
        try:
            kept = msgspec.json.decode(entry.value, type=KeptKeys)
            keys = verified(kept.chain)
            if note is None or note.value != keys.founding:
                raise MeshKeysError("they are another mesh's")
        except (*UNREADABLE, MeshKeysError) as error:
            raise _unusable(KEY, error) from None
        private = await self._safe.read()  # before anybody looks at the chain: what signs by it must be there
        before = self.trust.keys
        if keys.founding == before.founding and keys.progress < before.progress:
            return  # another look was quicker
        self.trust.keys, self._private = keys, private
        self._version, self.since = entry.version, kept.since
        if keys != before:
            self.changed()

    # --- rotation ---------------------------------------------------------------------------------------------

    async def begin(self, now: float, line: AuditLine, also: Sequence[Write] = ()) -> bool:
        """Hand over to a new key; return False where another coordinator was quicker."""
        old, new = self._signing(), Ed25519PrivateKey.generate()
        try:
            after = self.keys.begin(old, new)
        except MeshKeysError:
            raise Problem("conflict", "This mesh has changed its key so often that it cannot once more.") from None
        kept = await self._safe.keep_next(new, self.keys.signing)
        return await self._commit(after, now, line, (*kept, *also))

    async def onwards(self, now: float, line: AuditLine) -> bool:
        """Have the new key sign, and seal what the old one has sealed; then retire the old one.

        Return False where another coordinator was quicker.
        """
        after = self.keys.onwards()
        new = self._private.get(after.signing)
        if new is None:
            raise Problem("no-signing-key", self.lacking)
        try:
            also = await resealing(self._store, self._signing(), new) if after.phase == "replacing" else ()
        except Problem:
            entry = await self._store.get(KEY)
            if entry is None or entry.version == self._version:
                raise
            await self.load()  # another one has sealed it meanwhile with the key that signs from now on
            return False
        return await self._commit(after, now, line, also)

    async def _commit(self, after: MeshKeys, now: float, line: AuditLine, also: Sequence[Write]) -> bool:
        kept = msgspec.json.encode(KeptKeys(chain=after.chain, since=now))
        done = await self._store.commit([Write(KEY, kept, self._version), *also], [line])
        await self.load()
        return done


def _places(entry: Versioned) -> dict[str, bytes]:
    try:
        return msgspec.json.decode(entry.value, type=dict[str, bytes])
    except msgspec.MsgspecError as error:
        raise _unusable(PLACES_KEY, error) from None


def _unusable(row: str, error: Exception) -> UserFacingError:
    return UserFacingError(
        "The mesh's keys in the store cannot be used.",
        f"Its row {row!r} is bad: {error}.",
        "Restore a backup with `rma-mesh-coordinator restore FILE`.",
    )


def _lacking(keys: MeshKeys, missing: bytes, safe: MeshKeySafe) -> str:
    signs = "signs" if missing == keys.signing else "is to sign soon"
    name = f"number {keys.every.index(missing)} ({fingerprint(missing).hex()[:16]})"
    return f"It lacks the mesh's key {name}, which {signs}. {safe.advice}"
