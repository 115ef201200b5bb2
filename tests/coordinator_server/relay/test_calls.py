"""What nodes send to one another through the coordinator: who may, what passes, and what is held back."""

from __future__ import annotations

import asyncio
import hashlib
import io
import random
import socket
from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import urlsplit

import aiohttp
import msgspec
import pytest
from aiohttp import WSMsgType
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from coordinator_server.relay.calls import read_target
from node.wire.credentials import place_of
from node.wire.headers import ATTEMPTS, HOPS, MESH_TOKEN
from node.wire.problems import Problem
from node.wire.tokens import LIFE, TokenIssuer
from tests.support.coordinators import Answer, Room, Worker, coordinator_room
from tests.support.relays import CATALOGUE, RelayedWorker, hub, relayed_worker
from tests.support.waiting import eventually

MIB = 2**20
MOST = 6


@pytest.fixture
async def room(tmp_path: Path) -> AsyncIterator[Room]:
    async with coordinator_room(
        tmp_path / "c", catalogue=CATALOGUE, vpn="off", connect_timeout=30.0, relay_requests_per_worker=MOST
    ) as room:
        yield room


@pytest.fixture
async def callee(room: Room) -> AsyncIterator[RelayedWorker]:
    async with relayed_worker(room) as worker:
        yield worker


@pytest.fixture
async def caller(room: Room) -> Worker:
    return await room.worker("caller")


def issuer(worker: Worker) -> TokenIssuer:
    return TokenIssuer(worker.key, worker.worker_id, worker.credential, worker.clock)


def proof(worker: Worker, audience: str = "w1", **more: str) -> dict[str, str]:
    return {MESH_TOKEN: issuer(worker).issue(audience), HOPS: "1", **more}


def at(room: Room, path: str, worker_id: str = "w1") -> str:
    return f"{room.url}/relay/{worker_id}/service/ner/{path}"


async def ask(client: aiohttp.ClientSession, url: str, headers: dict[str, str], data: bytes = b"hello") -> Answer:
    async with client.post(url, data=io.BytesIO(data), headers=headers) as answer:
        return Answer(answer.status, answer.headers, await answer.read())


def refused(answer: Answer) -> tuple[int, str]:
    assert ATTEMPTS not in answer.headers, "nobody has seen the request"
    return answer.status, answer.problem


# --- what passes ------------------------------------------------------------------------------------------------


async def test_a_hundred_calls_pass_and_so_do_large_bodies_both_ways(
    room: Room, callee: RelayedWorker, caller: Worker, client: aiohttp.ClientSession
) -> None:
    async def some(number: int) -> None:
        for turn in range(20):
            text = b"%d %d" % (number, turn)
            answer = await ask(client, at(room, "echo"), proof(caller), text)
            assert (answer.status, answer.body) == (200, text)

    await asyncio.gather(*(some(number) for number in range(5)))
    assert callee.services.peers == {"relay"}, "nobody came to its port"

    sent = random.Random(1).randbytes(20 * MIB)
    async with client.post(at(room, "digest"), data=io.BytesIO(sent), headers=proof(caller)) as answer:
        assert await answer.json() == {"digest": hashlib.sha256(sent).hexdigest(), "size": len(sent)}
    async with client.get(at(room, f"much/{20 * MIB}"), headers=proof(caller)) as answer:
        assert len(await answer.read()) == 20 * MIB


async def test_events_and_websockets_pass_as_they_come(
    room: Room, callee: RelayedWorker, caller: Worker, client: aiohttp.ClientSession
) -> None:
    async with client.get(at(room, "events"), headers=proof(caller)) as events:
        assert await events.content.readline() == b"data: 0\n"
        callee.services.go_on.set()
        assert (await events.content.read()).endswith(b"data: last\n\n")
    async with client.get(at(room, "events"), headers=proof(caller)) as events:
        callee.services.go_on.clear()
        await events.content.readline()
        events.close()
    async with client.ws_connect(at(room, "socket"), headers=proof(caller)) as websocket:
        await websocket.send_str("forwards")
        assert (await websocket.receive(60)).data == "sdrawrof"
        await websocket.send_bytes(b"\x00" * MIB)
        message = await websocket.receive(60)
        assert (message.type, len(message.data)) == (WSMsgType.BINARY, MIB)


