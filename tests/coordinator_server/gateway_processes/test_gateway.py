"""The door of a gateway process: requests wait for the first's word, and nobody passes without it."""

from __future__ import annotations

import asyncio
import hashlib
from collections import Counter
from pathlib import Path

from coordinator_server.gateway.keys import ApiKey
from coordinator_server.gateway_processes.messages import Granted, Refusal, Report, Wants, WhoIs
from tests.support.gateway_process import PlayedFirst, gateway_process
from tests.support.waiting import eventually

SECRET = "s" * 43
KEY_ID = "0123456789ab"
SHOWN = {"X-API-Key": f"rma_{KEY_ID}_{SECRET}", "X-Forwarded-For": "192.0.2.1"}
NO_WORKER, RATE_LIMITED = 503, 429


def with_key(app: str) -> PlayedFirst:
    first = PlayedFirst(app)
    secret_hash = hashlib.sha256(SECRET.encode()).hexdigest()
    first.keys[KEY_ID] = ApiKey(id=KEY_ID, name="site", secret_hash=secret_hash, rate="20/min")
    return first


async def test_address_and_key_are_counted_by_the_first(tmp_path: Path) -> None:
    async with gateway_process(tmp_path, with_key) as (first, _, session):
        await first.begin()
        first.tokens = 6  # three requests, each of which needs two
        statuses = []
        for _ in range(5):
            async with session.get(f"{first.url}/service/echo", headers=SHOWN) as answer:
                statuses.append(answer.status)
        assert statuses == [NO_WORKER] * 3 + [RATE_LIMITED] * 2
        kinds = {(message.kind, message.key) for message in first.said(Wants)}
        assert kinds == {("address", "192.0.2.1"), ("key", KEY_ID)}
        assert {message.key_id for message in first.said(WhoIs)} == {KEY_ID}
        await eventually(lambda: any(report.rejected for report in first.said(Report)), "refusals are counted")


async def test_many_at_once_share_messages(tmp_path: Path) -> None:
    async with gateway_process(tmp_path, with_key) as (first, _, session):
        await first.begin()
        first.tokens = 40

        async def ask() -> int:
            async with session.get(f"{first.url}/service/echo", headers=SHOWN) as answer:
                return answer.status

        counts = Counter(await asyncio.gather(*(ask() for _ in range(60))))
        assert counts[NO_WORKER] <= 20
        assert counts[NO_WORKER] + counts[RATE_LIMITED] == 60
        assert first.tokens == 0


async def test_a_wrong_key_is_counted_and_kept_before_it_is_said(tmp_path: Path) -> None:
    async with gateway_process(tmp_path) as (first, _, session):
        await first.begin()
        async with session.get(f"{first.url}/service/echo", headers=SHOWN) as answer:
            assert answer.status == 401
        assert ("wrong", "192.0.2.1") in {(message.kind, message.key) for message in first.said(Wants)}
        assert [message.subject for message in first.said(Refusal)] == [KEY_ID]


async def test_a_first_that_says_nothing_is_no_free_pass(tmp_path: Path) -> None:
    async with gateway_process(tmp_path, with_key) as (first, _, session):
        await first.begin(force_anonymous=True, sharing_timeout=0.1)
        first.silent = True
        async with session.get(f"{first.url}/service/echo") as answer:
            problem = await answer.json(content_type=None)
        assert (answer.status, problem["type"].rpartition("/")[2]) == (503, "overloaded")
        assert "X-Request-ID" in answer.headers


async def test_a_client_that_leaves_while_it_waits_costs_nothing(tmp_path: Path) -> None:
    async with gateway_process(tmp_path, with_key) as (first, _, session):
        await first.begin()
        first.silent = True
        host, port = first.url.removeprefix("http://").split(":")
        _, writer = await asyncio.open_connection(host, int(port))
        head = "".join(f"{name}: {value}\r\n" for name, value in SHOWN.items())
        writer.write(f"GET /service/echo HTTP/1.1\r\nHost: a\r\n{head}\r\n".encode())
        await eventually(lambda: first.said(Wants), "it waits")
        writer.close()
        await writer.wait_closed()
        first.silent = False
        first.channel.send(Granted("address", "192.0.2.1", 1, 100.0))  # too late for the first of them
        async with session.get(f"{first.url}/service/echo", headers=SHOWN) as answer:
            assert answer.status == NO_WORKER
        count = len(first.said(Report))
        await eventually(lambda: len(first.said(Report)) > count + 1, "it reports")
        assert first.said(Report)[-1].in_flight == 0
