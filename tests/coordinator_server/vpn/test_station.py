"""A coordinator in the overlay, on a computer without Nebula: it joins, is found, renews, blocks and rotates."""

from __future__ import annotations

import contextlib
import time
from collections.abc import AsyncIterator
from ipaddress import IPv4Address
from pathlib import Path
from typing import Any

import msgspec
import pytest

from coordinator_server.serving import drain
from coordinator_server.vpn.station import Standing, Station
from node.vpn.events import InterfaceCameUp, MachineChecked, NebulaExited, TunnelMade
from node.wire.encoding import b64encode
from node.wire.messages import EnrollAnswer, Lighthouse, VpnGrant
from node.wire.nebula_pem import read_bundle, read_certificate
from tests.support.coordinators import Room, coordinator_room
from tests.support.fake_computer import ALLOWED, REFUSED, FakeComputer
from tests.support.mesh_keys import Clock
from tests.support.waiting import eventually

OUTSIDE = "198.51.100.7"
HEARTBEAT = 0.2
KEY = b64encode(b"k" * 32)


class Machine:
    """The computer of one coordinator, over its restarts."""

    def __init__(self, checked: MachineChecked = ALLOWED) -> None:
        self.checked = checked
        self.fake = FakeComputer()

    def __call__(self, folder: Path) -> FakeComputer:
        self.fake = FakeComputer(folder, self.checked)
        return self.fake


@contextlib.asynccontextmanager
async def overlay_room(
    folder: Path, machine: Machine, clock: Clock | None = None, **more: Any
) -> AsyncIterator[Room]:
    settings = {"vpn_endpoints": (OUTSIDE,), "worker_heartbeat": HEARTBEAT, **more}
    clock = clock or Clock(time.time())
    async with coordinator_room(folder, clock, computers=machine, **settings) as room:
        yield room


def station(room: Room) -> Station:
    assert room.coordinator.station is not None
    return room.coordinator.station


def standing(room: Room) -> Standing:
    return station(room).standing()


def lighthouses(room: Room) -> tuple[Lighthouse, ...]:
    assert room.coordinator.overlay is not None
    return room.coordinator.overlay.lighthouses.told(room.clock())


async def granted(room: Room) -> tuple[str, VpnGrant]:
    """Let a machine enrol; return its name and what it was given."""
    answer = await room.machine().enrol(await room.invite(), nebula_public_key=KEY)
    enrolled = msgspec.json.decode(answer.body, type=EnrollAnswer)
    assert enrolled.vpn is not None
    return enrolled.worker_id, enrolled.vpn


async def told(room: Room, *endpoints: str) -> None:
    """Wait until members are told to find us there."""
    await eventually(
        lambda: [one.endpoints for one in lighthouses(room)] == ([endpoints] if endpoints else []), "told"
    )


async def test_it_joins_as_lighthouse_and_relay_and_members_are_told(tmp_path: Path) -> None:
    machine = Machine()
    async with overlay_room(tmp_path / "c", machine) as room:
        await told(room, f"{OUTSIDE}:4242")
        (plan,) = machine.fake.plans
        own = read_certificate(plan.certificate)
        assert (plan.role, plan.relays, plan.lighthouses, plan.listen_port) == ("lighthouse", (), (), 4242)
        assert (own.name, own.groups) == (room.coordinator.coordinator_id, ("coordinator", "vetted"))
        assert (str(own.ips[0].ip), plan.service_port, plan.dht_port) == (
            "10.42.0.1",
            8000,
            room.coordinator.dht.port,
        )
        assert machine.fake.folder == tmp_path / "c" / "vpn"
        _, grant = await granted(room)
        dht_port = room.coordinator.dht.port
        assert grant.lighthouses == (
            Lighthouse(vpn_ip="10.42.0.1", endpoints=(f"{OUTSIDE}:4242",), relay=True, dht_port=dht_port),
        )
        assert room.coordinator.registry.vpn_up
    assert machine.fake.stopped
    assert not room.coordinator.registry.vpn_up


async def test_the_key_and_the_address_are_the_same_after_a_restart_and_members_are_told_meanwhile(
    tmp_path: Path,
) -> None:
    machine = Machine()
    async with overlay_room(tmp_path / "c", machine) as room:
        await told(room, f"{OUTSIDE}:4242")
        first = machine.fake.plans[0]
    machine.checked = MachineChecked(permitted=True)  # no network yet, and nothing is up
    async with overlay_room(tmp_path / "c", machine) as room:
        assert lighthouses(room)[0].endpoints == (f"{OUTSIDE}:4242",)
        await eventually(lambda: machine.fake.plans, "it runs again")
        assert machine.fake.plans[0].private_key == first.private_key
        assert machine.fake.plans[0].certificate == first.certificate


