"""The blocklist: its version rises, and a name stays as long as a credential could carry it."""

from __future__ import annotations

from coordinator_server.enrolment.blocklist import Blocklist
from node.wire.credentials import CLOCK_SKEW

WEEK = 7 * 86400.0


def test_every_name_makes_a_new_version() -> None:
    blocklist = Blocklist().with_name("w-2", 0.0, WEEK).with_name("w-1", 1.0, WEEK)
    assert blocklist.names == ("w-1", "w-2")
    assert blocklist.version == 2


def test_a_name_goes_when_its_last_credential_has_expired() -> None:
    blocklist = Blocklist().with_name("old", 0.0, WEEK)
    assert "old" in blocklist.with_name("new", WEEK + CLOCK_SKEW, WEEK).names
    assert blocklist.with_name("new", WEEK + 2 * CLOCK_SKEW, WEEK).names == ("new",)
