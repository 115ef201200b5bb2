"""The life of a gateway process: it serves by the first's word, and not without it."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from coordinator_server.gateway_processes import process
from coordinator_server.gateway_processes.messages import (
    Change,
    Drain,
    KeyRevoked,
    Report,
    Resync,
    Seen,
    Serving,
    Snapshot,
)
from node.program.web import bind
from tests.support.gateway_process import gateway_process
from tests.support.waiting import eventually


async def test_it_serves_when_it_knows_who_may_be_asked_and_not_before(tmp_path: Path) -> None:
    async with gateway_process(tmp_path) as (first, _, session):
        first.welcome(force_anonymous=True)
        assert not first.said(Serving)
        first.channel.send(Snapshot(0, (), {}))
        await eventually(lambda: first.said(Serving), "it serves")
        assert [welcome.number for welcome in first.welcomed] == [1]
        async with session.get(f"{first.url}/service/echo") as answer:
            assert answer.status == 503
            assert (await answer.json(content_type=None))["type"].endswith("no-worker")
        await eventually(lambda: any(report.ended for report in first.said(Report)), "it is counted")


async def test_a_change_that_is_missing_is_asked_for(tmp_path: Path) -> None:
    async with gateway_process(tmp_path) as (first, _, _session):
        await first.begin(Snapshot(4, (), {}))
        first.channel.send(Change(5, (), (), {}))
        first.channel.send(Change(7, (), (), {}))
        await eventually(lambda: first.said(Resync), "it notices")
        first.channel.send(Snapshot(7, (), {}))
        first.channel.send(Change(8, (), (), {}))
        first.channel.send(KeyRevoked("k1", 3))
        await eventually(lambda: first.said(Seen) == [Seen(3)], "all was heard")
        assert len(first.said(Resync)) == 1


async def test_told_to_drain_it_ends_with_a_last_report(tmp_path: Path) -> None:
    async with gateway_process(tmp_path) as (first, running, session):
        await first.begin(force_anonymous=True)
        async with session.get(f"{first.url}/service/echo") as answer:
            assert answer.status == 503
        first.channel.send(Drain(20.0))
        assert await running == 0
        assert sum(item.count for report in first.said(Report) for item in report.ended) == 1
        assert Path(first.app).exists()  # it is the first's


async def test_without_the_first_it_ends_and_leaves_nothing(tmp_path: Path) -> None:
    async with gateway_process(tmp_path) as (first, running, _):
        await first.begin()
        first.channel.close()
        assert await running == 0
        assert not Path(first.app).parent.exists()


async def test_it_does_not_begin_where_the_first_is_gone(tmp_path: Path) -> None:
    async with gateway_process(tmp_path) as (first, running, _):
        first.welcome()
        first.channel.close()
        assert await running == 1
        assert first.welcomed == []


def test_its_memory_is_put_in_order_and_looked_through(monkeypatch: pytest.MonkeyPatch) -> None:
    done: list[str] = []

    @contextlib.asynccontextmanager
    async def looked_through(served: Callable[[], int]) -> AsyncIterator[None]:
        done.append(f"begun, {served()} served")
        yield
        done.append("ended")

    monkeypatch.setattr(process, "settle", lambda: done.append("settled"))
    monkeypatch.setattr(process, "looked_through", looked_through)
    line, first = socket.socketpair()
    first.close()
    assert process._run(bind("127.0.0.1", 0), line) == 1
    assert done == ["settled", "begun, 0 served", "ended"]


async def test_its_connections_are_counted(tmp_path: Path) -> None:
    async with gateway_process(tmp_path) as (first, _, _session):
        await first.begin()
        assert first.process is not None
        count = first.process.connections
        assert count() == 0
        _, writer = await asyncio.open_connection("127.0.0.1", urlsplit(first.url).port)
        await eventually(lambda: count() == 1, "it is counted")
        writer.close()
        await eventually(lambda: count() == 0, "and then no more")
