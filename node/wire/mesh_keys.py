"""The keys of a mesh, from the founding one on: who may sign for it now, and how one key hands over to the next.

A handover says "from now on `new` too", signed by the old key and by the new one. Whoever knows any key of the
chain follows it forwards from there, and never back: once a handover is known, no other successor of the same key
is taken. A rotation has the phases of `Phase`: in `spreading` the new key is accepted and the old one signs, in
`replacing` the new one signs, and with `steady` the old one is accepted no more.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Literal, Protocol

import msgspec

from node.wire.encoding import fingerprint
from node.wire.signatures import WrongSignatureError, check_signature, key_of

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

CONTEXT = b"rma-mesh handover v1\x00"
MOST_HANDOVERS = 64
STEPS = 3  # of a rotation

Phase = Literal["steady", "spreading", "replacing"]
PublicKey = Annotated[bytes, msgspec.Meta(min_length=32, max_length=32)]
Signature = Annotated[bytes, msgspec.Meta(min_length=64, max_length=64)]


class MeshKeysError(ValueError):
    """A chain of keys that cannot be believed; the text says why."""


class Handover(msgspec.Struct, frozen=True, kw_only=True):
    """One key hands over to the next; the first handover has the number 1."""

    number: Annotated[int, msgspec.Meta(ge=1, le=MOST_HANDOVERS)]
    old: PublicKey
    new: PublicKey
    by_old: Signature
    by_new: Signature


class KeyChain(msgspec.Struct, frozen=True, kw_only=True):
    """What somebody says of a mesh's keys, on the wire or in a file: not believed before it is verified."""

    founding: PublicKey
    handovers: Annotated[tuple[Handover, ...], msgspec.Meta(max_length=MOST_HANDOVERS)] = ()
    phase: Phase = "steady"


class SigningKey(Protocol):
    """A private Ed25519 key of the mesh, or what stands for the one that signs at this moment."""

    def sign(self, data: bytes, /) -> bytes: ...

    def public_key(self) -> Ed25519PublicKey: ...

    def private_bytes_raw(self) -> bytes: ...


@dataclass(frozen=True, slots=True)
class MeshKeys:
    """A chain that was verified: made by `founded`, `verified` and the methods here, and never otherwise."""

    chain: KeyChain

    @property
    def founding(self) -> bytes:
        return self.chain.founding

    @property
    def every(self) -> tuple[bytes, ...]:
        """All keys there were, the founding one first: number 0."""
        return (self.chain.founding, *(handover.new for handover in self.chain.handovers))

    @property
    def accepted(self) -> tuple[bytes, ...]:
        """The keys whose signatures count now, one or two, the newest first."""
        return self.every[:-2:-1] if self.chain.phase == "steady" else self.every[:-3:-1]

    @property
    def signing(self) -> bytes:
        """The key that coordinators sign with now."""
        return self.every[self.number]

    @property
    def number(self) -> int:
        """The number of the key that coordinators sign with now."""
        return len(self.chain.handovers) - (self.chain.phase == "spreading")

    @property
    def progress(self) -> int:
        """How far the mesh is, in steps of rotations: it never falls."""
        missing = {"spreading": 2, "replacing": 1, "steady": 0}[self.chain.phase]
        return STEPS * len(self.chain.handovers) - missing

    @property
    def phase(self) -> Phase:
        return self.chain.phase

    def follow(self, told: KeyChain) -> MeshKeys:
        """Return the newer one of what we know and what we are told; raise MeshKeysError for what contradicts us.

        The phase has no signature of its own: what we are told must be signed by its `signing` key besides.
        """
        if told.founding != self.founding:
            raise MeshKeysError("it is another mesh's chain of keys")
        for ours, theirs in zip(self.chain.handovers, told.handovers, strict=False):
            if (ours.old, ours.new) != (theirs.old, theirs.new):
                raise MeshKeysError(f"it names another successor of key {ours.number - 1} than the one we know")
        newer = _verified(told, len(self.chain.handovers))
        return newer if newer.progress > self.progress else self

    def check_answer(self, signature: bytes, data: bytes) -> None:
        """Raise WrongSignatureError unless the key signed it that signs now: no older one speaks for the mesh."""
        check_signature(key_of(self.signing), signature, data)

    def number_of(self, pinned: bytes) -> int:
        """Return the number of the key with this fingerprint; raise MeshKeysError where there is none."""
        for number, key in enumerate(self.every):
            if fingerprint(key) == pinned:
                return number
        raise MeshKeysError("it is not the mesh that is pinned")

    def begin(self, old: SigningKey, new: SigningKey) -> MeshKeys:
        """Hand over to a new key: the rotation's first step; raise MeshKeysError where that cannot be."""
        number = len(self.chain.handovers) + 1
        if self.phase != "steady" or number > MOST_HANDOVERS:
            raise MeshKeysError("no rotation can begin now")
        handover = sign_handover(self.founding, number, old, new)
        told = KeyChain(founding=self.founding, handovers=(*self.chain.handovers, handover), phase="spreading")
        return self.follow(told)

    def onwards(self) -> MeshKeys:
        """Take the rotation's next step: the new key signs, then the old one is retired."""
        if self.phase == "steady":
            raise MeshKeysError("no rotation runs")
        after: Phase = "replacing" if self.phase == "spreading" else "steady"
        return MeshKeys(msgspec.structs.replace(self.chain, phase=after))


