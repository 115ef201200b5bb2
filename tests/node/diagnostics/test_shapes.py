"""Random letters and words are told apart."""

from __future__ import annotations

import random
import string

import pytest

from node.diagnostics.shapes import SEPARATORS, SHORTEST_RANDOM, is_invite, is_random
from node.wire.encoding import b64encode


def test_random_letters_are_found() -> None:
    rng = random.Random(3)
    assert all(is_random(b64encode(rng.randbytes(32))) for _ in range(2000))
    base36 = "".join(rng.choice("abcdefghijklmnopqrstuvwxyz0123456789") for _ in range(64))
    assert is_random(base36)


@pytest.mark.parametrize(
    "words",
    [
        "/usr/lib/python3/dist-packages/cryptography/hazmat",
        "the-computer-in-the-back-room-of-the-office",
        "installations/2026/november/21/reports",
        "x86_64-unknown-linux-gnu-debug",
        "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
        "short1A",
        "ClientConnectionResetError",
        "error=ClientConnectorCertificateError",
        "HTTPRequestEntityTooLarge",
        "ConnectionResetByPeerError",
        "",
    ],
)
def test_words_and_paths_are_not_random(words: str) -> None:
    assert not is_random(words)


def test_letters_that_are_no_words_stay_random_though_they_have_capitals() -> None:
    rng, letters = random.Random(4), string.ascii_letters
    keys = [b64encode(rng.randbytes(24)) for _ in range(20_000)]
    whole = [key for key in keys if len(key.translate(SEPARATORS)) >= SHORTEST_RANDOM]
    assert sum(not is_random(key) for key in whole) <= 3
    tokens = ["".join(rng.choices(letters, k=24)) for _ in range(20_000)]
    assert sum(not is_random(token) for token in tokens) <= 0.02 * len(tokens), "letters only, and few of them"
    assert is_random("XkqrtBvnsdGhwlmPzrtcKdsfg"), "capitals like a name's, but nobody can speak it"
    assert is_random("ClientConnectionResetError7aB3"), "a name and more"


def test_prose_is_no_invite() -> None:
    assert not is_invite("rma mesh is a program that lets computers help")
    assert is_invite("rma abcd2 efgh3")
