"""What a storing and a reading node believe, and the reason for everything that they do not."""

from __future__ import annotations

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from node.dht import records
from node.dht.records import SIGNATURE_BYTES, Kind
from node.dht.verifier import RecordError, RecordVerifier
from node.wire.encoding import b64decode
from node.wire.mesh_keys import MeshTrust, founded
from tests.support.dht_nodes import Clock, Member, Mesh

OCR = records.service_key("ocr")


@pytest.fixture
def verifier(mesh: Mesh) -> RecordVerifier:
    return RecordVerifier(mesh.key.public_key())


def reason(verifier: RecordVerifier, key: bytes, data: bytes, now: float) -> str:
    with pytest.raises(RecordError) as caught:
        verifier.check(key, data, now)
    return caught.value.reason


def test_a_good_entry_is_believed(verifier: RecordVerifier, alice: Member, clock: Clock) -> None:
    checked = verifier.check(OCR, alice.entry(), clock.now)
    assert (checked.subject, checked.kind, checked.name) == ("alice", Kind.SERVICE, "ocr")
    assert checked.published_at == clock.now
    assert checked.life == 180
    assert checked.load == 0.25


def test_a_tombstone_is_believed(verifier: RecordVerifier, alice: Member, clock: Clock) -> None:
    assert verifier.check(OCR, alice.entry(payload=b""), clock.now).payload is None


def test_every_single_changed_byte_is_noticed(verifier: RecordVerifier, alice: Member, clock: Clock) -> None:
    data = alice.entry()
    for position in range(len(data)):
        forged = data[:position] + bytes([data[position] ^ 1]) + data[position + 1 :]
        assert reason(verifier, OCR, forged, clock.now)
    verifier.check(OCR, data, clock.now)


def test_every_truncation_is_noticed(verifier: RecordVerifier, alice: Member, clock: Clock) -> None:
    data = alice.entry()
    for length in range(len(data)):
        assert reason(verifier, OCR, data[:length], clock.now)


def test_a_stolen_credential_does_not_help(
    verifier: RecordVerifier, alice: Member, bob: Member, clock: Clock
) -> None:
    forged = bob.entry(credential=b64decode(alice.credential))
    assert reason(verifier, OCR, forged, clock.now) == "signature"


def test_another_mesh_is_not_believed(verifier: RecordVerifier, clock: Clock) -> None:
    stranger = Mesh(clock).member("alice")
    assert reason(verifier, OCR, stranger.entry(), clock.now) == "credential"


def test_an_expired_credential_is_not_believed_even_when_it_was_once(
    verifier: RecordVerifier, mesh: Mesh, clock: Clock
) -> None:
    brief = mesh.member("brief", life=60)
    data = brief.entry(life=600)
    verifier.check(OCR, data, clock.now)
    clock.now += 60 + 121
    assert reason(verifier, OCR, data, clock.now) == "credential"
    assert reason(verifier, OCR, brief.entry(), clock.now) == "credential"


def test_the_worker_key_belongs_to_that_worker_alone(
    verifier: RecordVerifier, alice: Member, bob: Member, clock: Clock
) -> None:
    mine = alice.entry(Kind.WORKER, "")
    assert verifier.check(records.worker_key("alice"), mine, clock.now).subject == "alice"
    assert reason(verifier, records.worker_key("alice"), bob.entry(Kind.WORKER, ""), clock.now) == "wrong-key"
    assert reason(verifier, records.worker_key("bob"), mine, clock.now) == "wrong-key"


def test_an_entry_cannot_be_moved_under_another_key(verifier: RecordVerifier, alice: Member, clock: Clock) -> None:
    data = alice.entry()
    other = records.service_key("llm-inference")
    assert reason(verifier, other, data, clock.now) == "wrong-key"
    verifier.check(OCR, data, clock.now)
    assert reason(verifier, other, data, clock.now) == "wrong-key"  # nor once it has been verified


def test_roles_are_kept_apart(verifier: RecordVerifier, alice: Member, mesh: Mesh, clock: Clock) -> None:
    boss = mesh.member("boss", "coordinator")
    assert reason(verifier, OCR, boss.entry(), clock.now) == "wrong-role"
    post = alice.entry(Kind.COORDINATORS, "", payload=b"\x94")
    assert reason(verifier, records.coordinators_key(), post, clock.now) == "wrong-role"