async def test_of_a_head_only_what_is_for_the_worker_passes(
    room: Room, callee: RelayedWorker, caller: Worker, client: aiohttp.ClientSession
) -> None:
    callee.services.heads.clear()
    sent = proof(
        caller,
        **{
            "Authorization": "Bearer rma_key",
            "X-API-Key": "rma_key",
            "Cookie": "a=b",
            "X-RMA-Service-Token": "guess",
            "X-RMA-Client": "https 10.0.0.1 1",
            "X-Request-ID": "the-callers-own",
            "X-Forwarded-For": "198.51.100.7",
            "X-Mine": "passes",
        },
    )
    assert (await ask(client, at(room, "echo") + "?a=1&b=%26", sent)).status == 200
    target, head = callee.services.heads[-1]
    assert target == "/service/ner/echo?a=1&b=%26"
    assert {name for name in head if name.lower().startswith("x-rma-")} == {MESH_TOKEN, HOPS}
    assert (head[MESH_TOKEN], head[HOPS]) == (sent[MESH_TOKEN], "1")
    assert not {"Authorization", "X-API-Key", "Cookie"} & set(head)
    assert (head["X-Request-ID"], head["X-Forwarded-For"]) == ("the-callers-own", "198.51.100.7")
    assert (head["X-Mine"], head["Host"]) == ("passes", "w1")

    del sent[HOPS]
    assert (await ask(client, at(room, "echo"), sent)).status == 200
    assert callee.services.heads[-1][1][HOPS] == "1", "it is served there or not at all"
    assert refused(await ask(client, at(room, "echo"), {**sent, HOPS: "2"})) == (508, "loop-detected")


# --- who may ----------------------------------------------------------------------------------------------------


async def test_only_a_members_own_token_for_that_very_worker_is_let_in(
    room: Room, callee: RelayedWorker, caller: Worker, client: aiohttp.ClientSession
) -> None:
    callee.services.heads.clear()
    own = issuer(caller)
    stranger = TokenIssuer(Ed25519PrivateKey.generate(), "caller", caller.credential, room.clock)
    impostor = TokenIssuer(caller.key, "w1", caller.credential, room.clock)
    wrong = {
        "": "none",
        "nonsense": "no token",
        own.issue("somebody-else"): "for another worker",
        own.issue(room.coordinator.coordinator_id): "for the coordinator",
        stranger.issue("w1"): "by another key",
        impostor.issue("w1"): "in another name",
        own.issue("w1")[:-4] + "AAAA": "with another signature",
    }
    for token, what in wrong.items():
        head = {MESH_TOKEN: token} if token else {}
        assert refused(await ask(client, at(room, "echo"), head)) == (401, "unauthorized"), what
    _, key = await room.coordinator.keys.create("frontend")
    for head in (
        {"Authorization": f"Bearer {key}"},
        {"X-API-Key": key},
        {"Authorization": f"Bearer {caller.token}"},
    ):
        assert refused(await ask(client, at(room, "echo"), head)) == (401, "unauthorized"), "no key opens it"
    good = proof(caller)
    assert (await ask(client, at(room, "echo"), good)).status == 200
    room.clock.now += LIFE + 600
    assert refused(await ask(client, at(room, "echo"), good)) == (401, "unauthorized"), "it has expired"
    room.clock.now -= LIFE + 600
    assert len(callee.services.heads) == 1, "the worker saw nothing of all that"
    assert "relay-refused" in await room.actions()


