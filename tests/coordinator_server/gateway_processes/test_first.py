"""Questions to the first: each gets its own answer, in time or not at all."""

from __future__ import annotations

from typing import Any

import pytest

from coordinator_server.audit import Audit
from coordinator_server.gateway.keys import ApiKey, ApiKeys
from coordinator_server.gateway_processes.first import First, FirstStore
from coordinator_server.gateway_processes.messages import KeyIs, Noted, Refusal, WhoIs
from coordinator_server.store.interface import StoreError, Write
from node.program.tasks import TaskSet
from tests.support.waiting import eventually

ID = "0123456789ab"
KEY = ApiKey(id=ID, name="site", secret_hash="")


class Line:
    """Keeps what is sent."""

    def __init__(self) -> None:
        self.sent: list[Any] = []
        self.first = First(self.sent.append)
        self.store = FirstStore(self.first)


async def test_each_question_gets_its_own_answer() -> None:
    line, tasks = Line(), TaskSet("test")
    one, other = (tasks.start(line.first.who_is(name), name) for name in ("a", "b"))
    await eventually(lambda: len(line.sent) == 2, "both were asked")
    assert line.sent == [WhoIs(1, "a"), WhoIs(2, "b")]
    line.first.answered(KeyIs(2, None))
    line.first.answered(KeyIs(1, KEY))
    line.first.answered(KeyIs(99, KEY))  # to nobody
    assert (await one, await other) == (KEY, None)


async def test_keys_are_found_and_forgotten_as_from_any_store() -> None:
    line, tasks = Line(), TaskSet("test")
    keys = ApiKeys(line.store, lambda: 1000.0)
    asking = tasks.start(keys.get(ID), "get")
    await eventually(lambda: line.sent, "it is asked")
    keys.forget(ID)  # revoked while it was read: it must not be remembered
    line.first.answered(KeyIs(1, KEY))
    assert await asking == KEY
    assert keys.fresh(ID) is None


async def test_a_refusal_is_kept_before_it_is_said() -> None:
    line, tasks = Line(), TaskSet("test")
    audit = Audit(line.store, lambda: 1000.0)
    told = audit.line("key-refused", actor="anonymous", subject="x", detail="why", address="192.0.2.1")
    noting = tasks.start(audit.refusal(told), "note")
    await eventually(lambda: line.sent, "it is told")
    assert line.sent == [Refusal(1, "x", "why", "192.0.2.1")]
    assert not noting.done()
    line.first.answered(Noted(1))
    await noting


async def test_when_the_line_is_lost_nobody_waits() -> None:
    line, tasks = Line(), TaskSet("test")
    asking = tasks.start(line.first.who_is("a"), "a")
    await eventually(lambda: line.sent, "it is asked")
    line.first.fail_all()
    with pytest.raises(StoreError) as caught:
        await asking
    assert caught.value.status == 503


async def test_a_first_that_says_nothing_is_no_free_pass() -> None:
    line = Line()
    line.first.patience = 0.01
    with pytest.raises(StoreError):
        await line.first.who_is("a")


async def test_nothing_else_of_the_store_is_within_reach() -> None:
    store = Line().store
    with pytest.raises(StoreError):
        await store.get("worker/w1")
    with pytest.raises(StoreError):
        await store.commit([Write("apikey/x", b"")])
    with pytest.raises(StoreError):
        await store.put("apikey/x", b"")
