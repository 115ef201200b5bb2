"""Keys under a passphrase: opened by it alone, and whoever can change the store can put nothing in their place."""

from __future__ import annotations

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from coordinator_server.enrolment.passphrase import new_derivation
from coordinator_server.enrolment.sealed_keys import MOST, SealedKeys, WrongPassphraseError, open_keys, seal_keys

DERIVED, OTHER = b"d" * 32, b"e" * 32
DERIVATION = new_derivation(0)


def new_keys(number: int = 2) -> dict[bytes, Ed25519PrivateKey]:
    made = [Ed25519PrivateKey.generate() for _ in range(number)]
    return {key.public_key().public_bytes_raw(): key for key in made}


def test_what_was_sealed_is_opened_by_the_same_key_alone() -> None:
    keys = new_keys()
    encoded = msgspec.json.encode(seal_keys(keys, DERIVATION, DERIVED))
    sealed = msgspec.json.decode(encoded, type=SealedKeys)
    opened = open_keys(sealed, DERIVED)
    assert {name: key.private_bytes_raw() for name, key in opened.items()} == {
        name: key.private_bytes_raw() for name, key in keys.items()
    }
    assert sealed.public_keys == tuple(keys)
    assert not any(key.private_bytes_raw() in encoded for key in keys.values())
    assert seal_keys(keys, DERIVATION, DERIVED).keys[0].sealed != sealed.keys[0].sealed, "with a nonce of its own"
    with pytest.raises(WrongPassphraseError):
        open_keys(sealed, OTHER)


def test_one_key_cannot_be_put_into_anothers_place_nor_a_bit_changed() -> None:
    sealed = seal_keys(new_keys(), DERIVATION, DERIVED)
    one, two = sealed.keys
    swapped = msgspec.structs.replace(one, public_key=two.public_key)
    turned = msgspec.structs.replace(one, sealed=one.sealed[:-1] + bytes([one.sealed[-1] ^ 1]))
    for wrong in (swapped, turned):
        with pytest.raises(WrongPassphraseError):
            open_keys(msgspec.structs.replace(sealed, keys=(wrong, two)), DERIVED)


def test_a_key_under_a_name_that_is_not_its_own_is_refused() -> None:
    (name, _), (_, key) = new_keys().items()
    with pytest.raises(WrongPassphraseError, match="not the one that it is said to be"):
        open_keys(seal_keys({name: key}, DERIVATION, DERIVED), DERIVED)


def test_a_record_holds_at_least_one_key_and_not_many() -> None:
    for number in (0, MOST + 1):
        encoded = msgspec.json.encode(seal_keys(new_keys(number), DERIVATION, DERIVED))
        with pytest.raises(msgspec.ValidationError):
            msgspec.json.decode(encoded, type=SealedKeys)