async def test_without_rights_it_says_what_is_missing_and_serves(
    tmp_path: Path, caplog: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("node.vpn.machine.BLOCKED_RETRY", HEARTBEAT)
    machine = Machine(REFUSED)
    async with overlay_room(tmp_path / "c", machine) as room:
        await eventually(lambda: standing(room).phase == "no-permission", "the rights are missing")
        assert "Install the helper." in standing(room).text
        assert "--vpn off" in standing(room).hint
        assert not standing(room).up
        assert lighthouses(room) == ()
        _, grant = await granted(room)
        assert grant.lighthouses == ()
        assert sum("Install the helper." in line and "--vpn off" in line for line in caplog.messages) == 1
        machine.fake.checked = ALLOWED  # the helper was installed meanwhile
        await told(room, f"{OUTSIDE}:4242")


async def test_rights_that_were_taken_away_take_it_out_of_what_members_are_told(tmp_path: Path) -> None:
    machine = Machine()
    async with overlay_room(tmp_path / "c", machine) as room:
        await told(room, f"{OUTSIDE}:4242")
        machine.fake.checked = REFUSED
        machine.fake.tell(NebulaExited("permission", "operation not permitted"))
        await told(room)
        assert not room.coordinator.registry.vpn_up


async def test_on_this_machine_alone_nothing_is_started_and_that_is_no_fault(tmp_path: Path) -> None:
    machine = Machine()
    async with overlay_room(tmp_path / "c", machine) as room:
        await told(room, f"{OUTSIDE}:4242")
    async with overlay_room(tmp_path / "c", machine, vpn_endpoints=()) as room:
        assert lighthouses(room) == ()
        assert (standing(room).phase, standing(room).hint) == ("off", "")
        assert "--public-url" in standing(room).text
        assert "4242" in standing(room).text
        await drain(room.site)
    assert machine.fake.plans == []


async def test_switched_off_it_is_in_nobodys_list(tmp_path: Path) -> None:
    machine = Machine()
    async with overlay_room(tmp_path / "c", machine) as room:
        await told(room, f"{OUTSIDE}:4242")
    async with overlay_room(tmp_path / "c", machine, vpn="off") as room:
        assert room.coordinator.station is None
    async with overlay_room(tmp_path / "c", machine, vpn_endpoints=()) as room:
        assert lighthouses(room) == ()


async def test_a_port_that_is_taken_is_told_as_the_next_one(tmp_path: Path) -> None:
    machine = Machine()
    async with overlay_room(tmp_path / "c", machine, vpn_port=5000) as room:
        await told(room, f"{OUTSIDE}:5000")
        machine.fake.tell(InterfaceCameUp("fake0", 5001))
        await told(room, f"{OUTSIDE}:5001")
        assert standing(room).port == 5001


async def test_whoever_is_revoked_is_blocked_at_once(tmp_path: Path) -> None:
    machine = Machine()
    async with overlay_room(
        tmp_path / "c", machine, worker_heartbeat=600.0, worker_stale=900.0, worker_forgotten=1000
    ) as room:
        await told(room, f"{OUTSIDE}:4242")
        worker_id, grant = await granted(room)
        await room.coordinator.workers.revoke(worker_id)
        await eventually(lambda: machine.fake.plans[-1].blocklist, "it is blocked")
        assert machine.fake.plans[-1].blocklist == (read_certificate(grant.certificate).fingerprint,)


async def test_its_certificate_is_renewed_in_time(tmp_path: Path) -> None:
    machine, clock = Machine(), Clock(time.time() - 4 * 86400)
    async with overlay_room(tmp_path / "c", machine, clock) as room:
        await told(room, f"{OUTSIDE}:4242")
        clock.now += 4 * 86400  # more than half of its life
        await eventually(lambda: len(machine.fake.plans) > 1, "a new certificate")
        old, new = (read_certificate(plan.certificate) for plan in (machine.fake.plans[0], machine.fake.plans[-1]))
        assert new.not_after > old.not_after
        assert new.ips == old.ips


async def test_it_takes_part_in_a_rotation_as_soon_as_its_nebula_has_taken_the_step(tmp_path: Path) -> None:
    machine = Machine()
    async with overlay_room(tmp_path / "c", machine) as room:
        await told(room, f"{OUTSIDE}:4242")
        overlay, own = room.coordinator.overlay, room.coordinator.coordinator_id
        assert overlay is not None
        machine.fake.takes_updates = False
        await overlay.rotate(force=False)
        await eventually(lambda: len(read_bundle(machine.fake.plans[-1].ca)) == 2, "it is given the new authority")
        assert overlay.rotation().waiting_for == (own,)
        machine.fake.takes_updates = True
        machine.fake.tell(InterfaceCameUp("fake0", 4242))
        await eventually(lambda: not overlay.rotation().waiting_for, "nobody is waited for")
        room.clock.now += 61.0
        await eventually(lambda: overlay.rotation().phase == "replacing", "the next step")
        await eventually(lambda: not overlay.rotation().waiting_for, "it has its new certificate")
        assert (
            read_certificate(machine.fake.plans[-1].certificate).issuer
            == overlay.office.signer.authority.fingerprint
        )


async def test_a_coordinator_without_nebula_holds_up_no_rotation(tmp_path: Path) -> None:
    async with overlay_room(tmp_path / "c", Machine(REFUSED)) as room:
        await eventually(lambda: standing(room).phase == "no-permission", "the rights are missing")
        overlay = room.coordinator.overlay
        assert overlay is not None
        await overlay.rotate(force=False)
        await eventually(lambda: not overlay.rotation().waiting_for, "nobody is waited for")


async def test_another_coordinator_is_a_lighthouse_of_ours_and_told_beside_us(tmp_path: Path) -> None:
    machine = Machine()
    async with overlay_room(tmp_path / "c", machine) as room:
        await told(room, f"{OUTSIDE}:4242")
        overlay = room.coordinator.overlay
        assert overlay is not None
        await overlay.join("coordinator-other", b"o" * 32, ["198.51.100.8:4242"], dht_port=9000)
        await eventually(lambda: machine.fake.plans[-1].lighthouses, "we know the other one")
        (other,) = machine.fake.plans[-1].lighthouses
        assert (str(other.ip), str(other.addresses[0].ip)) == ("10.42.0.2", "198.51.100.8")
        _, grant = await granted(room)
        assert {(one.vpn_ip, one.dht_port) for one in grant.lighthouses} == {
            ("10.42.0.1", room.coordinator.dht.port),
            ("10.42.0.2", 9000),
        }


async def test_peers_are_counted_by_their_ways(tmp_path: Path) -> None:
    machine = Machine()
    async with overlay_room(tmp_path / "c", machine) as room:
        await told(room, f"{OUTSIDE}:4242")
        for number, way in enumerate(("192.0.2.1:4242", None, "192.0.2.2:4242")):
            machine.fake.tell(TunnelMade(IPv4Address("10.42.0.16") + number, way))
        await eventually(lambda: (standing(room).direct, standing(room).relayed) == (2, 1), "all are counted")


async def test_no_address_is_said_and_tried_again(tmp_path: Path) -> None:
    machine = Machine()
    settings: dict[str, Any] = {"vpn_network": "10.42.0.0/28"}
    async with overlay_room(tmp_path / "c", machine, vpn_endpoints=(), **settings) as room:
        overlay = room.coordinator.overlay
        assert overlay is not None
        for number in range(2):  # a sixteenth of a tiny network is for coordinators
            with contextlib.suppress(Exception):
                await overlay.join(f"coordinator-{number}", bytes([number + 1]) * 32, [])
    async with overlay_room(tmp_path / "c", machine, **settings) as room:
        await eventually(lambda: "address" in standing(room).text, "it says that no address is left")
        assert machine.fake.plans == []
        assert (await room.invite()) != ""


async def test_workers_join_the_dht_in_the_overlay_first(tmp_path: Path) -> None:
    machine = Machine()
    async with overlay_room(tmp_path / "c", machine, dht_host="0.0.0.0") as room:
        port = room.coordinator.dht.port
        await eventually(lambda: station(room).contact, "the DHT is in the overlay")
        answer = await room.machine().get("/api/dht/bootstrap")
        assert answer.json["contacts"] == [{"host": "10.42.0.1", "port": port}, {"host": "127.0.0.1", "port": port}]
        machine.fake.checked = REFUSED
        machine.fake.tell(NebulaExited("permission", "operation not permitted"))
        await eventually(lambda: station(room).contact is None, "it is not there any more")
        answer = await room.machine().get("/api/dht/bootstrap")
        assert answer.json["contacts"] == [{"host": "127.0.0.1", "port": port}]


async def test_a_door_that_cannot_be_opened_is_said(tmp_path: Path) -> None:
    async with overlay_room(tmp_path / "c", Machine()) as room:  # nobody here has the address 10.42.0.1
        await eventually(lambda: "10.42.0.1" in standing(room).hint, "the door is missing")
        assert standing(room).up
