"""What is in the way to the coordinator is told: one thing, why it is so and what to do."""

from __future__ import annotations

from typing import Any, get_args

import pytest

from node.reachability.failures import Failure
from node.reachability.observations import CoordinatorSeen, Mapped, Observations, Outcome, ProxySeen
from node.reachability.trouble import Trouble, clock_trouble, trouble_of

URL = "https://mesh.example.org:8443"
OUTSIDE = (Mapped(("198.51.100.1", 8468), ("192.0.2.1", 4000)),)


def trouble(outcome: Outcome, status: int = 0, **more: Any) -> Trouble:
    values: dict[str, Any] = {"own_addresses": ("192.168.1.5",), "name": "found", **more}
    found = trouble_of(Observations(coordinator=CoordinatorSeen(outcome, status), **values), URL)
    assert found is not None
    return found


@pytest.mark.parametrize("proxy", [None, ProxySeen("proxy:3128"), ProxySeen("proxy:3128", has_password=True)])
@pytest.mark.parametrize("outcome", [*get_args(Failure), "stranger"])
def test_everything_that_can_happen_has_a_reason_and_something_to_do(outcome: Outcome, proxy: ProxySeen) -> None:
    found = trouble(outcome, proxy=proxy)
    assert found.why.endswith(".")
    assert found.hint.strip()
    assert "{" not in found.why + found.hint
    assert "None" not in found.why + found.hint


@pytest.mark.parametrize("outcome", [*get_args(Failure), "stranger"])
def test_who_asks_once_is_not_told_that_it_goes_on_by_itself(outcome: Outcome) -> None:
    found = trouble(outcome)
    assert "by itself" not in found.hint_for_once
    assert ("by itself" in found.hint) == ("Try again in a moment." in found.hint_for_once)


def test_where_it_answers_there_is_no_trouble() -> None:
    assert trouble_of(Observations(coordinator=CoordinatorSeen("answers", 200)), URL) is None
    assert trouble_of(Observations(), URL) is None


def test_a_proxy_wants_a_password_or_another_one() -> None:
    none = trouble("proxy-password", 407, proxy=ProxySeen("proxy:3128"))
    wrong = trouble("proxy-password", 407, proxy=ProxySeen("proxy:3128", has_password=True))
    assert (none.cause, wrong.cause) == ("proxy-password", "proxy-password")
    assert none.why == "The proxy proxy:3128 wants a user name and a password, and none are set."
    assert wrong.why == "The proxy proxy:3128 does not accept the user name and password that are set for it."
    assert "HTTPS_PROXY=" in none.hint
    plain = Observations(coordinator=CoordinatorSeen("proxy-password", 407), proxy=ProxySeen("proxy:3128"))
    found = trouble_of(plain, "http://mesh.example.org")
    assert found is not None
    assert " HTTP_PROXY=" in found.hint, "the other one would have no effect on such an address"


def test_a_proxy_refuses_or_is_not_there_or_is_slow() -> None:
    proxy = ProxySeen("proxy:3128")
    refuses = trouble("proxy-refuses", 403, proxy=proxy)
    assert (
        refuses.why == "The proxy proxy:3128 does not let connections to mesh.example.org through (it answers 403)."
    )
    assert "allow mesh.example.org" in refuses.hint
    assert trouble("proxy-unreachable", proxy=proxy).why == "The proxy proxy:3128 does not answer."
    assert "through the proxy proxy:3128" in trouble("timeout", proxy=proxy).why
    assert trouble("stranger", 502, proxy=proxy).cause == "proxy-refuses"


@pytest.mark.parametrize("flaw", ["unreadable", "scheme"])
def test_a_setting_that_names_no_proxy_is_the_first_thing_to_mend(flaw: Any) -> None:
    found = trouble("timeout", proxy=ProxySeen("socks5://proxy:1080", flaw=flaw))
    assert found.cause == "proxy-setting"
    assert "HTTPS_PROXY" in found.hint


def test_names_are_unknown_or_nobody_is_there_to_ask() -> None:
    assert trouble("name-unknown").cause == "name-unknown"
    dead = trouble("no-name-service", mappings=OUTSIDE, name="nobody-says")
    assert dead.cause == "no-name-service"
    assert "set another name server" in dead.hint


def test_without_any_answer_from_anywhere_the_internet_is_missing() -> None:
    assert trouble("no-name-service", name="nobody-says").cause == "no-internet"
    assert trouble("no-network", name=None).cause == "no-internet"
    assert trouble("timeout", own_addresses=()).cause == "no-network"
    assert trouble("timeout").cause == "timeout"
    here_still = trouble("no-name-service", name="nobody-says", connected=True)
    assert here_still.cause == "no-name-service", "what was opened earlier goes out, so the internet is there"
    here = Observations(coordinator=CoordinatorSeen("timeout"))
    found = trouble_of(here, "http://127.0.0.1:8080")
    assert found is not None
    assert found.cause == "timeout", "this machine needs no network to reach itself"


def test_a_certificate_that_is_out_of_time_points_at_the_clock() -> None:
    found = trouble("certificate-time", now=1_000_000_000.0)
    assert "September 2001" in found.why
    assert "Set the clock right" in found.hint
    assert "web page" in trouble("certificate").hint


def test_the_clock_is_told_in_units_that_people_use() -> None:
    assert clock_trouble(None, 60) is None
    assert clock_trouble(-59.0, 60) is None
    small, wrong = clock_trouble(61.0, 60), clock_trouble(-300.0, 60)
    assert small is not None
    assert wrong is not None
    assert small.why == "This machine's clock is 61 s behind the coordinator's."
    assert wrong.why.startswith("This machine's clock is 5 minutes ahead of the coordinator's. Others refuse")
    for seconds, said in ((3 * 3600, "3 hours"), (80 * 86400, "80 days")):
        far = clock_trouble(float(seconds), 60)
        assert far is not None
        assert said in far.why
