"""Who may pass: keys, their services and rates, addresses, and what `--anonymous` opens and what not."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from multidict import CIMultiDict

from coordinator_server.gateway.access import WRONG_KEYS, Access, Visit
from coordinator_server.gateway.keys import ApiKeys
from coordinator_server.gateway.rates import Rate
from coordinator_server.store.sqlite import open_sqlite
from node.wire.problems import Problem

LOCAL_HOST = {"Host": "127.0.0.1:8080"}


class Clock:
    """A clock that a test moves."""

    now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def keys(tmp_path: Path, clock: Clock) -> AsyncIterator[ApiKeys]:
    store = await open_sqlite(tmp_path / "coordinator.db")
    yield ApiKeys(store, clock)
    await store.close()


def make(keys: ApiKeys, clock: Clock, **options: Any) -> Access:
    return Access(keys, clock, **{"address_rate": Rate(1000, 60.0), **options})


def visit(peer: str = "192.0.2.1", **headers: str) -> Visit:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Visit(peer, peer, CIMultiDict({**LOCAL_HOST, **named}))


async def enter(access: Access, who: Visit, service: str = "ner-extraction") -> str:
    knock = access.knock(who)
    return access.permit(await access.identify(who), service, knock).id


async def refused(access: Access, who: Visit, service: str = "ner-extraction") -> Problem:
    with pytest.raises(Problem) as caught:
        await enter(access, who, service)
    return caught.value


@pytest.mark.parametrize("header", ["Authorization", "X-API-Key"])
async def test_a_key_opens_the_door_in_either_header(keys: ApiKeys, clock: Clock, header: str) -> None:
    record, text = await keys.create("website")
    shown = f"Bearer {text}" if header == "Authorization" else text
    assert (
        await enter(make(keys, clock), Visit("192.0.2.1", "192.0.2.1", CIMultiDict({header: shown}))) == record.id
    )


async def test_without_a_key_the_answer_says_how_to_show_one(keys: ApiKeys, clock: Clock) -> None:
    problem = await refused(make(keys, clock), visit("127.0.0.1"))
    assert (problem.kind, problem.status) == ("unauthorized", 401)
    assert problem.headers["WWW-Authenticate"].startswith("Bearer")
    assert "X-API-Key" in problem.detail


async def test_an_expired_key_says_so(keys: ApiKeys, clock: Clock) -> None:
    _, text = await keys.create("website", expires_at=clock.now + 10)
    access = make(keys, clock)
    await enter(access, visit(X_API_Key=text))
    clock.now += 10
    problem = await refused(access, visit(X_API_Key=text))
    assert problem.kind == "unauthorized"
    assert "expired" in problem.detail


async def test_a_key_is_for_its_services_only(keys: ApiKeys, clock: Clock) -> None:
    _, text = await keys.create("website", services=["vision-ocr"])
    access = make(keys, clock)
    await enter(access, visit(X_API_Key=text), "vision-ocr")
    assert (await refused(access, visit(X_API_Key=text))).kind == "forbidden"


async def test_a_key_has_its_rate_and_is_told_when_to_come_back(keys: ApiKeys, clock: Clock) -> None:
    _, text = await keys.create("website", rate="2/min")
    access = make(keys, clock)
    for _ in range(2):
        await enter(access, visit(X_API_Key=text))
    problem = await refused(access, visit("198.51.100.7", X_API_Key=text))
    assert (problem.kind, problem.headers["Retry-After"], problem.headers["RateLimit-Limit"]) == (
        "rate-limited",
        "30",
        "2",
    )
    clock.now += 30
    await enter(access, visit(X_API_Key=text))


async def test_an_address_has_a_rate_before_anything_else_is_looked_at(keys: ApiKeys, clock: Clock) -> None:
    access = make(keys, clock, address_rate=Rate(1, 60.0))
    assert (await refused(access, visit("2001:db8::1"))).kind == "unauthorized"
    assert (await refused(access, visit("2001:db8::2"))).kind == "rate-limited"
    assert (await refused(access, visit("2001:db9::2"))).kind == "unauthorized"


async def test_guessing_keys_ends_in_429_but_a_right_key_still_passes(keys: ApiKeys, clock: Clock) -> None:
    _, text = await keys.create("website")
    access = make(keys, clock)
    for _ in range(WRONG_KEYS.limit):
        assert (await refused(access, visit(X_API_Key="rma_000000000000_" + "A" * 43))).kind == "unauthorized"
    problem = await refused(access, visit(X_API_Key="x"))
    assert (problem.kind, problem.status) == ("rate-limited", 429)
    assert int(problem.headers["Retry-After"]) > 0
    await enter(access, visit(X_API_Key=text))


async def test_an_endless_key_is_just_wrong(keys: ApiKeys, clock: Clock) -> None:
    assert (await refused(make(keys, clock), visit(X_API_Key="rma_" + "x" * 8000))).kind == "unauthorized"


async def test_anonymous_is_for_this_machine_only(keys: ApiKeys, clock: Clock) -> None:
    access = make(keys, clock, anonymous=True)
    for peer in ("127.0.0.1", "::1", "::ffff:127.0.0.1"):
        assert await enter(access, visit(peer)) == "anonymous"
    assert (await refused(access, visit("192.0.2.1"))).kind == "unauthorized"
    assert await enter(make(keys, clock, forced=True), visit("192.0.2.1")) == "anonymous"


@pytest.mark.parametrize(
    "headers",
    [
        {"X_Forwarded_For": "203.0.113.9"},
        {"Forwarded": "for=203.0.113.9"},
        {"CF_Connecting_IP": "203.0.113.9"},
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Sec_Fetch_Site": "cross-site"},
        {"Sec_Fetch_Site": "same-site"},
        {"Host": "rebound.evil.example:8080"},
        {"Host": "["},
    ],
)
async def test_anonymous_is_not_for_proxied_requests_and_strange_pages(
    keys: ApiKeys, clock: Clock, headers: dict[str, str]
) -> None:
    assert (await refused(make(keys, clock, anonymous=True), visit("127.0.0.1", **headers))).kind == "unauthorized"


async def test_anonymous_is_for_allowed_pages_and_a_wrong_key_is_still_wrong(keys: ApiKeys, clock: Clock) -> None:
    access = make(keys, clock, anonymous=True, origins=["https://app.example"])
    assert await enter(access, visit("127.0.0.1", Origin="https://app.example")) == "anonymous"
    assert await enter(access, visit("127.0.0.1", Origin="http://127.0.0.1:8080")) == "anonymous"
    assert await enter(access, visit("127.0.0.1", Sec_Fetch_Site="same-origin")) == "anonymous"
    assert await enter(access, visit("127.0.0.1", Sec_Fetch_Site="none")) == "anonymous"  # typed by a person
    allowed = visit("127.0.0.1", Origin="https://app.example", Sec_Fetch_Site="cross-site")
    assert await enter(access, allowed) == "anonymous"
    assert (await refused(access, visit("127.0.0.1", X_API_Key="wrong"))).kind == "unauthorized"
