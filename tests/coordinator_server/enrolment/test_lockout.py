"""Guessing invites ends after a few wrong tries; the table stays small and nobody else is shut out."""

from __future__ import annotations

from coordinator_server.enrolment.lockout import Lockout


def test_five_wrong_tries_then_a_pause_until_the_first_is_old() -> None:
    lockout = Lockout(5, 900.0)
    for second in range(5):
        assert lockout.retry_after("192.0.2.1", second) == 0
        lockout.wrong("192.0.2.1", second)
    assert lockout.retry_after("192.0.2.1", 10.0) == 890
    assert lockout.retry_after("192.0.2.1", 899.5) == 1
    assert lockout.retry_after("192.0.2.1", 900.0) == 0


def test_other_addresses_go_on_but_one_household_is_one_address() -> None:
    lockout = Lockout(1, 900.0)
    lockout.wrong("2001:db8:1:2::1", 0.0)
    assert lockout.retry_after("2001:db8:1:2::99", 1.0) > 0
    assert lockout.retry_after("2001:db8:1:ff::1", 1.0) > 0, "a household may have a whole /56"
    assert lockout.retry_after("2001:db8:1:100::1", 1.0) == 0
    assert lockout.retry_after("192.0.2.1", 1.0) == 0


def test_the_table_is_bounded() -> None:
    lockout = Lockout(5, 900.0, maximum=10)
    for number in range(100):
        for _ in range(20):
            lockout.wrong(f"192.0.2.{number}", 0.0)
    assert len(lockout) == 10
    assert lockout.retry_after("192.0.2.99", 1.0) > 0


def test_a_clock_that_steps_back_shuts_nobody_out() -> None:
    lockout = Lockout(1, 900.0)
    lockout.wrong("192.0.2.1", 10_000.0)
    assert lockout.retry_after("192.0.2.1", 0.0) == 0
