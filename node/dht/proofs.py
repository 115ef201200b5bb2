"""Proofs of ids: a node shows that the id it answers with is the one that follows from its credential.

A proof is the credential and an Ed25519 signature (RFC 8032) of the identity key over a context string, the id of
the request that it answers and the address that the request came from. The message id is random, so no proof is
good twice. The address is there because of a member in the middle: asked by Victor, Mallory could hand Victor's
message id on to Alice and pass her proof off as his own answer. But Alice signs the address that she saw, which is
Mallory's; Victor, who knows his own, refuses it. Were Mallory to forge Victor's address, Alice's answer would go to
Victor, from her own address. Where addresses may be translated Victor cannot know how others see him, so there they
are not compared, and a member in the middle could pass for another: one reason more to run the DHT in the overlay.
"""

from __future__ import annotations

import hashlib
import ipaddress
from collections import OrderedDict
from collections.abc import Callable
from typing import Protocol

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from node.dht.messages import Address, Proof, pack_ip
from node.dht.records import KEY_BYTES
from node.dht.verifier import RecordError, RecordVerifier
from node.wire.credentials import Credential

CONTEXT = b"rma-mesh dht proof v1\x00"
ID_CONTEXT = b"rma-mesh dht node v1\x00"
MOST_PROVED = 4096
SAME_NETWORK_BITS = {4: 16, 6: 48}  # within such a network nobody translates addresses


class ProofError(ValueError):
    """A proof that does not count; the text says why."""


def node_id_of(credential: Credential) -> bytes:
    """Return the 160-bit DHT id of a credential's holder: the holder made the key, the mesh the place."""
    return hashlib.sha256(ID_CONTEXT + credential.public_key + credential.place).digest()[:KEY_BYTES]


def make_proof(identity: Ed25519PrivateKey, credential: bytes, message_id: bytes, seen: Address) -> Proof:
    """Prove an id to the sender of a request that was seen to come from an address."""
    packed = pack_address(seen)
    return Proof(credential, packed, identity.sign(CONTEXT + message_id + packed))


def check_proof(
    proof: Proof, credential: Credential, node_id: bytes, message_id: bytes, own_address: Address | None
) -> None:
    """Raise ProofError unless the proof shows that the holder of a (verified) credential answered our request.

    `own_address` is where our request came from, or None where that cannot be known.
    """
    if node_id_of(credential) != node_id:
        raise ProofError(f"{credential.subject} claims the id of somebody else")
    if own_address is not None and proof.seen != pack_address(own_address):
        raise ProofError(f"the proof of {credential.subject} was made for somebody else")
    try:
        key = Ed25519PublicKey.from_public_bytes(credential.public_key)
        key.verify(proof.signature, CONTEXT + message_id + proof.seen)
    except (InvalidSignature, ValueError):
        raise ProofError(f"the proof was not signed by {credential.subject}") from None


def seen_from(own: Address | None, asked: Address) -> Address | None:
    """Return the address that a node must see us at, or None where it may be translated on the way.

    `own` is where our socket is bound, None where it is bound to every address.
    """
    if own is None:
        return None
    here, there = ipaddress.ip_address(own[0]), ipaddress.ip_address(asked[0])
    if here.version != there.version:
        return None
    if here.is_loopback or there.is_loopback:
        return own if here.is_loopback and there.is_loopback else None
    shift = here.max_prefixlen - SAME_NETWORK_BITS[here.version]
    return own if int(here) >> shift == int(there) >> shift else None


def pack_address(address: Address) -> bytes:
    """Return an IP address and a port as 6 or 18 bytes."""
    return pack_ip(address[0]) + address[1].to_bytes(2, "big")


class Prover(Protocol):
    """What a node needs to prove its own id and to know who has proved theirs."""

    def prove(self, message_id: bytes, seen: Address) -> Proof:
        """Prove our id to the sender of a request."""
        ...

    def check(
        self, node_id: bytes, address: Address, message_id: bytes, proof: Proof, own_address: Address | None
    ) -> Credential:
        """Remember that the node at this address has proved its id; raise ProofError where it has not."""
        ...

    def is_proved(self, node_id: bytes, address: Address) -> bool:
        """Tell whether the node at this address has proved its id and may still have it."""
        ...


class IdentityProver:
    """Proves with the node's own key; remembers at most `most` peers until their credentials end or are revoked."""

    def __init__(
        self,
        identity: Ed25519PrivateKey,
        credential: bytes,
        verifier: RecordVerifier,
        clock: Callable[[], float],
        most: int = MOST_PROVED,
    ) -> None:
        self.credential = credential
        self._identity = identity
        self._verifier = verifier
        self._clock = clock
        self._most = most
        self._proved: OrderedDict[tuple[bytes, Address], Credential] = OrderedDict()

    def __len__(self) -> int:
        return len(self._proved)

    def prove(self, message_id: bytes, seen: Address) -> Proof:
        return make_proof(self._identity, self.credential, message_id, seen)

    def check(
        self, node_id: bytes, address: Address, message_id: bytes, proof: Proof, own_address: Address | None
    ) -> Credential:
        try:
            credential = self._verifier.credential(proof.credential, self._clock())
        except RecordError as error:
            raise ProofError(str(error)) from None
        check_proof(proof, credential, node_id, message_id, own_address)
        self._proved[node_id, address] = credential
        if len(self._proved) > self._most:
            self._proved.popitem(last=False)
        return credential

    def is_proved(self, node_id: bytes, address: Address) -> bool:
        return self.credential_of(node_id, address) is not None

    def credential_of(self, node_id: bytes, address: Address) -> Credential | None:
        """Return the credential with which the node at this address has proved its id, while it counts."""
        credential = self._proved.get((node_id, address))
        if credential is None:
            return None
        try:
            self._verifier.check_credential(credential, self._clock())
        except RecordError:
            del self._proved[node_id, address]
            return None
        self._proved.move_to_end((node_id, address))
        return credential