def founded(public_key: bytes) -> MeshKeys:
    """Return the keys of a mesh that has never changed its first one."""
    return MeshKeys(KeyChain(founding=public_key))


def verified(chain: KeyChain) -> MeshKeys:
    """Verify every handover; raise MeshKeysError. Whether the founding key is the right one, the caller knows."""
    return _verified(chain, 0)


def sign_handover(founding: bytes, number: int, old: SigningKey, new: SigningKey) -> Handover:
    """Sign with both keys that the one hands over to the other."""
    keys = tuple(key.public_key().public_bytes_raw() for key in (old, new))
    said = _said(founding, number, *keys)
    return Handover(number=number, old=keys[0], new=keys[1], by_old=old.sign(said), by_new=new.sign(said))


def _verified(chain: KeyChain, known: int) -> MeshKeys:
    """Verify all handovers but the first `known`, whose keys the caller has compared."""
    seen = [chain.founding]
    if chain.phase != "steady" and not chain.handovers:
        raise MeshKeysError("it tells of a rotation without a handover")
    for number, handover in enumerate(chain.handovers, 1):
        if handover.number != number or handover.old != seen[-1] or handover.new in seen:
            raise MeshKeysError(f"its handover {number} does not follow from the ones before")
        if number > known:
            _check_signatures(chain.founding, handover)
        seen.append(handover.new)
    return MeshKeys(chain)


def _check_signatures(founding: bytes, handover: Handover) -> None:
    said = _said(founding, handover.number, handover.old, handover.new)
    try:
        check_signature(key_of(handover.old), handover.by_old, said)
        check_signature(key_of(handover.new), handover.by_new, said)
    except ValueError:
        raise MeshKeysError(f"its handover {handover.number} was not signed by both keys") from None


def _said(founding: bytes, number: int, old: bytes, new: bytes) -> bytes:
    return CONTEXT + msgspec.msgpack.encode((founding, number, old, new))


class MeshTrust:
    """The mesh's keys as verifiers look at them: `keys` may be replaced at any time, and counts from then on."""

    def __init__(self, keys: MeshKeys) -> None:
        self.keys = keys

    @property
    def keys(self) -> MeshKeys:
        return self._keys

    @keys.setter
    def keys(self, keys: MeshKeys) -> None:
        self._keys = keys
        self._accepted = tuple((fingerprint(key), key_of(key)) for key in keys.accepted)
        self._ids = frozenset(mesh_id for mesh_id, _ in self._accepted)

    def verify(self, signature: bytes, data: bytes) -> bytes:
        """Return the fingerprint of the accepted key that signed; raise WrongSignatureError where none did."""
        for mesh_id, key in self._accepted:
            try:
                check_signature(key, signature, data)
            except WrongSignatureError:
                continue
            return mesh_id
        raise WrongSignatureError("no key of this mesh has signed it")

    def accepts(self, mesh_id: bytes) -> bool:
        """Say whether what the key with this fingerprint has signed still counts."""
        return mesh_id in self._ids


def trust_in(keys: MeshTrust | Ed25519PublicKey) -> MeshTrust:
    """Return the trust in a mesh that is known by one key alone, or the trust that is given."""
    return keys if isinstance(keys, MeshTrust) else MeshTrust(founded(keys.public_bytes_raw()))
