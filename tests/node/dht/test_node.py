"""DHT nodes with real sockets on loopback: they join, publish, find, lose one another and find back."""

from __future__ import annotations

import asyncio
import dataclasses
import socket
import threading
import time
from collections.abc import Coroutine
from pathlib import Path
from typing import Any

import psutil
import pytest

from node.dht import contacts
from node.dht.messages import Address
from node.program.errors import EXIT_IN_USE, UserFacingError
from node.program.tasks import TaskSet
from tests.support.dht_nodes import QUICK, Mesh, coordinator, found, until, worker


@pytest.fixture
def mesh() -> Mesh:
    return Mesh()


async def test_two_publishers_under_one_key_both_survive(mesh: Mesh) -> None:
    async with mesh.running(mesh.node("one"), mesh.node("two"), mesh.node("three")) as (one, two, three):
        await until(lambda: len(three.contacts()) == 2 and len(one.contacts()) == 2, "all know one another")
        await asyncio.gather(one.publish(worker("one"), ["ocr"]), two.publish(worker("two"), ["ocr"]))
        assert {record.worker_id for record in await three.find_service("ocr")} == {"one", "two"}


async def test_a_found_record_says_what_was_published(mesh: Mesh) -> None:
    async with mesh.running(mesh.node("one"), mesh.node("two")) as (one, two):
        await until(two.contacts, "joined")
        before = time.time()
        await one.publish(worker("one", load=0.4), ["ocr", "llm-inference"])
        (record,) = await two.find_service("ocr")
        assert record.endpoints == worker("one").endpoints
        assert (record.load, record.in_flight, record.services) == (0.4, 1, ("ocr",))
        assert record.trust == "volunteer"  # as the credential says
        assert before - 1 < record.last_seen < time.time() + 1
        own = await two.find_worker("one")
        assert own is not None
        assert own.services == ("llm-inference", "ocr")
        assert await two.find_worker("nobody") is None


async def test_a_lone_node_publishes_and_who_joins_later_finds_it(mesh: Mesh) -> None:
    lone = mesh.node("lone", settings=QUICK)
    async with mesh.running(lone):
        await lone.publish(worker("lone"), ["ocr"])
        assert [record.worker_id for record in await lone.find_service("ocr")] == ["lone"]
        late = mesh.node("late")
        async with mesh.running(late):
            late.set_bootstrap([("localhost", lone.port)])
            await found(late, "ocr", "lone")


async def test_what_is_no_longer_offered_is_taken_back(mesh: Mesh) -> None:
    async with mesh.running(mesh.node("one"), mesh.node("two")) as (one, two):
        await until(two.contacts, "joined")
        await one.publish(worker("one"), ["ocr", "ner-extraction"])
        await one.publish(worker("one"), ["ocr"])
        assert await two.find_service("ner-extraction") == []
        assert len(await two.find_service("ocr")) == 1
        await one.withdraw()
        assert await two.find_service("ocr") == []
        assert await two.find_worker("one") is None


async def test_who_is_killed_expires_and_who_lives_is_republished(mesh: Mesh) -> None:
    async with mesh.running(mesh.node("one"), mesh.node("two"), mesh.node("three")) as (one, two, three):
        await until(lambda: len(three.contacts()) == 2, "joined")
        await two.publish(worker("two"), ["ocr"])
        await one.publish(worker("one"), ["ocr"])
        await two.stop()  # without withdraw, as after kill -9
        await found(three, "ocr", "one", "two")
        await found(three, "ocr", "one")


async def test_coordinators_are_found(mesh: Mesh) -> None:
    boss = mesh.node(mesh.member("boss", "coordinator"))
    async with mesh.running(boss, mesh.node("one")) as (_, one):
        await until(one.contacts, "joined")
        await boss.publish_coordinator(coordinator("boss"))
        assert await one.find_coordinators() == [coordinator("boss")]


async def test_a_worker_cannot_pass_for_a_coordinator(mesh: Mesh) -> None:
    async with mesh.running(mesh.node("one"), mesh.node("liar")) as (one, liar):
        await until(liar.contacts, "joined")
        await liar.publish_coordinator(coordinator("liar"))
        assert await one.find_coordinators() == []
        assert liar.stats().rejected["wrong-role"] >= 1


async def test_nobody_publishes_for_another(mesh: Mesh) -> None:
    node = mesh.node("one")
    with pytest.raises(ValueError, match="cannot publish the record of two"):
        await node.publish(worker("two"), ["ocr"])
    with pytest.raises(ValueError, match="cannot publish the coordinator"):
        await node.publish_coordinator(coordinator("boss"))


async def test_a_revoked_worker_is_not_found(mesh: Mesh) -> None:
    revoked: set[str] = set()
    async with mesh.running(mesh.node("one"), mesh.node("two", revoked=revoked)) as (one, two):
        await until(two.contacts, "joined")
        await one.publish(worker("one"), ["ocr"])
        assert len(await two.find_service("ocr")) == 1
        revoked.add("one")
        assert await two.find_service("ocr") == []
        assert two.stats().rejected["revoked"] >= 1


