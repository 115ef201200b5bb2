"""What a store believes while most members of etcd do not answer, and at the moment in which they do again."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator
from typing import Any

import msgspec
import pytest
from aiohttp import web

from coordinator_server.store.etcd.endpoints import Endpoints
from coordinator_server.store.etcd.gateway import Gateway, Unreached
from coordinator_server.store.etcd.store import EtcdStore
from node.wire.encoding import b64encode
from tests.support.etcd_proxy import CutError, Forward, Proxy, etcd_proxy
from tests.support.waiting import eventually


class Member:
    """A member that has not heard of anything for long, beside others that are away or here."""

    def __init__(self) -> None:
        self.others_are_here = True
        self.old_answer = asyncio.Event()  # it may say what it knows itself
        self.asked_for_old = asyncio.Event()

    async def __call__(self, _path: str, body: bytes, _forward: Forward) -> web.StreamResponse:
        wish: dict[str, Any] = msgspec.json.decode(body)
        if wish.get("serializable"):
            self.asked_for_old.set()
            await self.old_answer.wait()
            return found(revision=3)
        if not self.others_are_here:
            raise CutError
        return found(b"new", revision=9)


def found(*values: bytes, revision: int) -> web.Response:
    rows = [{"key": "aw==", "value": b64encode(value), "mod_revision": str(revision)} for value in values]
    return web.json_response({"header": {"revision": str(revision)}, "kvs": rows})


@pytest.fixture
async def proxy() -> AsyncIterator[Proxy]:
    async with etcd_proxy() as proxy:
        yield proxy


@pytest.fixture
async def store(proxy: Proxy) -> AsyncIterator[EtcdStore]:
    rng = random.Random(1)
    store = EtcdStore(Gateway(Endpoints([proxy.url], rng), rng=rng), "mesh")
    yield store
    await store.close()


async def test_what_is_old_is_not_taken_for_sure_when_the_doubt_has_ended_meanwhile(
    proxy: Proxy, store: EtcdStore
) -> None:
    proxy.rule = member = Member()
    member.others_are_here = False
    async with asyncio.timeout(60), asyncio.TaskGroup() as tasks:
        asked = tasks.create_task(store.get("k"))
        await member.asked_for_old.wait()
        member.others_are_here = True
        await eventually(lambda: not store.in_doubt, "most members answer again")
        member.old_answer.set()
    entry = asked.result()
    assert entry is not None, "nobody is gone because a member that was cut off does not know it"
    assert entry.value == b"new"


async def test_who_gets_into_doubt_again_and_again_has_one_probe(proxy: Proxy, store: EtcdStore) -> None:
    proxy.rule = member = Member()
    member.others_are_here = False
    for _ in range(20):
        store._doubt(Unreached("nobody"))
        store._in_doubt = False  # as after a transaction that was done
    store._doubt(Unreached("nobody"))
    assert len(store._tasks) == 1
    member.others_are_here = True
    await eventually(lambda: not store.in_doubt and not len(store._tasks), "it ends")
    member.others_are_here = False
    store._doubt(Unreached("nobody"))
    assert len(store._tasks) == 1, "and another one begins with the next doubt"


async def test_a_probe_outlives_answers_that_are_none(proxy: Proxy, store: EtcdStore) -> None:
    asked = 0

    async def rule(_path: str, _body: bytes, _forward: Forward) -> web.StreamResponse:
        nonlocal asked
        asked += 1
        deep = b'{"x":' + b"[" * 100_000
        return web.Response(body=deep) if asked < 3 else found(revision=9)

    proxy.rule = rule
    store._doubt(Unreached("nobody"))
    await eventually(lambda: not store.in_doubt, "it asks on")
    assert asked >= 3
