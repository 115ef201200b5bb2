"""Token buckets: what is within the rate passes, and nobody's excess costs anybody else."""

from __future__ import annotations

import pytest

from node.dht.limits import Bucket, Limiter, Rate, RateLimits, source_of

LIMITS = RateLimits(contact=Rate(10, 20), stranger=Rate(5, 10), strangers=Rate(20, 40))
FRIEND = ("10.42.0.2", 8468)


def passed(limiter: Limiter, address: tuple[str, int], count: int, now: float = 0.0) -> int:
    return sum(limiter.admits(address, now) for _ in range(count))


def test_a_bucket_gives_its_burst_and_then_its_rate() -> None:
    bucket, rate = Bucket(4, at=0.0), Rate(2, 4)
    assert [bucket.take(rate, 0.0) for _ in range(5)] == [True] * 4 + [False]
    assert not bucket.take(rate, 0.4)
    assert bucket.take(rate, 0.5)
    assert [bucket.take(rate, 1000.0) for _ in range(5)] == [True] * 4 + [False]  # no more than the burst


def test_a_stranger_gets_his_share_however_many_ports_he_uses() -> None:
    limiter = Limiter(LIMITS)
    assert sum(passed(limiter, ("192.0.2.1", port), 5) for port in range(1000, 1100)) == 10
    assert passed(limiter, ("192.0.2.1", 1), 100, now=1.0) == 5


def test_the_strangers_of_one_ipv6_network_are_one() -> None:
    limiter = Limiter(LIMITS)
    assert sum(passed(limiter, (f"2001:db8:1:2::{n:x}", 5), 1) for n in range(1, 100)) == 10
    assert passed(limiter, ("2001:db8:1:3::1", 5), 1) == 1
    assert source_of("2001:db8:1:2::9") == source_of("2001:db8:1:2:ffff::1")


def test_all_strangers_together_are_limited_too() -> None:
    limiter = Limiter(LIMITS)
    assert sum(passed(limiter, (f"198.51.{n >> 8}.{n & 255}", 5), 5) for n in range(1000)) == 40


def test_a_contact_has_a_bucket_that_no_stranger_can_empty() -> None:
    limiter = Limiter(LIMITS)
    limiter.trust(b"friend", FRIEND, 0.0)
    for n in range(1000):
        passed(limiter, (f"198.51.{n >> 8}.{n & 255}", 5), 5)
    passed(limiter, (FRIEND[0], 9), 100)  # strangers at his own address
    assert passed(limiter, FRIEND, 100) == 20
    limiter.trust(b"friend", FRIEND, 0.0)  # to answer again does not fill it
    assert passed(limiter, FRIEND, 100) == 0


def test_a_member_has_one_share_however_many_ports_it_proves_itself_at() -> None:
    limiter = Limiter(LIMITS)
    admitted = 0
    for port in range(1000, 1100):
        limiter.trust(b"mallory", ("10.42.0.66", port), 0.0)
        admitted += passed(limiter, ("10.42.0.66", port), 5)
    assert admitted == 20
    assert len(limiter._contacts) == 1
    assert passed(limiter, ("10.42.0.66", 1000), 20) == 10  # where it was before it is a stranger


def test_losing_trust_and_getting_it_again_does_not_fill_a_bucket() -> None:
    limiter = Limiter(LIMITS)
    limiter.trust(b"friend", FRIEND, 0.0)
    passed(limiter, FRIEND, 15)
    limiter.distrust(FRIEND)
    limiter.trust(b"friend", FRIEND, 0.0)
    assert passed(limiter, FRIEND, 20) == 5


def test_somebody_elses_move_takes_no_address_from_who_lives_there_now() -> None:
    limiter = Limiter(LIMITS)
    limiter.trust(b"before", FRIEND, 0.0)
    limiter.trust(b"friend", FRIEND, 0.0)
    limiter.trust(b"before", ("10.42.0.3", 8468), 0.0)
    assert passed(limiter, FRIEND, 100) == 20


def test_what_costs_more_is_waited_off() -> None:
    limiter = Limiter(LIMITS)
    limiter.trust(b"friend", FRIEND, 0.0)
    for address, burst, per_second in ((FRIEND, 20, 10), (("192.0.2.1", 5), 10, 5), (("127.0.0.1", 5), 500, 250)):
        assert passed(limiter, address, 1) == 1
        limiter.charge(address, burst + per_second - 1)
        assert passed(limiter, address, 1, now=0.9) == 0
        assert passed(limiter, address, 1000, now=2.0) == per_second


def test_nineteen_members_that_also_ask_as_strangers_leave_room_for_others() -> None:
    limiter, limits = Limiter(RateLimits()), RateLimits()
    busy = [f"10.42.0.{n}" for n in range(int(limits.strangers.burst / limits.stranger.burst) - 1)]
    for second in range(10):
        for ip in busy:
            passed(limiter, (ip, 5), 500, now=float(second))
        assert passed(limiter, (f"10.42.1.{second}", 5), 20, now=float(second)) == 20


def test_who_is_no_longer_trusted_is_a_stranger_again() -> None:
    limiter = Limiter(LIMITS)
    limiter.trust(b"friend", FRIEND, 0.0)
    limiter.distrust(FRIEND)
    limiter.distrust(FRIEND)
    assert passed(limiter, FRIEND, 100) == 10


def test_this_machine_may_send_more_and_does_not_use_up_what_strangers_have() -> None:
    limiter = Limiter(LIMITS)
    assert passed(limiter, ("127.0.0.1", 5), 1000) == 500
    assert passed(limiter, ("::1", 5), 1000) == 500
    limiter.trust(b"here", ("127.0.0.1", 6), 0.0)
    assert passed(limiter, ("127.0.0.1", 6), 2000) == 1000
    assert passed(limiter, ("192.0.2.1", 5), 100) == 10


def test_memory_is_bounded_and_the_busy_stay() -> None:
    limiter = Limiter(LIMITS, most=10)
    for n in range(100):
        limiter.trust(b"%d" % n, (f"10.42.0.{n}", 5), 0.0)
        limiter.trust(b"friend", FRIEND, 0.0)
        limiter.admits((f"192.0.2.{n}", 5), float(n))
    assert len(limiter._contacts) == len(limiter._homes) == len(limiter._sources) == 10
    assert FRIEND in limiter._contacts


def test_limits_that_would_lock_everybody_out_are_refused() -> None:
    with pytest.raises(ValueError, match="at least one"):
        Rate(0, 5)
    with pytest.raises(ValueError, match="at least one"):
        Rate(5, 0)
    with pytest.raises(ValueError, match="loopback"):
        RateLimits(loopback=0.5)