async def test_two_meshes_on_one_machine_do_not_mix(mesh: Mesh) -> None:
    other = Mesh()
    async with mesh.running(mesh.node("one")) as (one,), other.running(other.node("stranger")) as (stranger,):
        stranger.set_bootstrap([("127.0.0.1", one.port)])
        await until(lambda: one.stats().foreign >= 2, "the stranger tried twice")
        assert one.contacts() == []
        assert stranger.contacts() == []


async def test_peers_say_who_is_there_and_how_far_away(mesh: Mesh) -> None:
    boss = mesh.node(mesh.member("boss", "coordinator"))
    async with mesh.running(boss, mesh.node("one"), mesh.node("two")) as (_, one, two):
        await until(lambda: len(one.peers()) == 2, "joined")
        first, second = one.peers()
        assert (first.subject, first.role, first.host, first.port) == (
            "boss",
            "coordinator",
            "127.0.0.1",
            boss.port,
        )
        assert (second.subject, second.role, second.port) == ("two", "worker", two.port)
        assert all(peer.rtt_ms is not None and peer.rtt_ms > 0 for peer in (first, second))
    assert one.peers() == []


async def test_a_port_in_use_is_said_clearly(mesh: Mesh) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as taken:
        taken.bind(("127.0.0.1", 0))
        node = mesh.node("one")
        with pytest.raises(UserFacingError, match="--dht-port") as caught:
            await node.start("127.0.0.1", taken.getsockname()[1])
        assert caught.value.exit_code == EXIT_IN_USE
        await node.stop()


async def test_stop_may_be_called_at_any_time_and_twice(mesh: Mesh) -> None:
    node = mesh.node("one")
    await node.stop()
    await node.start("127.0.0.1", 0)
    await node.stop()
    await node.stop()
    before = asyncio.all_tasks()
    assert before == {asyncio.current_task()}


async def test_who_is_cancelled_while_contacts_are_read_or_written_leaves_no_port_open(
    mesh: Mesh, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun, go_on, before, tasks = threading.Event(), threading.Event(), open_ports(), TaskSet("test")
    boot, slow = mesh.node("boot"), mesh.node("slow", contacts_file=tmp_path / "contacts.json")

    def wait(*_: object) -> list[Address]:
        begun.set()
        assert go_on.wait(60)
        return []

    async def cancelled(doing: Coroutine[Any, Any, None]) -> None:
        begun.clear()
        task = tasks.start(doing, "cancelled")
        await asyncio.sleep(0)
        await until(begun.is_set, "it waits for the disk")
        task.cancel()
        await asyncio.wait([task])

    async with mesh.running(boot):
        try:
            with monkeypatch.context() as patched:
                patched.setattr(contacts, "load", wait)
                await cancelled(slow.start("127.0.0.1", 0))
            assert open_ports() - before == {boot.port}
            await slow.start("127.0.0.1", 0)
            monkeypatch.setattr(contacts, "save", wait)
            slow.set_bootstrap([("127.0.0.1", boot.port)])
            await until(slow.contacts, "it has somebody to remember")
            await cancelled(slow.stop())
            assert open_ports() - before == {boot.port}
        finally:
            go_on.set()
            await slow.stop()


def open_ports() -> set[int]:
    """Return the UDP ports that this process has."""
    return {one.laddr.port for one in psutil.Process().net_connections("udp")}


async def test_a_bootstrap_peer_that_comes_later_is_joined(mesh: Mesh) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as reserved:
        reserved.bind(("127.0.0.1", 0))
        port = reserved.getsockname()[1]
    async with mesh.running(mesh.node("early")) as (early,):
        early.set_bootstrap([("no-such-host.invalid", 8468), ("127.0.0.1", port)])
        await early.publish(worker("early"), ["ocr"])
        await until(lambda: early.stats().rpc_failed >= 2, "the dead peer was tried twice")
        late = mesh.node("late")
        await late.start("127.0.0.1", port)
        try:
            await until(lambda: early.stats().joined and late.stats().joined, "joined after all")
            await found(late, "ocr", "early")
        finally:
            await late.stop()


async def test_contacts_are_kept_and_lead_back_with_the_bootstrap_peer_gone(mesh: Mesh, tmp_path: Path) -> None:
    member = mesh.member("two")
    kept = tmp_path / "contacts.json"
    async with mesh.running(mesh.node("boot"), mesh.node("one")) as (boot, one):
        async with mesh.running(mesh.node(member, contacts_file=kept)) as (two,):
            two.set_bootstrap([("127.0.0.1", boot.port)])
            await until(lambda: len(two.contacts()) == 2, "joined")
        await boot.stop()
        await one.publish(worker("one"), ["ocr"])
        async with mesh.running(mesh.node(member, contacts_file=kept)) as (back,):
            await found(back, "ocr", "one")


async def test_who_was_away_looks_for_others_at_once_and_publishes_anew(mesh: Mesh) -> None:
    slow = dataclasses.replace(QUICK, rejoin_longest=3600.0, republish=3600.0, entry_ttl=7200.0)
    async with mesh.running(mesh.node("boot"), mesh.node("away", settings=slow)) as (boot, away):
        away.set_bootstrap([("127.0.0.1", boot.port)])
        await until(lambda: away.stats().joined, "joined")
        await away.publish(worker("away"), ["ocr"])
        await until(lambda: away.stats().published >= 2, "published")
        published = away.stats().published
        away.rejoin()
        await until(lambda: away.stats().published > published, "published anew")
