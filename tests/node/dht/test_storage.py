"""What is kept for others: merged per publisher, expiring, and never more than the caps."""

from __future__ import annotations

import random

import pytest

from node.dht import records
from node.dht.records import Kind
from node.dht.storage import Bundle, MergingStorage, StorageCaps
from node.dht.verifier import RecordError, RecordVerifier
from tests.support.dht_nodes import Clock, Member, Mesh, worker

OCR = records.service_key("ocr")


class Shelf:
    """A storage, and the reasons for which it refused."""

    def __init__(self, mesh: Mesh, caps: StorageCaps, revoked: set[str]) -> None:
        self.reasons: list[str] = []
        verifier = RecordVerifier(mesh.key.public_key(), revoked)
        self.storage = MergingStorage(
            verifier, mesh.clock, caps, random.Random(1), lambda error: self.reasons.append(error.reason)
        )

    def put(self, key: bytes, data: bytes) -> str:
        """Put an entry; return why it was refused, or nothing."""
        try:
            self.storage.put(key, data)
        except RecordError as error:
            return error.reason
        return ""

    def subjects(self, key: bytes = OCR) -> set[str]:
        return {entry.subject for entry in self.storage.living(key)}


@pytest.fixture
def revoked() -> set[str]:
    return set()


@pytest.fixture
def shelf(mesh: Mesh, revoked: set[str]) -> Shelf:
    return Shelf(mesh, StorageCaps(per_key=8, per_identity=4, in_all=20), revoked)


def test_two_publishers_share_a_key(shelf: Shelf, alice: Member, bob: Member) -> None:
    assert shelf.put(OCR, alice.entry()) == shelf.put(OCR, bob.entry()) == ""
    assert shelf.subjects() == {"alice", "bob"}
    assert (shelf.storage.key_count, shelf.storage.entry_count) == (1, 2)


def test_the_newest_statement_wins_whatever_the_order(shelf: Shelf, alice: Member) -> None:
    old = alice.entry(record=worker("alice", load=0.1), age=5)
    new = alice.entry(record=worker("alice", load=0.9))
    assert shelf.put(OCR, new) == ""
    assert shelf.put(OCR, old) == "older"
    assert [entry.load for entry in shelf.storage.living(OCR)] == [0.9]


def test_what_a_clock_that_was_ahead_has_left_gives_way(shelf: Shelf, alice: Member, clock: Clock) -> None:
    clock.now += 3600
    assert shelf.put(OCR, alice.entry(record=worker("alice", load=0.1))) == ""
    clock.now -= 3600
    assert shelf.put(OCR, alice.entry(record=worker("alice", load=0.9))) == ""
    assert [entry.load for entry in shelf.storage.living(OCR)] == [0.9]
    assert shelf.reasons == ["future"]


def test_a_tombstone_stays_so_that_an_older_statement_cannot_come_back(shelf: Shelf, alice: Member) -> None:
    old = alice.entry(age=5)
    shelf.put(OCR, old)
    shelf.put(OCR, alice.entry(payload=b""))
    assert shelf.put(OCR, old) == "older"
    bundle = shelf.storage.bundle(OCR, 1000)
    assert bundle is not None
    assert bundle.total == 0


def test_a_tombstone_outlives_all_that_it_withdrew(shelf: Shelf, alice: Member, clock: Clock) -> None:
    captured = alice.entry(life=180)
    clock.now += 30
    shelf.put(OCR, alice.entry(payload=b"", life=180))
    reasons = []
    for _ in range(20):
        reasons.append(shelf.put(OCR, captured))
        clock.now += 30
    assert set(reasons) == {"older", "expired"}
    assert reasons[-1] == "expired"
    assert shelf.subjects() == set()
    assert shelf.storage.entry_count == 0


def test_entries_expire(shelf: Shelf, alice: Member, clock: Clock) -> None:
    shelf.put(OCR, alice.entry())
    clock.now += 179
    assert shelf.subjects() == {"alice"}
    clock.now += 2
    assert shelf.subjects() == set()
    assert (shelf.storage.key_count, shelf.storage.entry_count) == (0, 0)