def test_two_minutes_of_clock_skew_are_tolerated_and_no_more(
    verifier: RecordVerifier, alice: Member, clock: Clock
) -> None:
    verifier.check(OCR, alice.entry(age=-119), clock.now)
    assert reason(verifier, OCR, alice.entry(age=-121), clock.now) == "future"
    verifier.check(OCR, alice.entry(age=180 + 119), clock.now)
    assert reason(verifier, OCR, alice.entry(age=180 + 122), clock.now) == "expired"


def test_an_entry_cannot_ask_to_stay_for_ever(verifier: RecordVerifier, alice: Member, clock: Clock) -> None:
    assert reason(verifier, OCR, alice.entry(life=30 * 86400), clock.now) == "malformed"
    assert reason(verifier, OCR, alice.entry(life=-5), clock.now) == "malformed"


def test_a_large_entry_is_refused(verifier: RecordVerifier, alice: Member, clock: Clock) -> None:
    assert reason(verifier, OCR, alice.entry(payload=b"x" * 400), clock.now) == "too-large"
    assert reason(verifier, OCR, b"x" * 5000, clock.now) == "too-large"


def test_a_signed_payload_of_nonsense_is_refused(verifier: RecordVerifier, alice: Member, clock: Clock) -> None:
    for payload in (b"\xc1", b"\x90", msgspec.msgpack.encode([0, None, [], None, None, 0, 0])):
        assert reason(verifier, OCR, alice.entry(payload=payload), clock.now) == "malformed"
    bad_host = msgspec.msgpack.encode([8000, b"\x04abc", [], None, None, 0, 0])
    assert reason(verifier, OCR, alice.entry(payload=bad_host), clock.now) == "malformed"


def test_a_name_that_no_service_has_is_refused(verifier: RecordVerifier, alice: Member, clock: Clock) -> None:
    data = alice.entry(name="Not A Name")
    assert reason(verifier, records.service_key("Not A Name"), data, clock.now) == "malformed"


def test_revocation_counts_at_once(mesh: Mesh, alice: Member, clock: Clock) -> None:
    revoked: set[str] = set()
    verifier = RecordVerifier(mesh.key.public_key(), revoked)
    data = alice.entry()
    verifier.check(OCR, data, clock.now)
    revoked.add("alice")
    assert reason(verifier, OCR, data, clock.now) == "revoked"


def test_what_a_retired_key_has_signed_counts_no_more_though_it_was_verified(
    mesh: Mesh, alice: Member, clock: Clock
) -> None:
    newer = Ed25519PrivateKey.generate()
    trust = MeshTrust(founded(mesh.key.public_key().public_bytes_raw()))
    verifier = RecordVerifier(trust)
    data, credential = alice.entry(), b64decode(alice.credential)
    checked = verifier.check(OCR, data, clock.now)
    known = verifier.credential(credential, clock.now)
    trust.keys = trust.keys.begin(mesh.key, newer).onwards()
    assert verifier.check(OCR, data, clock.now) == checked, "both are accepted"
    trust.keys = trust.keys.onwards()
    assert reason(verifier, OCR, data, clock.now) == "credential"
    with pytest.raises(RecordError, match="retired"):
        verifier.check_still(checked, clock.now)
    with pytest.raises(RecordError, match="retired"):
        verifier.check_credential(known, clock.now)


def test_what_was_verified_is_remembered_within_bounds(mesh: Mesh, clock: Clock) -> None:
    verifier = RecordVerifier(mesh.key.public_key(), remembered=3)
    entries = [mesh.member(f"worker-{number}").entry() for number in range(10)]
    for _ in range(2):
        for data in entries:
            verifier.check(OCR, data, clock.now)
    assert len(verifier._entries) == len(verifier._credentials) == 3


def test_a_key_that_is_no_key_is_refused(verifier: RecordVerifier, alice: Member, clock: Clock) -> None:
    alice.identity = Ed25519PrivateKey.generate()  # the credential names another key
    assert reason(verifier, OCR, alice.entry(), clock.now) == "signature"
    no_signature = alice.entry()[:-SIGNATURE_BYTES] + bytes(SIGNATURE_BYTES)
    assert reason(verifier, OCR, no_signature, clock.now) == "signature"
