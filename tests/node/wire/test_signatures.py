"""A signature is its key's over these bytes and no others; who only reads messages loads nothing to check any."""

from __future__ import annotations

import subprocess
import sys

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from node.wire.signatures import WrongSignatureError, check_signature, key_of

KEY = Ed25519PrivateKey.from_private_bytes(bytes(32))
READERS = "import sys, node.state, node.wire.messages; print('cryptography' in sys.modules)"


def test_only_what_was_signed_passes() -> None:
    key = key_of(KEY.public_key().public_bytes_raw())
    signature = KEY.sign(b"this")
    check_signature(key, signature, b"this")
    for wrong, data in ((signature, b"that"), (signature[:-1], b"this"), (b"", b"this"), (bytes(64), b"this")):
        with pytest.raises(WrongSignatureError):
            check_signature(key, wrong, data)
    with pytest.raises(ValueError):
        key_of(b"short")


def test_who_only_reads_messages_does_not_load_cryptography() -> None:
    done = subprocess.run([sys.executable, "-c", READERS], capture_output=True, text=True, check=True, timeout=120)
    assert done.stdout.strip() == "False"