def test_a_replay_does_not_prolong_a_life(shelf: Shelf, alice: Member, clock: Clock) -> None:
    data = alice.entry()
    shelf.put(OCR, data)
    clock.now += 170
    assert shelf.put(OCR, data) == ""
    clock.now += 11
    assert shelf.subjects() == set()


def test_a_publisher_with_a_slow_clock_is_kept_as_long_as_it_asked(
    shelf: Shelf, alice: Member, clock: Clock
) -> None:
    shelf.put(OCR, alice.entry(age=100))
    clock.now += 179
    assert shelf.subjects() == {"alice"}


def test_who_is_revoked_goes_at_once(shelf: Shelf, alice: Member, revoked: set[str]) -> None:
    shelf.put(OCR, alice.entry())
    revoked.add("alice")
    assert shelf.subjects() == set()
    assert shelf.reasons == ["revoked"]
    assert shelf.put(OCR, alice.entry()) == "revoked"


def test_one_identity_cannot_fill_it(shelf: Shelf, alice: Member) -> None:
    refused = [shelf.put(records.service_key(f"s{n}"), alice.entry(name=f"s{n}")) for n in range(10)]
    assert refused == [""] * 4 + ["full"] * 6
    assert shelf.storage.entry_count == 4


def test_a_full_key_lets_the_one_go_that_would_expire_first(shelf: Shelf, mesh: Mesh, clock: Clock) -> None:
    for number in range(8):
        shelf.put(OCR, mesh.member(f"w{number}").entry())
        clock.now += 1
    assert shelf.put(OCR, mesh.member("new").entry()) == ""
    assert shelf.subjects() == {*(f"w{n}" for n in range(1, 8)), "new"}


def test_the_whole_is_capped_and_room_comes_back(shelf: Shelf, mesh: Mesh, clock: Clock) -> None:
    for number in range(20):
        key = records.service_key(f"s{number // 4}")
        assert shelf.put(key, mesh.member(f"w{number}").entry(name=f"s{number // 4}")) == ""
    late = mesh.member("late")
    assert shelf.put(OCR, late.entry()) == "full"
    clock.now += 200
    assert shelf.put(OCR, late.entry()) == ""
    assert (shelf.storage.key_count, shelf.storage.entry_count) == (1, 1)


def test_what_is_here_may_be_renewed_even_when_it_is_full(shelf: Shelf, alice: Member, clock: Clock) -> None:
    for number in range(4):
        shelf.put(records.service_key(f"s{number}"), alice.entry(name=f"s{number}"))
    clock.now += 60
    assert shelf.put(records.service_key("s0"), alice.entry(name="s0")) == ""
    assert shelf.storage.entry_count == 4


def test_bad_entries_are_refused_with_the_reason(shelf: Shelf, alice: Member, bob: Member, clock: Clock) -> None:
    foreign = Mesh(clock).member("alice")
    assert shelf.put(OCR, b"nonsense" * 20) == "malformed"
    assert shelf.put(OCR, foreign.entry()) == "credential"
    assert shelf.put(OCR, alice.entry(signer=bob.identity)) == "signature"
    assert shelf.put(records.worker_key("alice"), bob.entry(Kind.WORKER, "")) == "wrong-key"
    assert shelf.put(OCR, alice.entry(age=400)) == "expired"
    assert shelf.storage.entry_count == 0


def test_a_bundle_fits_and_says_how_many_there_are(shelf: Shelf, mesh: Mesh) -> None:
    for number in range(8):
        shelf.put(OCR, mesh.member(f"w{number}").entry())
    bundle = shelf.storage.bundle(OCR, 1000)
    assert bundle is not None
    assert bundle.total == 8
    assert 1 <= len(bundle.entries) < 8
    assert sum(len(data) for data in bundle.entries) <= 1000
    assert shelf.storage.bundle(records.service_key("other"), 1000) is None


def test_it_keeps_to_the_interface_of_the_package(shelf: Shelf, alice: Member, bob: Member) -> None:
    shelf.storage[OCR] = Bundle(2, (alice.entry(), bob.entry(), b"bad"))
    assert shelf.reasons == ["malformed"]
    assert shelf.storage[OCR].total == 2
    assert dict(shelf.storage) == {OCR: shelf.storage.get(OCR)}
    assert list(shelf.storage.iter_older_than(0)) == []
    with pytest.raises(KeyError):
        shelf.storage[records.service_key("other")]
