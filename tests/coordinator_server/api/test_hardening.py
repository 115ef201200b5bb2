"""What holds for every address: heads that protect browsers, limits of bodies, no line breaks in heads."""

from __future__ import annotations

import io
import ssl
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest

from coordinator_server.api.heads import SECRET
from coordinator_server.api.openapi import ADMIN, PUBLIC, WORKER, Operation
from coordinator_server.listening import read_tls
from coordinator_server.serving import running
from tests.support.certificates import self_signed
from tests.support.coordinators import CATALOGUE, Room, coordinator_room, quick_config
from tests.support.fake_computer import FakeComputer
from tests.support.front import Front, running_front

ASKED = [operation for operation in (*PUBLIC, *ADMIN, *WORKER) if operation.status != 101]
WITH_BODY = [operation for operation in ASKED if operation.body is not None]
DEEP = (b'{"a":' * 100_000, b"[" * 100_000, b'{"capabilities":' + b"[" * 200_000 + b"]" * 200_000 + b"}")


def path_of(operation: Operation) -> str:
    return operation.path.replace("{id}", "x").replace("{file}", "dashboard.css")


@pytest.fixture
async def front(tmp_path: Path) -> AsyncIterator[Front]:
    async with running_front(tmp_path, admin_wrong_tries=1000, vpn="off") as made:
        yield made


async def test_every_answer_and_every_refusal_has_a_strict_head(front: Front) -> None:
    for operation in ASKED:
        for shown in ({}, front.admin):
            async with front.session.request(
                operation.method, front.url + path_of(operation), headers=shown, data=b"{"
            ) as answer:
                where, head = (operation.method, operation.path, answer.status), answer.headers
                assert answer.status < 500 or operation.path == "/entry-points", where
                assert head["X-Content-Type-Options"] == "nosniff", where
                assert head["Referrer-Policy"] == "no-referrer", where
                assert "frame-ancestors 'none'" in head["Content-Security-Policy"], where
                assert "Strict-Transport-Security" not in head, "this is plain HTTP"
                if operation.path.startswith(SECRET):
                    assert head["Cache-Control"] == "no-store", where


async def test_json_that_is_nested_deeply_is_refused_and_breaks_nothing(front: Front) -> None:
    for operation in WITH_BODY:
        for body in DEEP:
            async with front.session.request(
                operation.method, front.url + path_of(operation), headers=front.admin, data=io.BytesIO(body)
            ) as answer:
                assert answer.status in (400, 401, 404, 409, 413, 422), (operation.path, body[:5], answer.status)
    assert (await front.get("/health"))["status"] == "ok"


async def test_no_body_is_read_beyond_its_limit(front: Front) -> None:
    large = b'{"name":"' + b"x" * (2**20) + b'"}'
    for operation in WITH_BODY:
        if operation.auth in ("admin", "none"):
            async with front.session.request(
                operation.method, front.url + path_of(operation), headers=front.admin, data=io.BytesIO(large)
            ) as answer:
                assert answer.status in (404, 409, 413), operation.path


@pytest.mark.parametrize("evil", ["w-1\r\nX-Evil: 1", "w-1\n", "w-1\x00", "w\u0131", "../w", "w 1", ""])
async def test_no_name_that_gets_into_a_head_can_hold_a_line_break(tmp_path: Path, evil: str) -> None:
    async with coordinator_room(tmp_path) as room:
        machine = room.machine()
        answer = await machine.enrol(await room.invite(), worker_id=evil)
        assert (answer.status, answer.problem) == (422, "invalid-body")
        await _ids_are_ours(room)


async def _ids_are_ours(room: Room) -> None:
    async with room.session.get(room.url + "/health", headers={"X-Request-ID": "a b;c"}) as answer:
        assert answer.headers["X-Request-ID"] != "a b;c"


async def test_with_tls_of_its_own_nobody_shall_come_without(tmp_path: Path) -> None:
    certificate, key = self_signed(tmp_path)
    trust = ssl.create_default_context(cafile=str(certificate))
    config = quick_config(tmp_path, tls_cert=str(certificate), tls_key=str(key), vpn="off")
    async with (
        running(config, CATALOGUE, read_tls(config), computers=FakeComputer) as site,
        aiohttp.ClientSession() as session,
    ):
        for path in ("/", "/health", "/api/admin/status", "/service/ner", "/nowhere"):
            async with session.get(site.server.url + path, ssl=trust) as answer:
                assert answer.headers["Strict-Transport-Security"] == "max-age=31536000", path