async def test_a_token_of_another_mesh_is_refused(
    room: Room, callee: RelayedWorker, tmp_path: Path, client: aiohttp.ClientSession
) -> None:
    async with coordinator_room(tmp_path / "other", vpn="off") as other:
        foreigner = await other.worker("caller")
    assert refused(await ask(client, at(room, "echo"), proof(foreigner))) == (401, "unauthorized")


async def test_who_is_revoked_neither_calls_nor_is_called(
    room: Room, callee: RelayedWorker, caller: Worker, client: aiohttp.ClientSession
) -> None:
    other = await room.worker("other")
    assert (await ask(client, at(room, "echo"), proof(caller))).status == 200
    async with client.get(at(room, "events"), headers=proof(caller)) as events:
        await events.content.readline()
        await room.coordinator.workers.revoke("caller")
        with pytest.raises(aiohttp.ClientPayloadError):  # what had begun ends, too
            await events.content.read()
    await callee.services.cancelled.wait()
    assert refused(await ask(client, at(room, "echo"), proof(caller))) == (401, "unauthorized")
    assert (await ask(client, at(room, "echo"), proof(other))).status == 200
    await room.coordinator.workers.revoke("w1")
    hub(room).cut("w1")
    assert refused(await ask(client, at(room, "echo"), proof(other))) == (503, "relay-lost")


async def test_the_access_log_says_who_called_whom(tmp_path: Path, client: aiohttp.ClientSession) -> None:
    file = tmp_path / "access.log"
    async with coordinator_room(tmp_path / "c", catalogue=CATALOGUE, vpn="off", access_log=str(file)) as room:
        caller = await room.worker("caller")
        async with relayed_worker(room):
            assert (await ask(client, at(room, "echo"), proof(caller))).status == 200
    lines = [msgspec.json.decode(line) for line in file.read_bytes().splitlines()]
    (line,) = [line for line in lines if line["path"].startswith("/relay/")]
    told = {name: line[name] for name in ("caller", "service", "worker", "route", "status", "attempts")}
    assert told == {
        "caller": "caller", "service": "ner", "worker": "w1", "route": "relay", "status": 200, "attempts": 1,
    }  # fmt: skip


# --- where it leads ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("target", "split"),
    [
        ("/relay/w1/service/ner", ("w1", "ner", "", "")),
        ("/relay/w1/service/ner/", ("w1", "ner", "/", "")),
        ("/relay/w1/service/ner/a%20b?c=/../d", ("w1", "ner", "/a%20b", "?c=/../d")),
        ("/relay/a.b-c_d/service/ner?", ("a.b-c_d", "ner", "", "?")),
    ],
)
def test_an_address_names_worker_service_path_and_query(target: str, split: tuple[str, str, str, str]) -> None:
    assert read_target(target) == split


@pytest.mark.parametrize(
    "target",
    [
        "/relay/",
        "/relay//service/ner",
        "/relay/w1",
        "/relay/w1/",
        "/relay/w1/stats",
        "/relay/w1/health",
        "/relay/w1/servicener",
        "/relay/w1//service/ner",
        "/relay/w1/service/ner/../../stats",
        "/relay/w1/../w2/service/ner",
        "/relay/w1/%2e%2e/w2/service/ner",
        "/relay/..%2fw2/service/ner",
        "/relay/w1%2fservice/ner",
        "/relay/w%31/service/ner",
        "/relay/w1;x/service/ner",
        "/relay/w1\\service\\ner",
        "/relay/.w1/service/ner",
        "/relay/w1@evil/service/ner",
        "/relay/w1:80/service/ner",
        "/relay/" + "w" * 65 + "/service/ner",
        "/relay/w1/service/ner/..;/x",
        "/relay/w1/service/ner/a%0d%0ab",
        "/relay/w1/service/ner/%5c..%5cx",
    ],
)
def test_what_could_be_read_in_another_way_is_refused(target: str) -> None:
    with pytest.raises(Problem) as problem:
        read_target(target)
    assert problem.value.status in (400, 404)


