"""A sealed secret opens with the same mesh key for the same purpose, and with nothing else."""

from __future__ import annotations

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from coordinator_server.enrolment.sealing import SealError, seal, unseal

KEY, OTHER = (Ed25519PrivateKey.from_private_bytes(bytes([number]) * 32) for number in (1, 2))


def test_what_was_sealed_is_opened_and_not_seen() -> None:
    sealed = seal(KEY, b"a purpose", b"a secret of 32 bytes or something")
    assert unseal(KEY, b"a purpose", sealed) == b"a secret of 32 bytes or something"
    assert b"secret" not in sealed
    assert seal(KEY, b"a purpose", b"x") != seal(KEY, b"a purpose", b"x"), "one cannot see that two are the same"


@pytest.mark.parametrize(
    ("key", "purpose", "spoil"),
    [
        (OTHER, b"a purpose", lambda sealed: sealed),
        (KEY, b"another", lambda sealed: sealed),
        (KEY, b"a purpose", lambda sealed: sealed[:-1]),
        (KEY, b"a purpose", lambda sealed: bytes([sealed[0] ^ 1]) + sealed[1:]),
        (KEY, b"a purpose", lambda sealed: b""),
    ],
)
def test_everything_else_is_refused(key: Ed25519PrivateKey, purpose: bytes, spoil: object) -> None:
    assert callable(spoil)
    with pytest.raises(SealError):
        unseal(key, purpose, spoil(seal(KEY, b"a purpose", b"secret")))
