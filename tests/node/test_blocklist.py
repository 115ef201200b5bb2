"""Whom a node believes no more: what somebody on the way empties, forges or repeats changes nothing."""

from __future__ import annotations

from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from node.blocklist import OLD, Blocklist
from node.kept_files import KeptFiles
from node.wire.blocklists import PutOut, SignedBlocklist, sign_blocklist, sign_current
from node.wire.credentials import CLOCK_SKEW
from node.wire.mesh_keys import MeshTrust, founded

NOW = 1_800_000_000.0
FIRST, SECOND = Ed25519PrivateKey.generate(), Ed25519PrivateKey.generate()
BEGUN = founded(FIRST.public_key().public_bytes_raw()).begin(FIRST, SECOND)


def signed(version: int, *workers: str, at: float = NOW, key: Ed25519PrivateKey = FIRST) -> SignedBlocklist:
    return sign_blocklist(PutOut(version=version, signed_at=at, workers=workers), key)


def current(version: int, *workers: str, at: float = NOW, key: Ed25519PrivateKey = FIRST) -> SignedBlocklist:
    return sign_current(PutOut(version=version, signed_at=at, workers=workers), key)


@pytest.fixture
def trust() -> MeshTrust:
    return MeshTrust(founded(FIRST.public_key().public_bytes_raw()))


@pytest.fixture
def blocklist(tmp_path: Path) -> Blocklist:
    return Blocklist(KeptFiles(tmp_path))


def test_a_newer_list_counts_and_an_older_one_never_again(
    blocklist: Blocklist, trust: MeshTrust, caplog: pytest.LogCaptureFixture
) -> None:
    assert blocklist.take(signed(5, "eve"), trust, NOW)
    assert not blocklist.take(signed(5, "eve"), trust, NOW)
    assert not blocklist.take(signed(5, "eve", at=NOW + 3600), trust, NOW + 3600), "signed again, and no news"
    assert caplog.text == ""
    assert not blocklist.take(signed(4), trust, NOW)
    assert not blocklist.take(signed(4), trust, NOW)
    assert caplog.text.count("it is version 4, and we have 5") == 1
    assert blocklist.listed.workers == ("eve",)
    assert blocklist.take(signed(6), trust, NOW)
    assert blocklist.listed.workers == ()


def test_what_the_mesh_has_not_signed_and_nothing_at_all_change_nothing(
    blocklist: Blocklist, trust: MeshTrust, caplog: pytest.LogCaptureFixture
) -> None:
    blocklist.take(signed(5, "eve"), trust, NOW)
    assert not blocklist.take(signed(9, "ada", key=SECOND), trust, NOW)
    assert "no key of this mesh has signed it" in caplog.text
    assert not blocklist.take(None, trust, NOW)
    assert "there was nothing" in caplog.text
    assert blocklist.listed.workers == ("eve",)


def test_who_is_kept_from_what_is_new_says_so(
    blocklist: Blocklist, trust: MeshTrust, caplog: pytest.LogCaptureFixture
) -> None:
    kept = signed(5, "eve")
    assert blocklist.take(kept, trust, NOW + OLD + CLOCK_SKEW + 1), "it is better than what we had"
    assert "2 hours old" in caplog.text
    caplog.clear()
    assert not blocklist.take(kept, trust, NOW + OLD)
    assert caplog.text == ""
    assert not blocklist.take(kept, trust, NOW + 2 * OLD)
    assert "4 hours old" in caplog.text


def test_after_a_rotation_no_list_of_a_leaked_key_outbids_the_mesh(blocklist: Blocklist, trust: MeshTrust) -> None:
    assert blocklist.take(signed(2**60), trust, NOW)
    trust.keys = BEGUN
    assert blocklist.take(signed(7, "eve", key=SECOND), trust, NOW)
    assert not blocklist.take(signed(2**61), trust, NOW)
    assert blocklist.listed.workers == ("eve",)


