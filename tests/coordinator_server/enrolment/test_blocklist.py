"""The blocklist: its version rises, and a name stays as long as a credential could carry it."""

from __future__ import annotations

import msgspec

from coordinator_server.enrolment.blocklist import SPARE, Blocklist
from node.wire.credentials import CLOCK_SKEW

WEEK = 7 * 86400.0


def test_every_name_makes_a_new_version() -> None:
    blocklist = Blocklist().with_name("w-2", 0.0, WEEK).with_name("w-1", 1.0, WEEK)
    assert blocklist.names == ("w-1", "w-2")
    assert blocklist.version == 1000
    assert blocklist.with_name("w-3", 0.5, WEEK).version == 1001, "also when the clock is set back"
    assert blocklist.renumbered(7.0) == Blocklist(7000, blocklist.until)


def test_certificates_are_listed_with_their_holder_and_go_by_themselves() -> None:
    blocklist = Blocklist().with_name("w-1", 0.0, WEEK, {"bb": 50.0, "aa": 100.0})
    assert blocklist.fingerprints == ("aa", "bb"), "what is listed for longest comes first"
    assert blocklist.with_name("w-2", 60.0 + SPARE, WEEK, {"cc": 200.0}).fingerprints == ("cc", "aa")
    assert blocklist.pruned(49.0 + SPARE) is blocklist, "a clock may be a day ahead"
    shorter = blocklist.pruned(50.0 + SPARE)
    assert (shorter.fingerprints, shorter.names, shorter.version) == (("aa",), ("w-1",), 86_450_000)
    assert blocklist.pruned(WEEK + 2 * CLOCK_SKEW + SPARE).names == ()


def test_nothing_goes_where_the_time_is_in_doubt() -> None:
    blocklist = Blocklist().with_name("w-1", 0.0, WEEK, {"aa": 100.0})
    longer = blocklist.with_name("w-2", 9 * WEEK, WEEK, {"bb": 10 * WEEK}, prune=False)
    assert (longer.names, longer.fingerprints) == (("w-2", "w-1"), ("bb", "aa"))
    assert blocklist.with_name("w-2", 9 * WEEK, WEEK).names == ("w-2",)


def test_a_list_of_an_earlier_version_has_no_certificates() -> None:
    assert msgspec.json.decode(b'{"version":3,"until":{"w-1":9.0}}', type=Blocklist).fingerprints == ()


def test_a_name_goes_when_its_last_credential_has_expired() -> None:
    blocklist = Blocklist().with_name("old", 0.0, WEEK)
    assert "old" in blocklist.with_name("new", WEEK + CLOCK_SKEW + SPARE, WEEK).names
    assert blocklist.with_name("new", WEEK + 2 * CLOCK_SKEW + SPARE, WEEK).names == ("new",)
