"""What a worker is told is the same on both ways, and the lists that all are told are encoded once."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from coordinator_server.channel.answer import SIGN_AGAIN, without_blocklist
from coordinator_server.front import FRONT
from node.wire.blocklists import digest_of, open_blocklist, open_current
from node.wire.channel import read_assignment, read_type
from node.wire.messages import Assignment
from node.wire.problems import Problem
from tests.support.coordinators import assignment, coordinator_room, put_out


async def test_it_is_what_a_heartbeat_is_answered(tmp_path: Path) -> None:
    async with coordinator_room(tmp_path / "c") as room:
        worker, answers, us = await room.worker(), room.site.app[FRONT].answers, room.coordinator.info
        with pytest.raises(Problem, match="not registered"):
            answers.to(worker.worker_id, us)
        await worker.register()
        told = answers.to(worker.worker_id, us)
        assert told == assignment(await worker.heartbeat())
        message = answers.encode(told)
        assert (read_type(message), read_assignment(message)) == ("assignment", told)


async def test_the_blocklist_is_signed_and_encoded_once_for_all(tmp_path: Path) -> None:
    async with coordinator_room(tmp_path / "c") as room:
        anna, ben, eve = [await room.worker(name) for name in ("anna", "ben", "eve")]
        answers, us = room.site.app[FRONT].answers, room.coordinator.info
        for worker in (anna, ben):
            await worker.register()
        earlier = answers.to("anna", us)
        await room.coordinator.workers.revoke(eve.worker_id)
        one, other = answers.to("anna", us), answers.to("ben", us)
        assert one.blocklist is other.blocklist
        assert one.blocklist is not None
        number, listed = open_blocklist(one.blocklist, room.coordinator.keyring.trust)
        assert (number, listed.version, listed.workers) == (0, one.blocklist_version, ("eve",))
        assert read_assignment(answers.encode(one)) == one
        assert read_assignment(answers.encode(earlier)) == earlier, "a list goes with its version"
        assert without_blocklist(one) != without_blocklist(earlier)
        assert (without_blocklist(one).blocklist, without_blocklist(one).services) == (None, one.services)


async def test_who_has_the_list_gets_a_few_bytes_instead_and_an_older_node_the_whole(tmp_path: Path) -> None:
    async with coordinator_room(tmp_path / "c") as room:
        anna, old = await room.worker("anna"), await room.worker("old")
        for number in range(50):
            room.coordinator.workers.out.current = room.coordinator.workers.blocklist.with_name(
                f"former-{number}", room.clock.now, 1e6
            )
        version = room.coordinator.workers.blocklist.version
        for worker in (anna, old):
            await worker.register()
        assert put_out(assignment(await anna.heartbeat())).version == version
        told = assignment(await anna.heartbeat(blocklist_version=version))
        assert (told.blocklist, told.blocklist_version) == (None, version)
        assert told.blocklist_current is not None
        number, current = open_current(told.blocklist_current, room.coordinator.keyring.trust)
        assert (number, current.version) == (0, version)
        assert current.digest == digest_of(put_out(assignment(await old.heartbeat())))
        short, long = (await anna.heartbeat(blocklist_version=version)).body, (await old.heartbeat()).body
        assert len(short) < len(long) - 50 * len("former-")
        answers, us = room.site.app[FRONT].answers, room.coordinator.info
        one = answers.to("anna", us)
        assert one.blocklist is None, "so it is with what is pushed"
        assert without_blocklist(one) == without_blocklist(answers.to("old", us))
        assert read_assignment(answers.encode(one)) == one
        room.coordinator.workers.out.current = room.coordinator.workers.blocklist.renumbered(room.clock.now)
        assert put_out(answers.to("anna", us)).version > version, "another list is told whole"
        assert assignment(await anna.heartbeat(blocklist_version=version)).blocklist is not None


async def test_the_blocklist_is_signed_again_every_hour_and_by_another_key_at_once(tmp_path: Path) -> None:
    async with coordinator_room(tmp_path / "c", vpn="off") as room:
        worker, answers, coordinator = await room.worker(), room.site.app[FRONT].answers, room.coordinator

        def told() -> Assignment:
            return answers.to(worker.worker_id, coordinator.info)

        await worker.register()
        first = told()
        room.clock.now += SIGN_AGAIN - 1
        assert told().blocklist is first.blocklist
        room.clock.now += 1
        second = told()
        assert put_out(second) == msgspec.structs.replace(put_out(first), signed_at=room.clock.now)
        assert without_blocklist(second) == without_blocklist(first), "which is no news to anybody"
        for _ in range(2):
            await coordinator.key_rotation.rotate(force=True)
        third = told().blocklist
        assert third is not None
        assert open_blocklist(third, coordinator.keyring.trust)[0] == 1
        coordinator.keyring._private = {}
        room.clock.now += SIGN_AGAIN
        assert told().blocklist is None, "who lacks the key signs nothing, and answers heartbeats"


async def test_a_message_has_every_field_of_an_assignment(tmp_path: Path) -> None:
    async with coordinator_room(tmp_path / "c") as room:
        worker, answers = await room.worker(), room.site.app[FRONT].answers
        await worker.register()
        message = answers.encode(answers.to(worker.worker_id, room.coordinator.info))
        assert set(msgspec.json.decode(message)) == {"type", *Assignment.__struct_fields__}


async def test_what_changes_for_many_is_seen(tmp_path: Path) -> None:
    async with coordinator_room(tmp_path / "c") as room:
        coordinator, answers = room.coordinator, room.site.app[FRONT].answers
        assert coordinator.overlay is not None
        before = answers.common()
        await room.worker()
        assert answers.common() == before
        await coordinator.overlay.join("c-far", b"k" * 32, ("198.51.100.7:4242",))
        lighthouse = answers.common()
        assert lighthouse != before
        await coordinator.overlay.rotate(force=False)
        assert answers.common() != lighthouse
