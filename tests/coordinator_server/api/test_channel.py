"""The channel at the door: who gets one, what is done with those who misbehave on it, and what it tells."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from aiohttp import WSCloseCode
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from coordinator_server.channel import line
from node.wire.channel import KIND, LARGEST_FROM_WORKER, PATH, RELAY, RELAY_ONLY, Close, read_open
from node.wire.credentials import CLOCK_SKEW
from node.wire.headers import SIGNATURE
from node.wire.messages import HeartbeatRequest
from tests.support.channels import (
    DEADLINE,
    Socket,
    channels,
    close_code,
    hear,
    open_channel,
    signed,
    status_of,
)
from tests.support.coordinators import HOURLY, Room, Worker, assignment, coordinator_room, put_out
from tests.support.relays import hub
from tests.support.waiting import eventually

WEEK = 7 * 86400.0


@pytest.fixture
async def room(tmp_path: Path) -> AsyncIterator[Room]:
    async with coordinator_room(tmp_path / "c", vpn="off", **HOURLY) as room:
        yield room


async def test_a_worker_is_told_how_things_are_and_what_changes(room: Room) -> None:
    anna, eve = await room.worker("anna", trust="vetted"), await room.worker("eve")
    for worker in (anna, eve):
        await worker.register()
    await eve.heartbeat()
    async with open_channel(anna) as socket:
        first = await hear(socket)
        assert first == assignment(await anna.heartbeat()), "word for word what a heartbeat is answered"
        assert set(first.services) == {"ner", "notes"}
        await room.coordinator.workers.revoke("eve")
        told = await hear(socket)
        assert put_out(told).workers == ("eve",)
        assert told == assignment(await anna.heartbeat())
        await room.coordinator.workers.drain("anna")
        while not told.draining or told.services:
            told = await hear(socket)
        assert told == assignment(await anna.heartbeat())
    await eventually(lambda: not len(channels(room)), "it is forgotten")
    metrics = (await anna.get("/metrics")).body.decode()
    assert "rma_channels 0.0" in metrics
    assert f"rma_channel_pushes_total {float(channels(room).pushes)}" in metrics
    assert channels(room).pushes >= 3


async def test_what_changes_for_one_is_told_to_nobody_else(room: Room) -> None:
    anna, ben = await room.worker("anna"), await room.worker("ben")
    for worker in (anna, ben):
        await worker.register()
    async with open_channel(anna) as hers, open_channel(ben) as his:
        assert (await hear(hers)).services
        await hear(his)
        before = channels(room).pushes
        await room.coordinator.workers.drain("anna")
        told = await hear(hers)
        while not told.draining:
            told = await hear(hers)
        await ben.heartbeat()
        await eventually(lambda: not channels(room)._marked, "all was looked at")
        assert channels(room).pushes - before <= 2
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.2):
                await his.receive()


async def test_nobody_gets_one_without_a_token_of_his_own(room: Room, tmp_path: Path) -> None:
    worker, thief, elsewhere = await room.worker("w-1"), room.machine(), room.machine()
    async with coordinator_room(tmp_path / "other", room.clock, vpn="off") as other:
        stranger = await other.worker("w-1")
    thief.worker_id, thief.credential = "w-1", worker.credential
    elsewhere.key, elsewhere.worker_id, elsewhere.credential = worker.key, "w-1", worker.credential
    elsewhere.audience = "coordinator-00000000"
    tokens = {
        "none": "",
        "basic": f"Basic {worker.token}",
        "garbage": "Bearer garbage",
        "forged": f"Bearer {thief.token}",
        "foreign mesh": f"Bearer {stranger.token}",
        "another coordinator's": f"Bearer {elsewhere.token}",
        "the coordinator's own": "Bearer " + room.coordinator.token_issuer.issue(room.coordinator.coordinator_id),
        "expired": f"Bearer {worker.token}",
    }
    for name, value in tokens.items():
        if name == "expired":
            room.clock.now += 60 + CLOCK_SKEW + 1
        sent = {**signed(worker, value.removeprefix("Bearer ")), "Authorization": value} if value else {}
        assert await status_of(worker, sent) == 401, name
    for origin in ("https://evil.example", room.url, "null"):
        assert await status_of(worker, {**signed(worker), "Origin": origin}) == 403
    assert await status_of(worker, {"Cookie": f"Bearer {worker.token}"}) == 401
    await room.coordinator.workers.revoke("w-1")
    assert await status_of(worker, signed(worker)) == 403
    assert not len(channels(room))


async def test_what_was_overheard_opens_none(room: Room) -> None:
    worker, thief = await room.worker("w-1"), await room.worker("w-2")
    await worker.register()
    overheard = signed(worker)
    async with open_channel(worker, overheard) as socket:
        await hear(socket)
        assert await status_of(worker, {"Authorization": overheard["Authorization"]}) == 401  # the token alone
        assert await status_of(worker, overheard) == 401  # all of it, once more
        forged = signed(thief, worker.token)
        assert await status_of(worker, forged) == 401
        assert len(channels(room)) == 1
        await room.coordinator.workers.drain("w-1")
        assert (await hear(socket)).draining  # it was not replaced


async def test_it_is_for_websockets(room: Room) -> None:
    worker = await room.worker()
    async with worker.session.get(worker.url + PATH, headers=signed(worker)) as answer:
        assert (answer.status, (await answer.json())["type"].rpartition("/")[2]) == (426, "invalid-request")


async def test_who_has_not_registered_is_told_to_do_so(room: Room) -> None:
    worker = await room.worker()
    async with open_channel(worker) as socket:
        assert await close_code(socket) == Close.UNKNOWN_WORKER
    await worker.register()
    async with open_channel(worker) as socket:
        await hear(socket)
        room.coordinator.registry.leave(worker.worker_id)
        assert await close_code(socket) == Close.UNKNOWN_WORKER, "it was forgotten"


async def test_who_is_put_out_hears_it_at_once_and_so_does_who_leaves(room: Room) -> None:
    for how in ("revoked", "left"):
        worker = await room.worker(how)
        await worker.register()
        async with open_channel(worker) as socket:
            await hear(socket)
            if how == "revoked":
                await room.coordinator.workers.revoke(how)
            else:
                await worker.say("leave")
            assert await close_code(socket) == Close.EXPELLED
        assert (await worker.heartbeat()).status in (401, 403)


async def test_it_ends_with_the_credential_that_it_was_opened_with(room: Room) -> None:
    worker = await room.worker()
    await worker.register()
    async with open_channel(worker) as socket:
        await hear(socket)
        room.clock.now += WEEK
        room.coordinator.registry.heartbeat(HeartbeatRequest(worker_id=worker.worker_id))
        await room.coordinator.workers.drain(worker.worker_id)
        assert (await hear(socket)).draining, "clocks may differ a little"
        room.clock.now += CLOCK_SKEW + 1
        assert await close_code(socket) == Close.EXPIRED


async def test_a_newer_channel_takes_the_place_of_the_older_one(room: Room) -> None:
    worker = await room.worker()
    await worker.register()
    async with open_channel(worker) as older:
        await hear(older)
        async with open_channel(worker) as newer:
            await hear(newer)
            assert await close_code(older) == Close.REPLACED
            assert len(channels(room)) == 1
            await room.coordinator.workers.drain(worker.worker_id)
            assert (await hear(newer)).draining


async def test_there_are_only_so_many(tmp_path: Path) -> None:
    async with coordinator_room(tmp_path / "c", vpn="off", channels=1) as room:
        anna, ben = await room.worker("anna"), await room.worker("ben")
        for worker in (anna, ben):
            await worker.register()
        async with open_channel(anna) as socket:
            await hear(socket)
            assert await status_of(ben, signed(ben)) == 503
            async with open_channel(anna) as again:
                await hear(again)
        await eventually(lambda: not len(channels(room)), "there is room again")
        async with open_channel(ben) as socket:
            await hear(socket)


async def test_messages_of_unknown_types_and_binary_ones_are_passed_over(room: Room) -> None:
    worker = await room.worker()
    await worker.register()
    async with open_channel(worker) as socket:
        await hear(socket)
        await socket.send_str('{"type": "later", "more": [1, 2]}')
        await socket.send_bytes(b"\x00" * 1000)
        await socket.ping()
        await room.coordinator.workers.drain(worker.worker_id)
        assert (await hear(socket)).draining


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("x" * (LARGEST_FROM_WORKER + 1), WSCloseCode.MESSAGE_TOO_BIG),
        ("no JSON", WSCloseCode.INVALID_TEXT),
        ("[]", WSCloseCode.INVALID_TEXT),
        ('{"no": "type"}', WSCloseCode.INVALID_TEXT),
        ('{"type": 5}', WSCloseCode.INVALID_TEXT),
        ("[" * 60_000, WSCloseCode.INVALID_TEXT),
    ],
)
async def test_what_is_no_message_ends_it(room: Room, text: str, code: int) -> None:
    worker = await room.worker()
    await worker.register()
    async with open_channel(worker) as socket:
        await hear(socket)
        await socket.send_str(text)
        assert await close_code(socket) == code
    await eventually(lambda: not len(channels(room)), "it is gone")
    async with open_channel(worker) as socket:
        await hear(socket)


@pytest.mark.parametrize("kind", ["text", "binary", "ping"])
async def test_a_flood_ends_it(room: Room, kind: str) -> None:
    worker = await room.worker()
    await worker.register()
    async with open_channel(worker) as socket:
        await hear(socket)
        with contextlib.suppress(ConnectionError):
            for _ in range(20 * line.MOST_HEARD):
                if kind == "text":
                    await socket.send_str('{"type": "x"}')
                elif kind == "binary":
                    await socket.send_bytes(b"x")
                else:
                    await socket.ping()
        assert await close_code(socket) in (WSCloseCode.POLICY_VIOLATION, WSCloseCode.ABNORMAL_CLOSURE)
    await eventually(lambda: not len(channels(room)), "it is gone")


async def test_a_coordinator_that_stops_says_so_and_waits_for_no_channel(tmp_path: Path) -> None:
    async with coordinator_room(tmp_path / "c", vpn="off") as room:
        worker = await room.worker()
        await worker.register()
        async with open_channel(worker) as socket:
            await hear(socket)
            channels(room).drain()
            assert await close_code(socket) == WSCloseCode.GOING_AWAY
            assert await status_of(worker, signed(worker)) == 503


async def test_a_machine_that_is_gone_without_a_word_is_noticed(tmp_path: Path) -> None:
    async with coordinator_room(tmp_path / "c", vpn="off", channel_ping=0.2) as room:
        worker = await room.worker()
        await worker.register()
        async with worker.session.ws_connect(worker.url + PATH, headers=signed(worker), autoping=False) as socket:
            await hear(socket)  # and never reads again, so that no ping is answered
            await eventually(lambda: not len(channels(room)), "it was cut")


async def test_keys_are_not_enough(room: Room) -> None:
    worker = await room.worker("w-1")
    worker.key = Ed25519PrivateKey.generate()
    assert await status_of(worker, signed(worker)) == 401


# --- a second one, for the relay alone ------------------------------------------------------------------------


def aside(worker: Worker, **more: str) -> dict[str, str]:
    """Return what a worker opens its second channel with."""
    return {**signed(worker), KIND: RELAY_ONLY, RELAY: "8", **more}


async def asked(socket: Socket) -> int:
    """Return for how many connections a worker is asked next."""
    async with asyncio.timeout(DEADLINE):
        message = await socket.receive()
    return len(read_open(message.data).tickets)


def wants(room: Room, worker: Worker) -> asyncio.Task[bool]:
    """Have somebody want to connect to a worker."""
    loop = asyncio.get_running_loop()
    return loop.create_task(hub(room).connect(worker.worker_id, asyncio.Protocol()))


async def test_a_worker_that_is_not_registered_is_asked_for_connections_and_told_nothing_else(room: Room) -> None:
    worker = await room.worker("anna")
    async with open_channel(worker, aside(worker)) as socket:
        await eventually(lambda: hub(room).offers("anna"), "it is offered")
        assert room.coordinator.registry.member("anna") is None
        waiting = wants(room, worker)
        assert await asked(socket) >= 1
        await room.coordinator.workers.drain("anna")
        await worker.register()
        await eventually(lambda: not channels(room)._marked, "all was looked at")
        assert channels(room).pushes == 0
        waiting.cancel()
        room.clock.now += WEEK + 10 * CLOCK_SKEW
        assert await close_code(socket) == Close.EXPIRED
    await eventually(lambda: not len(channels(room)), "it is forgotten")


async def test_the_first_channel_replaces_the_second_one_and_never_the_other_way_round(room: Room) -> None:
    worker = await room.worker("anna")
    await worker.register()
    async with open_channel(worker, aside(worker)) as second:
        await eventually(lambda: hub(room).offers("anna"), "it is offered")
        async with open_channel(worker, {**signed(worker), RELAY: "8"}) as first:
            assert await close_code(second) == Close.REPLACED
            assert (await hear(first)).coordinators
            waiting = wants(room, worker)
            assert await asked(first) >= 1
            async with open_channel(worker, aside(worker)) as newer:
                assert await asked(newer) >= 1, "the newer of both is asked, as the other may be dead"
                await room.coordinator.workers.drain("anna")
                assert (await hear(first)).draining, "and it is still told of what changes"
            await eventually(lambda: len(channels(room)) == 1, "the second has ended")
            assert await asked(first) >= 1
            waiting.cancel()
        await eventually(lambda: not len(channels(room)), "both have ended")


async def test_nobody_gets_a_second_channel_without_a_token_of_his_own(room: Room) -> None:
    anna, eve = await room.worker("anna"), await room.worker("eve")
    stolen = {**aside(eve), "Authorization": f"Bearer {anna.token}"}
    assert await status_of(eve, stolen) == 401, "who overheard a token cannot sign with its key"
    unsigned = aside(anna)
    del unsigned[SIGNATURE]
    assert await status_of(anna, unsigned) == 401
    eve.worker_id = "anna"
    assert await status_of(eve, aside(eve)) == 401, "another worker's id"
    assert await status_of(anna, aside(anna, **{RELAY: "0"})) == 400
    assert await status_of(anna, aside(anna, **{KIND: "everything"})) == 400
    old = anna.token
    await room.coordinator.workers.revoke("anna")
    assert await status_of(anna, {**signed(anna, old), KIND: RELAY_ONLY, RELAY: "8"}) == 403
    ben = await room.worker("ben")
    room.clock.now += WEEK + 10 * CLOCK_SKEW
    assert await status_of(ben, aside(ben)) == 401, "its credential has expired"
