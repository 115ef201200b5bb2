"""A signature is for one request of one token, and for nothing that can be made to look like it."""

from __future__ import annotations

import itertools

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from node.wire.signed_requests import What, is_signed, sign_request

KEY = Ed25519PrivateKey.generate()
PUBLIC = KEY.public_key().public_bytes_raw()
REQUESTS: tuple[What, ...] = ("register", "renew", "leave")


def test_another_request_token_or_body_needs_another_signature() -> None:
    asked = list(itertools.product(REQUESTS, ("a.b.c", "a.b.d"), (b"{}", b'{"x":1}')))
    for made, wanted in itertools.product(asked, asked):
        assert is_signed(sign_request(KEY, *made, "n"), PUBLIC, *wanted) == (made == wanted)


def test_another_nonce_is_another_signature_and_only_its_own_fits() -> None:
    one, two = (sign_request(KEY, "renew", "t", b"{}", nonce) for nonce in ("n1", "n2"))
    assert one != two
    assert not is_signed("n2." + one.partition(".")[2], PUBLIC, "renew", "t", b"{}")


def test_another_key_counts_for_nothing() -> None:
    signature = sign_request(Ed25519PrivateKey.generate(), "renew", "t", b"{}", "n")
    assert not is_signed(signature, PUBLIC, "renew", "t", b"{}")


@pytest.mark.parametrize(
    "text", ["", ".", "n", "n.", ".AAAA", "n.!", "n." + "A" * 86, "n" * 200 + ".A", "\u00e9.A", "\udcff.A"]
)
def test_nonsense_is_no_signature(text: str) -> None:
    assert not is_signed(text, PUBLIC, "renew", "t", b"{}")
    assert not is_signed(sign_request(KEY, "renew", "t", b"{}", "n"), b"short", "renew", "t", b"{}")