@pytest.mark.parametrize(
    "target",
    [
        "/relay/w1/service/../../health",
        "/relay/w1/health",
        "/relay/../service/ner/echo",
        "/%72elay/w1/service/ner/echo",
    ],
)
async def test_nothing_but_services_is_reached(
    room: Room, callee: RelayedWorker, caller: Worker, target: str
) -> None:
    callee.services.heads.clear()
    head = f"POST {target} HTTP/1.1\r\nHost: c\r\n{MESH_TOKEN}: {issuer(caller).issue('w1')}\r\n"
    assert b" 40" in (await raw(room, head + "Content-Length: 0\r\nConnection: close\r\n\r\n"))[:13]
    assert callee.services.heads == []


@pytest.mark.parametrize(
    "lines", ["Content-Length: 5\r\nTransfer-Encoding: chunked\r\n", "X-RMA-Token: another\r\n"]
)
async def test_a_head_with_two_meanings_is_refused(
    room: Room, callee: RelayedWorker, caller: Worker, lines: str
) -> None:
    callee.services.heads.clear()
    head = f"POST /relay/w1/service/ner/echo HTTP/1.1\r\nHost: c\r\n{MESH_TOKEN}: {issuer(caller).issue('w1')}\r\n"
    assert b" 40" in (await raw(room, f"{head}{lines}Connection: close\r\n\r\n"))[:13]
    assert callee.services.heads == []


async def raw(room: Room, request: str) -> bytes:
    """Send these very bytes; return what is answered."""
    parts = urlsplit(room.url)
    async with asyncio.timeout(60):
        reader, writer = await asyncio.open_connection(parts.hostname, parts.port, family=socket.AF_INET)
        writer.write(request.encode())
        answer = await reader.read()
        writer.close()
        await writer.wait_closed()
    return answer


async def test_who_is_not_there_is_told_apart_from_what_is_not_there(
    room: Room, callee: RelayedWorker, caller: Worker, client: aiohttp.ClientSession
) -> None:
    away = await room.worker("away")
    for name in ("away", "nobody"):
        answer = await ask(client, at(room, "echo", name), proof(caller, name))
        assert refused(answer) == (503, "relay-lost")
        assert answer.headers["Retry-After"]
    url = f"{room.url}/relay/w1/service/unheard-of/x"
    assert refused(await ask(client, url, proof(caller))) == (404, "unknown-service")
    assert away.worker_id == "away"


# --- how much ---------------------------------------------------------------------------------------------------


