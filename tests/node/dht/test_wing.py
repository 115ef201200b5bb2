"""A node on two networks with one identity: another part of loopback plays the overlay."""

from __future__ import annotations

import asyncio
import socket
import sys
from ipaddress import IPv4Address, IPv4Network

import pytest

from node.dht.node import DhtNode
from node.program.errors import EXIT_IN_USE, UserFacingError
from node.program.tasks import TaskSet
from tests.support.dht_nodes import Mesh, found, until, worker

pytestmark = pytest.mark.skipif(sys.platform == "darwin", reason="loopback has one address there")
OVERLAY, OURS, THEIRS = IPv4Network("127.42.0.0/16"), IPv4Address("127.42.0.1"), "127.42.0.11"


@pytest.fixture
def mesh() -> Mesh:
    return Mesh()


def hosts(node: DhtNode) -> set[str]:
    return {contact.host for contact in node.contacts()}


async def test_who_is_in_the_overlay_and_who_is_not_find_one_another(mesh: Mesh) -> None:
    middle, outside, inside = mesh.node("middle"), mesh.node("outside"), mesh.node("inside")
    async with mesh.running(middle, outside):
        await middle.enter_overlay(OURS, OVERLAY)
        await inside.start(THEIRS, 0)
        try:
            inside.set_bootstrap([(str(OURS), middle.port)])
            await until(lambda: str(OURS) in hosts(inside), "it has joined through the overlay")
            await until(lambda: THEIRS in hosts(middle), "it is seen at its address in the overlay")
            await inside.publish(worker("inside"), ["ocr"])
            await outside.publish(worker("outside"), ["ner"])
            await found(outside, "ocr", "inside")
            await found(inside, "ner", "outside")
        finally:
            await inside.stop()


async def test_entering_twice_and_leaving_is_fine_and_nobody_answers_afterwards(mesh: Mesh) -> None:
    middle, inside = mesh.node("middle"), mesh.node("inside")
    async with mesh.running(middle):
        await middle.enter_overlay(OURS, OVERLAY)
        await middle.enter_overlay(OURS, OVERLAY)
        await middle.leave_overlay()
        await middle.leave_overlay()
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as free:
            free.bind((str(OURS), middle.port))
        await middle.enter_overlay(OURS, OVERLAY)
        await inside.start(THEIRS, 0)
        inside.set_bootstrap([(str(OURS), middle.port)])
        await until(inside.contacts, "it has joined")
        await inside.stop()
    await middle.leave_overlay()


async def test_a_node_that_listens_everywhere_needs_no_second_socket(mesh: Mesh) -> None:
    middle, inside = mesh.node("middle"), mesh.node("inside")
    await middle.start("0.0.0.0", 0)
    await middle.enter_overlay(OURS, OVERLAY)
    await inside.start(THEIRS, 0)
    try:
        inside.set_bootstrap([(str(OURS), middle.port)])
        await until(lambda: THEIRS in hosts(middle), "both know one another")
    finally:
        await inside.stop()
        await middle.stop()


async def test_who_is_not_in_the_overlay_gets_no_answer_there(mesh: Mesh) -> None:
    middle, outside = mesh.node("middle"), mesh.node("outside")
    async with mesh.running(middle):
        await middle.enter_overlay(OURS, OVERLAY)
        async with mesh.running(outside):
            outside.set_bootstrap([(str(OURS), middle.port), ("127.0.0.1", middle.port)])
            await until(lambda: "127.0.0.1" in hosts(outside), "it has joined where it is")
            assert hosts(outside) == {"127.0.0.1"}


async def test_a_taken_port_is_said_and_the_node_goes_on(mesh: Mesh) -> None:
    middle, outside = mesh.node("middle"), mesh.node("outside")
    async with mesh.running(middle):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as taken:
            taken.bind((str(OURS), middle.port))
            with pytest.raises(UserFacingError) as caught:
                await middle.enter_overlay(OURS, OVERLAY)
        assert caught.value.exit_code == EXIT_IN_USE
        async with mesh.running(outside):
            outside.set_bootstrap([("127.0.0.1", middle.port)])
            await until(outside.contacts, "it has joined")


async def test_who_is_cancelled_while_it_stops_can_be_stopped_again(mesh: Mesh) -> None:
    for turns in range(32):  # of the loop: wherever it waits
        middle = mesh.node("middle")
        await middle.start("127.0.0.1", 0)
        if turns % 2:
            await middle.enter_overlay(OURS, OVERLAY)
        port, stopping = middle.port, TaskSet("test").start(middle.stop(), "stop")
        for _ in range(turns // 2):
            await asyncio.sleep(0)
        stopping.cancel()
        await asyncio.wait([stopping])
        await middle.stop()
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as free:
            free.bind((str(OURS), port))


async def test_a_node_that_is_in_the_overlay_alone_hears_nobody_beside_it(mesh: Mesh) -> None:
    inside, member, neighbour = mesh.node("inside"), mesh.node("member"), mesh.node("neighbour")
    async with mesh.running(neighbour):
        await inside.start(str(OURS), 0, OVERLAY)
        await member.start(THEIRS, 0, OVERLAY)
        try:
            neighbour.set_bootstrap([(str(OURS), inside.port)])
            member.set_bootstrap([(str(OURS), inside.port)])
            await until(lambda: hosts(inside) == {THEIRS} and hosts(member) == {str(OURS)}, "members meet")
            for _ in range(3):
                neighbour.rejoin()
                await member.publish(worker("member"), ["ocr"])
                await found(inside, "ocr", "member")
            assert not hosts(neighbour)
            assert hosts(inside) == {THEIRS}
        finally:
            await member.stop()
            await inside.stop()