def test_it_survives_a_restart_until_it_is_forgotten(
    blocklist: Blocklist, trust: MeshTrust, tmp_path: Path
) -> None:
    blocklist.take(signed(5, "eve"), trust, NOW)
    blocklist.save()
    again = Blocklist(KeptFiles(tmp_path))
    again.load()
    assert again.listed.workers == ("eve",)
    assert not again.take(signed(4), trust, NOW)
    again.forget()
    assert again.take(signed(1), trust, NOW), "another mesh counts anew"


def test_who_has_the_list_is_told_only_that_it_still_counts(
    blocklist: Blocklist, trust: MeshTrust, caplog: pytest.LogCaptureFixture
) -> None:
    assert blocklist.version == 0, "which asks for the list"
    assert blocklist.take(signed(5, "eve"), trust, NOW)
    assert blocklist.version == 5
    later = NOW + 3 * OLD
    assert not blocklist.take(None, trust, later, current(5, "eve", at=later))
    assert (blocklist.listed.workers, blocklist.listed.signed_at, blocklist.version) == (("eve",), later, 5)
    assert caplog.text == "", "it was signed lately, so that nobody keeps a newer one from us"
    assert not blocklist.take(None, trust, later + OLD + CLOCK_SKEW + 1, current(5, "eve", at=later))
    assert "2 hours old" in caplog.text
    assert not blocklist.take(None, trust, later, current(5, "eve", at=NOW))
    assert blocklist.listed.signed_at == later, "an earlier word changes nothing"


def test_a_word_on_another_list_than_ours_makes_us_ask_for_the_whole(
    blocklist: Blocklist, trust: MeshTrust
) -> None:
    assert blocklist.take(signed(5, "eve"), trust, NOW)
    assert not blocklist.take(None, trust, NOW, current(6, "eve"))
    assert blocklist.version == 0
    assert blocklist.take(signed(6, "eve", "ada"), trust, NOW)
    assert blocklist.version == 6
    assert not blocklist.take(None, trust, NOW, current(5, "eve"))
    assert blocklist.version == 6, "an old word is none"


def test_a_forged_word_and_a_list_for_a_word_count_for_nothing(
    blocklist: Blocklist, trust: MeshTrust, caplog: pytest.LogCaptureFixture
) -> None:
    assert blocklist.take(signed(5, "eve"), trust, NOW)
    assert not blocklist.take(None, trust, NOW + 1, current(5, "eve", at=NOW + 1, key=SECOND))
    assert not blocklist.take(None, trust, NOW + 1, signed(5, "eve", at=NOW + 1))
    assert not blocklist.take(current(5, "eve", at=NOW + 1), trust, NOW + 1)
    assert caplog.text.count("no key of this mesh has signed it") == 1, "and it is said once"
    assert (blocklist.listed.workers, blocklist.listed.signed_at, blocklist.version) == (("eve",), NOW, 5)


def test_a_newer_key_blesses_no_list_that_a_leaked_one_gave_the_same_version(
    blocklist: Blocklist, trust: MeshTrust
) -> None:
    assert blocklist.take(signed(7), trust, NOW), "somebody has stolen the first key, and names nobody"
    trust.keys = BEGUN
    assert not blocklist.take(None, trust, NOW, current(7, "eve", key=SECOND))
    assert blocklist.version == 0
    assert blocklist.take(signed(7, "eve", key=SECOND), trust, NOW)
    assert (blocklist.listed.workers, blocklist.version) == (("eve",), 7)


def test_a_newer_key_s_word_on_our_list_makes_it_that_key_s(blocklist: Blocklist, trust: MeshTrust) -> None:
    assert blocklist.take(signed(7, "eve"), trust, NOW)
    trust.keys = BEGUN
    assert not blocklist.take(None, trust, NOW, current(7, "eve", key=SECOND))
    assert not blocklist.take(signed(2**60), trust, NOW), "the first key says nothing any more"
    assert blocklist.listed.workers == ("eve",)
