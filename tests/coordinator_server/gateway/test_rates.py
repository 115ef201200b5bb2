"""Token buckets: bursts, refill, what the headers say, and a table that cannot grow."""

from __future__ import annotations

import pytest

from coordinator_server.gateway.rates import Buckets, Rate, RateError, address_key, parse_rate

TWO_A_SECOND = Rate(2, 1.0)


@pytest.mark.parametrize(
    ("text", "rate"),
    [
        ("120/min", Rate(120, 60.0)),
        ("5/s", Rate(5, 1.0)),
        (" 10/Hour ", Rate(10, 3600.0)),
        ("1/day", Rate(1, 86400.0)),
    ],
)
def test_rates_as_people_write_them(text: str, rate: Rate) -> None:
    assert parse_rate(text) == rate
    assert parse_rate(str(rate)) == rate


@pytest.mark.parametrize("text", ["", "0/min", "-1/min", "120", "120/", "120/fortnight", "1.5/s", "9999999999/s"])
def test_what_is_not_a_rate_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(RateError, match="120/min"):
        parse_rate(text)


def test_a_burst_is_allowed_up_to_the_limit_and_refills_evenly() -> None:
    buckets = Buckets()
    assert [buckets.take("a", TWO_A_SECOND, 0.0).allowed for _ in range(3)] == [True, True, False]
    assert not buckets.take("a", TWO_A_SECOND, 0.4).allowed
    assert buckets.take("a", TWO_A_SECOND, 0.6).allowed
    assert not buckets.take("a", TWO_A_SECOND, 0.6).allowed


def test_every_key_has_its_own_bucket() -> None:
    buckets = Buckets()
    assert buckets.take("a", Rate(1, 60.0), 0.0).allowed
    assert buckets.take("b", Rate(1, 60.0), 0.0).allowed
    assert not buckets.take("a", Rate(1, 60.0), 0.0).allowed


def test_headers_tell_how_long_to_wait() -> None:
    buckets = Buckets()
    rate = Rate(2, 60.0)
    assert buckets.take("a", rate, 0.0).headers == {
        "RateLimit-Limit": "2",
        "RateLimit-Remaining": "1",
        "RateLimit-Reset": "30",
    }
    buckets.take("a", rate, 0.0)
    refused = buckets.take("a", rate, 10.0)
    assert refused.headers["Retry-After"] == "20"
    assert buckets.take("a", rate, 10.0 + refused.retry_after).allowed


def test_looking_costs_nothing() -> None:
    buckets = Buckets()
    for _ in range(5):
        assert buckets.take("a", Rate(1, 60.0), 0.0, cost=0).allowed
    buckets.take("a", Rate(1, 60.0), 0.0)
    assert not buckets.take("a", Rate(1, 60.0), 0.0, cost=0).allowed


def test_a_clock_that_steps_back_gives_nothing_for_free() -> None:
    buckets = Buckets()
    buckets.take("a", Rate(1, 1.0), 100.0)
    assert not buckets.take("a", Rate(1, 1.0), 50.0).allowed


def test_the_table_is_bounded_and_forgets_who_was_away_longest() -> None:
    buckets = Buckets(maximum=2)
    for key in ("a", "b", "a", "c"):
        buckets.take(key, Rate(2, 60.0), 0.0)
    assert len(buckets) == 2
    assert not buckets.take("a", Rate(2, 60.0), 0.0).allowed


def test_one_household_is_one_address() -> None:
    assert address_key("2001:db8:1:2:3::4") == address_key("2001:db8:1:2:ffff::1")
    assert address_key("2001:db8:1:2::1") != address_key("2001:db8:1:3::1")
    assert address_key("::ffff:192.0.2.1") == address_key("192.0.2.1") == "192.0.2.1"
    assert address_key("fe80::1%eth0") == address_key("fe80::2")


def test_tokens_that_were_not_used_come_back_but_never_more_than_fit() -> None:
    buckets = Buckets()
    buckets.put_back("nobody", TWO_A_SECOND, 10.0, 5.0)
    assert len(buckets) == 0
    assert buckets.take("a", TWO_A_SECOND, 10.0, 2.0).tokens == 0.0
    buckets.put_back("a", TWO_A_SECOND, 10.0, 1.0)
    assert buckets.take("a", TWO_A_SECOND, 10.0).allowed
    assert not buckets.take("a", TWO_A_SECOND, 10.0).allowed
    buckets.put_back("a", TWO_A_SECOND, 9.0, 100.0)
    assert buckets.take("a", TWO_A_SECOND, 10.0, 0.0).tokens == 2.0