async def test_a_body_is_as_large_as_the_service_takes_and_no_larger(
    room: Room, callee: RelayedWorker, caller: Worker, client: aiohttp.ClientSession
) -> None:
    limit = CATALOGUE.resolve("ner").max_body_bytes  # type: ignore[union-attr]  # it is in it

    async def chunks() -> AsyncIterator[bytes]:
        for _ in range(limit // MIB + 2):
            yield bytes(MIB)

    head = proof(caller)
    start = f"POST /relay/w1/service/ner/echo HTTP/1.1\r\nHost: c\r\n{MESH_TOKEN}: {head[MESH_TOKEN]}\r\n"
    told = f"{start}Content-Length: {limit + 1}\r\nConnection: close\r\n\r\n"
    assert b" 413 " in (await raw(room, told))[:13]
    async with client.post(at(room, "digest"), data=chunks(), headers=head) as answer:
        assert answer.status == 413


async def test_one_member_does_not_take_the_relay_for_itself(
    room: Room, callee: RelayedWorker, caller: Worker, client: aiohttp.ClientSession
) -> None:
    other = await room.worker("other")
    services = callee.services
    async with asyncio.TaskGroup() as group:
        stuck = [group.create_task(ask(client, at(room, "stuck"), proof(caller))) for _ in range(MOST)]
        await eventually(lambda: services.stuck == MOST, "as many as may are on their way")
        answer = await ask(client, at(room, "echo"), proof(caller))
        assert refused(answer) == (503, "overloaded")
        assert answer.headers["Retry-After"]
        assert (await ask(client, at(room, "echo"), proof(other))).status == 200, "others are served"
        stuck[0].cancel()
        services.go_on.set()
    assert {task.result().status for task in stuck[1:]} == {200}
    for _ in range(2 * MOST):
        assert (await ask(client, at(room, "echo"), proof(caller))).status == 200


async def test_another_coordinator_asks_for_many(
    room: Room, callee: RelayedWorker, client: aiohttp.ClientSession
) -> None:
    key = Ed25519PrivateKey.generate()
    public = key.public_key().public_bytes_raw()
    office = room.coordinator.enroller.office
    credential = office.issue("c-2", "coordinator", public, "vetted", room.clock(), place=place_of(public, key))
    asker = room.machine()
    asker.key, asker.worker_id, asker.credential = key, "c-2", credential
    async with asyncio.TaskGroup() as group:
        stuck = [group.create_task(ask(client, at(room, "stuck"), proof(asker))) for _ in range(3 * MOST)]
        await eventually(lambda: callee.services.stuck == 3 * MOST, "they are on their way")
        again = await ask(client, at(room, "echo"), {**proof(asker), HOPS: "2"})
        assert refused(again) == (508, "loop-detected")
        callee.services.go_on.set()
    assert {task.result().status for task in stuck} == {200}
    assert refused(await ask(client, at(room, "echo", "w2"), proof(asker, "w2"))) == (503, "relay-lost")


async def test_a_worker_that_breaks_off_is_not_taken_for_one_that_saw_nothing(
    room: Room, callee: RelayedWorker, caller: Worker, client: aiohttp.ClientSession
) -> None:
    async with asyncio.TaskGroup() as group:
        asking = group.create_task(ask(client, at(room, "stuck"), proof(caller)))
        await eventually(lambda: callee.services.stuck == 1, "the worker is at it")
        await room.coordinator.workers.revoke("w1")
        hub(room).cut("w1")
    assert refused(asking.result()) == (502, "upstream-failed")


async def test_all_processes_of_a_coordinator_pass_calls_on(tmp_path: Path) -> None:
    async with coordinator_room(
        tmp_path / "c",
        catalogue=CATALOGUE,
        vpn="off",
        workers=3,
        connect_timeout=30.0,
        relay_requests_per_worker=MOST,
    ) as room:
        caller = await room.worker("caller")
        connector = aiohttp.TCPConnector(limit=0, force_close=True)  # so that all processes are asked
        async with relayed_worker(room) as callee, aiohttp.ClientSession(connector=connector) as client:
            for number in range(30):
                answer = await ask(client, at(room, "echo"), proof(caller), b"%d" % number)
                assert (answer.status, answer.body) == (200, b"%d" % number)
            sent = random.Random(2).randbytes(3 * MIB)
            for _ in range(6):
                answer = await ask(client, at(room, "digest"), proof(caller), sent)
                assert answer.json == {"digest": hashlib.sha256(sent).hexdigest(), "size": len(sent)}
                async with client.ws_connect(at(room, "socket"), headers=proof(caller)) as websocket:
                    await websocket.send_str("forwards")
                    assert (await websocket.receive(60)).data == "sdrawrof"
            for _ in range(6):
                refusal = await ask(client, at(room, "echo"), proof(caller, "another"))
                assert refused(refusal) == (401, "unauthorized")
            async with asyncio.TaskGroup() as group:
                stuck = [group.create_task(ask(client, at(room, "stuck"), proof(caller))) for _ in range(MOST)]
                await eventually(lambda: callee.services.stuck == MOST, "as many as may are on their way")
                for _ in range(4):
                    full = await ask(client, at(room, "echo"), proof(caller))
                    assert refused(full) == (503, "overloaded"), "all processes count together"
                callee.services.go_on.set()
            assert {task.result().status for task in stuck} == {200}
            assert (await ask(client, at(room, "echo"), proof(caller))).status == 200
