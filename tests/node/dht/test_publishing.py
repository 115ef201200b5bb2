"""What a node says of itself: at once when it is new, again before it expires, and never after it left."""

from __future__ import annotations

import time
from dataclasses import replace

import msgspec
import pytest

from node.dht.publishing import LOAD_CHANGE, Statement
from node.dht.records import Kind
from node.dht.settings import DhtSettings
from node.dht.storage import StorageCaps
from node.wire import credentials
from node.wire.messages import Endpoints
from tests.support.dht_nodes import QUICK, Clock, Mesh, coordinator, found, until, worker

SLOW = DhtSettings(rpc_timeout=0.3, republish=3000.0, rejoin_longest=0.5)


def test_a_statement_stands_under_one_key_per_service_and_its_own() -> None:
    statement = Statement(worker("one"), ("ocr", "llm"), coordinator("one"))
    assert statement.places() == {
        (Kind.WORKER, ""),
        (Kind.SERVICE, "ocr"),
        (Kind.SERVICE, "llm"),
        (Kind.COORDINATOR, ""),
        (Kind.COORDINATORS, ""),
    }
    assert Statement().places() == frozenset()


def test_only_what_matters_is_announced_out_of_turn() -> None:
    before = Statement(worker("one", load=0.5), ("ocr",))
    assert not before.differs(before)
    assert not Statement(worker("one", load=0.5 + LOAD_CHANGE / 2), ("ocr",)).differs(before)
    assert Statement(worker("one", load=0.5 + 1.5 * LOAD_CHANGE), ("ocr",)).differs(before)
    assert Statement(worker("one", load=0.5), ("ocr", "llm")).differs(before)
    assert Statement().differs(before)
    moved = msgspec.structs.replace(worker("one", load=0.5), endpoints=Endpoints(port=9))
    assert Statement(moved, ("ocr",)).differs(before)


async def test_who_had_a_clock_far_ahead_is_believed_again_once_it_is_right(mesh: Mesh, clock: Clock) -> None:
    async with mesh.running(mesh.node("one", settings=SLOW)) as (one,):
        clock.now += 3600
        await one.publish(worker("one", load=0.1), ["ocr"])
        clock.now -= 3600
        await one.publish(worker("one", load=0.9), ["ocr"])
        (record,) = await one.find_service("ocr")
        assert record.load == 0.9


async def test_a_small_change_waits_for_its_turn(mesh: Mesh) -> None:
    async with mesh.running(mesh.node("one", settings=SLOW)) as (one,):
        await one.publish(worker("one", load=0.5), ["ocr"])
        published = one.stats().published
        await one.publish(worker("one", load=0.51), ["ocr"])
        assert one.stats().published == published
        await one.publish(worker("one", load=0.7), ["ocr"])
        assert one.stats().published == published + 2
        (record,) = await one.find_service("ocr")
        assert record.load == 0.7


async def test_it_is_said_again_and_with_the_latest_load() -> None:
    mesh = Mesh()
    async with mesh.running(mesh.node("one"), mesh.node("two")) as (one, two):
        await until(two.contacts, "joined")
        await one.publish(worker("one", load=0.5), ["ocr"])
        await one.publish(worker("one", load=0.52), ["ocr"])
        published = one.stats().published
        await until(lambda: one.stats().published >= published + 4, "said again, twice")
        (record,) = await two.find_service("ocr")
        assert record.load == 0.52


async def test_what_was_said_while_alone_is_said_again_on_joining(mesh: Mesh) -> None:
    async with mesh.running(mesh.node("old", settings=SLOW)) as (old,):
        lone = mesh.node("lone", settings=SLOW)
        await lone.publish(worker("lone"), ["ocr"])  # not even started yet
        async with mesh.running(lone):
            lone.set_bootstrap([("127.0.0.1", old.port)])
            await until(lambda: old.stats().entries == 2, "said on joining")
            assert [record.worker_id for record in await old.find_service("ocr")] == ["lone"]


async def test_a_sequence_always_rises_even_when_the_clock_does_not(mesh: Mesh, clock: Clock) -> None:
    async with mesh.running(mesh.node("one", settings=SLOW)) as (one,):
        for load in (0.1, 0.5, 0.9):
            clock.now -= 1
            await one.publish(worker("one", load=load), ["ocr"])
        (record,) = await one.find_service("ocr")
        assert record.load == 0.9


async def test_an_expired_credential_is_said_in_the_log_and_its_renewal_mends_it(
    mesh: Mesh, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    member = mesh.member("one", life=60)
    async with mesh.running(mesh.node(member, settings=SLOW)) as (one,):
        clock.now += 300
        await one.publish(worker("one"), ["ocr"])
        assert "credential has expired" in caplog.text
        assert one.stats().rejected["credential"] == 2
        one.renew(_credential_for(mesh, member.identity.public_key().public_bytes_raw()))
        await one.publish(worker("one", load=0.9), ["ocr"])
        assert len(await one.find_service("ocr")) == 1


def _credential_for(mesh: Mesh, public_key: bytes) -> str:
    held = credentials.peek(mesh.member("one").credential)
    return credentials.issue(msgspec.structs.replace(held, public_key=public_key), mesh.key)


async def test_a_node_without_room_of_its_own_still_tells_the_others(mesh: Mesh) -> None:
    cramped = replace(QUICK, caps=StorageCaps(in_all=1))
    async with mesh.running(mesh.node("one", settings=cramped), mesh.node("two")) as (one, two):
        await until(one.contacts, "they know one another")
        await one.publish(worker("one"), ["ocr", "llm"])
        for service in ("ocr", "llm"):
            await found(two, service, "one")
        assert one.stats().entries == 1


async def test_leaving_is_bounded_even_when_nobody_answers(mesh: Mesh, monkeypatch: pytest.MonkeyPatch) -> None:
    patient = DhtSettings(rpc_timeout=300.0, republish=3000.0)
    monkeypatch.setattr("node.dht.node.WITHDRAW_LIMIT", 0.2)
    async with mesh.running(mesh.node("one", settings=patient), mesh.node("two")) as (one, two):
        await until(lambda: one.contacts() and two.contacts(), "joined")
        await one.publish(worker("one"), ["ocr"])
        await two.stop()
        began = time.monotonic()
        await one.withdraw()
        assert time.monotonic() - began < patient.rpc_timeout / 4
