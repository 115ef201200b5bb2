"""Addresses have one form, and a proof is for one worker, one address and one nonce."""

from __future__ import annotations

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from node.wire.entry_points import clean_url, is_plain, is_proof, sign_challenge

URL, NONCE = "https://worker.example.org", "n" * 32


@pytest.mark.parametrize(
    ("given", "clean"),
    [
        ("https://Worker.Example.ORG/", "https://worker.example.org"),
        ("https://worker.example.org:443", "https://worker.example.org"),
        ("https://worker.example.org:8443", "https://worker.example.org:8443"),
        ("HTTPS://four-words.trycloudflare.com", "https://four-words.trycloudflare.com"),
        ("http://8.8.8.8", "http://8.8.8.8"),
        ("http://8.8.8.8:80/", "http://8.8.8.8"),
        ("http://8.8.8.8:8000", "http://8.8.8.8:8000"),
        ("https://8.8.8.8", "https://8.8.8.8"),
        ("http://[2606:4700:0:0::1111]:8000", "http://[2606:4700::1111]:8000"),
        ("https://xn--bcher-kva.example.org", "https://xn--bcher-kva.example.org"),
    ],
)
def test_an_address_has_one_form(given: str, clean: str) -> None:
    assert clean_url(given) == clean == clean_url(clean)
    assert is_plain(clean) == clean.startswith("http:")


@pytest.mark.parametrize(
    "given",
    [
        "", "worker.example.org", "//worker.example.org", "ftp://worker.example.org", "https://", "https:///x",
        "http://worker.example.org", "https://user@worker.example.org", "https://a:b@worker.example.org",
        "https://worker.example.org/path", "https://worker.example.org//", "https://worker.example.org?x",
        "https://worker.example.org#x", "https://worker.example.org?", "https://worker.example.org:25",
        "https://worker.example.org:0", "https://worker.example.org:65536", "https://worker.example.org:x",
        "https://worker.example.org:-1", "https://localhost", "https://worker", "https://worker.local",
        "https://worker.internal", "https://worker.LAN", "https://1.2.3", "https://127.1", "https://0x7f.0.0.1",
        "https://2130706433", "https://017700000001", "https://[::1%25eth0]", "https://[fe80::1%1]", "https://[1.2.3.4]",
        "https://worker.example.org.", "https://worker..org", "https://-worker.example.org", "https://worker_.example.org",
        "https://worker.example.org\n", " https://worker.example.org", "https://worker.example.org\x00",
        "https://worker.example.org\\@evil.example.org", "https://w\u00f6rker.example.org", "https://worker.example.org\t/",
        "https://" + "a." * 140 + "org", "https://" + "a" * 64 + ".org", "https://worker%2eexample.org",
    ],
)  # fmt: skip
def test_what_is_no_address(given: str) -> None:
    with pytest.raises(ValueError, match=r"\.$"):
        clean_url(given)


def test_a_proof_is_for_one_worker_one_address_and_one_nonce() -> None:
    key, other = Ed25519PrivateKey.generate(), Ed25519PrivateKey.generate()
    public = key.public_key().public_bytes_raw()
    proof = sign_challenge(key, "w1", URL, NONCE)
    assert is_proof(proof, public, "w1", URL, NONCE)
    assert not is_proof(proof, other.public_key().public_bytes_raw(), "w1", URL, NONCE)
    assert not is_proof(proof, public, "w2", URL, NONCE)
    assert not is_proof(proof, public, "w1", URL + ":8443", NONCE)
    assert not is_proof(proof, public, "w1", URL, "m" * 32)
    for bad in (None, 5, "", "x", proof[:-2], proof + "A" * 100, "\u00e9" * 86, ["a"]):
        assert not is_proof(bad, public, "w1", URL, NONCE)
    assert not is_proof(proof, b"short", "w1", URL, NONCE)


@pytest.mark.parametrize("nonce", ["", "short", "x" * 65, "x" * 20 + "\x00", "x" * 20 + "\n", "\u00e9" * 20])
def test_nothing_is_signed_but_a_nonce(nonce: str) -> None:
    with pytest.raises(ValueError, match="nonce"):
        sign_challenge(Ed25519PrivateKey.generate(), "w1", URL, nonce)
