"""Members that are away, silent, hostile or ask who we are: what was done for certain, and what is not known."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Sequence

import msgspec
import pytest
from aiohttp import web

from coordinator_server.store.etcd import gateway as module
from coordinator_server.store.etcd.endpoints import Endpoints
from coordinator_server.store.etcd.gateway import Gateway, Login, Refused, TooMuch, Unclear, Unreached
from coordinator_server.store.etcd.messages import RangeAnswer
from tests.support.etcd import free_port
from tests.support.etcd_proxy import CutError, Forward, Proxy, Rule, etcd_proxy

RANGE = "/v3/kv/range"
GOOD = b'{"header":{"revision":"7"}}'
DEEP = b'{"x":' + b"[" * 100_000  # so deep that nobody reads it to its end


@pytest.fixture
async def member() -> AsyncIterator[Proxy]:
    async with etcd_proxy() as proxy:
        yield proxy


@pytest.fixture
async def gateway(member: Proxy) -> AsyncIterator[Gateway]:
    made = gateway_to([member.url])
    yield made
    await made.stop()


def gateway_to(urls: Sequence[str], login: Login | None = None) -> Gateway:
    rng = random.Random(1)
    return Gateway(Endpoints(urls, rng), login=login, rng=rng)


def answering(body: bytes, status: int = 200) -> Rule:
    async def rule(_path: str, _body: bytes, _forward: Forward) -> web.StreamResponse:
        return web.Response(status=status, body=body)

    return rule


async def ask(gateway: Gateway, limit: float = 20.0) -> RangeAnswer:
    return await gateway.call(RANGE, {"key": b"k"}, RangeAnswer, limit)


async def test_an_answer_is_read(member: Proxy, gateway: Gateway) -> None:
    member.rule = answering(GOOD)
    assert (await ask(gateway)).header.revision == 7


@pytest.mark.parametrize("body", [b"", b"[]", b"<html>no</html>", b'{"kvs":5}', b"{" * 2000, DEEP, b"\x1f\x8b\x08"])
async def test_a_hostile_answer_says_nothing_about_what_was_done(
    member: Proxy, gateway: Gateway, body: bytes
) -> None:
    for status in (200, 302, 500):
        member.rule = answering(body, status)
        with pytest.raises(Unclear):
            await ask(gateway)


async def test_an_answer_without_end_is_not_read_to_it(
    member: Proxy, gateway: Gateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MOST", 100)
    member.rule = answering(b" " * 101 + GOOD)
    with pytest.raises(TooMuch):
        await ask(gateway)


async def test_a_cut_or_silent_connection_leaves_it_open_and_a_closed_port_does_not(
    member: Proxy, gateway: Gateway
) -> None:
    async def cut(*_: object) -> web.StreamResponse:
        raise CutError

    async def silent(*_: object) -> web.StreamResponse:
        await asyncio.sleep(600)
        raise AssertionError

    member.rule = cut
    with pytest.raises(Unclear):
        await ask(gateway)
    member.rule = silent
    with pytest.raises(Unclear, match="no answer in time"):
        await ask(gateway, 0.2)
    nobody = gateway_to([f"http://127.0.0.1:{free_port()}"])
    with pytest.raises(Unreached):
        await ask(nobody)
    await nobody.stop()


@pytest.mark.parametrize(
    ("code", "message", "kind"),
    [
        (5, "etcdserver: requested lease not found", Refused),
        (8, "etcdserver: mvcc: database space exceeded", Refused),
        (8, "etcdserver: too many requests", Unclear),
        (14, "etcdserver: request timed out", Unclear),
        (14, "etcdserver: leader changed", Unclear),
        (2, "\x1b[31mwhat else", Unclear),
    ],
)
async def test_what_a_refusal_says_about_what_was_done(
    member: Proxy, gateway: Gateway, code: int, message: str, kind: type[Exception]
) -> None:
    member.rule = answering(msgspec.json.encode({"code": code, "message": message}), 503)
    with pytest.raises(kind) as caught:
        await ask(gateway)
    assert "\x1b" not in str(caught.value)


async def test_another_member_is_asked_when_one_fails(member: Proxy) -> None:
    member.rule = answering(GOOD)
    gateway = gateway_to([*(f"http://127.0.0.1:{free_port()}" for _ in range(4)), member.url])
    for _ in range(3):
        found = await gateway.patiently(RANGE, {"key": b"k"}, RangeAnswer, each=20.0, within=60.0)
        assert found.header.revision == 7
    await gateway.stop()


async def test_where_anybody_may_answer_nobody_who_is_silent_is_waited_for(member: Proxy) -> None:
    async def silent(*_: object) -> web.StreamResponse:
        await asyncio.sleep(600)
        raise AssertionError

    member.rule = answering(GOOD)
    async with etcd_proxy() as other:
        other.rule = silent
        gateway = gateway_to([other.url, member.url, f"http://127.0.0.1:{free_port()}"])
        for _ in range(3):
            assert await newest(gateway, 60.0) == 7
        member.rule = silent
        with pytest.raises((Unclear, Unreached)):
            await newest(gateway, 0.2)
        await gateway.stop()


async def newest(gateway: Gateway, limit: float) -> int:
    """Return the revision of what anybody says."""
    found = await gateway.anybody(RANGE, {}, RangeAnswer, limit, revision=lambda answer: answer.header.revision)
    return found.header.revision


async def test_of_what_most_members_say_the_newest_counts(member: Proxy, monkeypatch: pytest.MonkeyPatch) -> None:
    """One that the others cannot reach is behind, and may be the quickest to answer."""
    monkeypatch.setattr(module, "MOMENT", 60.0)
    member.rule = answering(b'{"header":{"revision":"5"}}')
    async with etcd_proxy() as other, etcd_proxy() as third:
        other.rule, third.rule = answering(GOOD), answering(b"", 500)
        gateway = gateway_to([member.url, other.url, third.url])
        for _ in range(20):
            assert await newest(gateway, 60.0) == 7
        await gateway.stop()


async def test_a_token_that_has_expired_is_asked_for_again(member: Proxy) -> None:
    tokens = iter(["first", "second"])
    seen: list[str] = []

    async def rule(path: str, body: bytes, _forward: Forward) -> web.StreamResponse:
        if path == "/v3/auth/authenticate":
            assert msgspec.json.decode(body) == {"name": "rma", "password": "secret"}
            return web.json_response({"token": next(tokens)})
        seen.append(path)
        if len(seen) == 2:
            return web.json_response({"code": 16, "message": "etcdserver: invalid auth token"}, status=401)
        return web.Response(body=GOOD)

    member.rule = rule
    gateway = gateway_to([member.url], Login("rma", "secret"))
    assert "secret" not in repr(Login("rma", "secret"))
    for _ in range(2):
        assert (await ask(gateway)).header.revision == 7
    assert (len(seen), next(tokens, None)) == (3, None)
    await gateway.stop()


async def test_a_token_that_nobody_knows_any_more_is_asked_for_again(member: Proxy) -> None:
    tokens = iter(["first", "second"])
    seen: list[str] = []

    async def rule(path: str, _body: bytes, _forward: Forward) -> web.StreamResponse:
        if path == "/v3/auth/authenticate":
            return web.json_response({"token": next(tokens)})
        seen.append(path)
        if len(seen) == 1:
            return web.json_response({"code": 16, "message": "etcdserver: invalid auth token"}, status=401)
        return web.Response(body=GOOD)

    member.rule = rule
    gateway = gateway_to([member.url], Login("rma", "secret"))
    with pytest.raises(Refused, match="invalid auth token"):
        await newest(gateway, 60.0)
    assert await newest(gateway, 60.0) == 7
    assert next(tokens, None) is None
    await gateway.stop()


async def test_who_asks_after_the_end_reaches_nobody_and_opens_no_connection(member: Proxy) -> None:
    member.rule = answering(GOOD)
    gateway = gateway_to([member.url])
    assert (await ask(gateway)).header.revision == 7
    await gateway.stop()
    with pytest.raises(Unreached):
        await ask(gateway)
    with pytest.raises(Unreached):
        await gateway.version(20.0)
    assert gateway._http is None
