"""One worker is put out: of credentials, gateway, registry, DHT and overlay, and of what all nodes are told."""

from __future__ import annotations

import contextlib
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from coordinator_server.front import FRONT
from node.dht.node import DhtNode
from node.wire.encoding import b64encode
from node.wire.messages import EnrollAnswer
from node.wire.nebula_pem import read_certificate
from tests.support.channels import hear, open_channel
from tests.support.coordinators import Room, Worker, assignment, coordinator_room, put_out
from tests.support.dht_nodes import QUICK
from tests.support.dht_nodes import worker as record_of
from tests.support.fake_computer import ALLOWED, FakeComputer
from tests.support.mesh_keys import Clock
from tests.support.waiting import eventually


@contextlib.asynccontextmanager
async def in_the_dht(room: Room, worker: Worker) -> AsyncIterator[DhtNode]:
    dht = DhtNode(
        identity=worker.key,
        mesh_public_key=room.coordinator.mesh_key.public_key(),
        subject=worker.worker_id,
        credential=worker.credential,
        clock=room.clock,
        settings=QUICK,
    )
    await dht.start("127.0.0.1", 0)
    try:
        dht.set_bootstrap([("127.0.0.1", room.coordinator.dht.port)])
        await eventually(dht.contacts, "it has joined")
        yield dht
    finally:
        await dht.stop()


@pytest.mark.parametrize("how", ["revoked", "left"])
async def test_who_is_put_out_is_out_everywhere_at_once(tmp_path: Path, how: str) -> None:
    made: list[FakeComputer] = []

    def computers(folder: Path) -> FakeComputer:
        made.append(FakeComputer(folder, ALLOWED))
        return made[-1]

    slow: dict[str, Any] = {"worker_heartbeat": 600.0, "worker_stale": 900.0, "worker_forgotten": 1000.0}
    clock = Clock(time.time())
    async with coordinator_room(
        tmp_path / "c", clock, computers=computers, vpn_endpoints=("198.51.100.7",), **slow
    ) as room:
        coordinator, (machine,) = room.coordinator, made
        router = room.site.app[FRONT].router
        bad, good = room.machine(), await room.worker("good")
        enrolled = await bad.enrol(await room.invite(), worker_id="bad", nebula_public_key=b64encode(b"k" * 32))
        grant = msgspec.json.decode(enrolled.body, type=EnrollAnswer).vpn
        assert grant is not None
        fingerprint = read_certificate(grant.certificate).fingerprint
        for worker in (bad, good):
            await worker.register()
        await bad.heartbeat("ner")
        await eventually(lambda: machine.plans, "Nebula runs")
        assert (await router.explain("ner")).picked == "bad"
        async with in_the_dht(room, bad) as dht:
            await dht.publish(record_of("bad"), ["ner"])
            await eventually(coordinator.dht.peers, "it is a contact")
            assert [found.worker_id for found in await coordinator.dht.find_service("ner")] == ["bad"]
            if how == "revoked":
                await coordinator.workers.revoke("bad")
            else:
                assert (await bad.say("leave")).status == 200
            assert coordinator.registry.member("bad") is None
            assert (await router.explain("ner")).picked is None
            assert await coordinator.dht.find_service("ner") == []
            assert coordinator.dht.peers() == []
        await eventually(lambda: machine.plans[-1].blocklist == (fingerprint,), "its tunnel is cut")
        assert (await bad.heartbeat("ner")).status in (401, 403)
        assert (await bad.say("renew", nebula_public_key=b64encode(b"k" * 32), nonce="n")).status in (401, 403)
        told = put_out(assignment(await good.heartbeat()))
        assert (told.workers, told.certificates) == (("bad",), (fingerprint,))


async def test_a_key_that_was_given_up_is_blocked_everywhere_at_once_and_nobody_is_put_out(tmp_path: Path) -> None:
    clock = Clock(time.time())
    made: list[FakeComputer] = []

    def computers(folder: Path) -> FakeComputer:
        made.append(FakeComputer(folder, ALLOWED))
        return made[-1]

    async with coordinator_room(
        tmp_path / "c", clock, computers=computers, vpn_endpoints=("198.51.100.7",)
    ) as room:
        (machine,), member, other = made, room.machine(), await room.worker("other")
        enrolled = await member.enrol(await room.invite(), nebula_public_key=b64encode(b"k" * 32))
        grant = msgspec.json.decode(enrolled.body, type=EnrollAnswer).vpn
        assert grant is not None
        fingerprint = read_certificate(grant.certificate).fingerprint
        for worker in (member, other):
            await worker.register()
        await eventually(lambda: machine.plans, "Nebula runs")
        async with open_channel(other) as socket:
            assert put_out(await hear(socket)).certificates == ()
            assert (await member.say("renew", nebula_public_key=b64encode(b"l" * 32), nonce="n")).status == 200
            assert put_out(await hear(socket)).certificates == (fingerprint,)
        await eventually(lambda: machine.plans[-1].blocklist == (fingerprint,), "our own Nebula refuses it")
        assert (await member.heartbeat()).status == 200


async def test_a_drained_worker_gets_no_more_requests_and_keeps_its_place(tmp_path: Path) -> None:
    async with coordinator_room(tmp_path / "c", vpn="off") as room:
        router, worker = room.site.app[FRONT].router, await room.worker("w-1")
        await worker.register()
        await worker.heartbeat("ner")
        assert (await router.explain("ner")).picked == "w-1"
        await room.coordinator.workers.drain("w-1")
        assert (await router.explain("ner")).picked is None
        assert room.coordinator.registry.member("w-1") is not None
