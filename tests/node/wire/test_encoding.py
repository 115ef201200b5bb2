from __future__ import annotations

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from node.wire.encoding import b64decode, b64encode, fingerprint


@given(st.binary(max_size=200))
def test_bytes_come_back_from_text_that_fits_into_urls(data: bytes) -> None:
    text = b64encode(data)
    assert b64decode(text) == data
    assert set(text) <= set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_")


@pytest.mark.parametrize("text", ["a", "A" * 5, "ab+/", "a b c", "ab\n", "äöü", "\ud800", "====", "a=bc"])
def test_what_is_not_base64url_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="base64url"):
        b64decode(text)


@given(st.text(max_size=50))
def test_any_text_is_decoded_or_refused(text: str) -> None:
    try:
        assert isinstance(b64decode(text), bytes)
    except ValueError as error:
        assert "base64url" in str(error)


def test_a_fingerprint_is_the_first_half_of_sha256() -> None:
    key = bytes(range(32))
    assert fingerprint(key) == hashlib.sha256(key).digest()[:16]
