"""What fits beside what; who may run a service at all is asked in test_assignment.py."""

from __future__ import annotations

from typing import Any

import pytest

from coordinator_server.registry.fitness import STORAGE_BYTES, has_room, unfit
from node.wire.manifests import Requirements
from node.wire.messages import Gpu
from tests.support.fleets import GIB, gpu_machine, machine, service


def test_one_service_may_need_all_of_the_memory_and_several_four_fifths() -> None:
    big, small = (service(name, requirements=Requirements(ram_bytes=n * GIB)) for name, n in (("b", 8), ("s", 2)))
    assert has_room(machine("a"), [], big, 16)
    assert not has_room(machine("a"), [small], big, 16)
    assert has_room(machine("a"), [small], service("t", requirements=Requirements(ram_bytes=4 * GIB)), 16)


def test_nothing_is_held_twice_or_beyond_the_limit() -> None:
    assert not has_room(machine("a"), [service("x")], service("x"), 16)
    assert not has_room(machine("a"), [service("x")], service("y"), 1)


def test_memory_of_a_card_that_is_not_usable_does_not_count() -> None:
    ocr = service("ocr", tier="gpu", requirements=Requirements(gpu_memory_bytes=8 * GIB))
    assert not unfit(gpu_machine("a"), ocr)
    broken = (Gpu(memory_bytes=12 * GIB, usable=False), Gpu(memory_bytes=7 * GIB))
    assert unfit(machine("a", has_gpu=True, gpus=broken), ocr) == "has too little GPU memory"
    assert has_room(gpu_machine("a"), [service("x")], ocr, 16)
    assert not has_room(gpu_machine("a"), [ocr], service("o2", tier="gpu", requirements=ocr.requirements), 16)


def test_what_people_say_is_told_before_what_the_machine_lacks() -> None:
    assert "volunteer" in unfit(machine("a", allowed_services=("y",)), service("x", tier="gpu"))
    assert unfit(machine("a"), service("x", tier="gpu")) == "has no GPU that can be used"


@pytest.mark.parametrize(
    ("has", "needs"),
    [
        ({"ram_bytes": 6 * GIB}, {"ram_bytes": 6 * GIB}),
        ({"disk_free_bytes": 6 * GIB}, {"disk_bytes": 6 * GIB}),
        ({"cpu_cores": 4, "cpu_threads": 0}, {"cpu_cores": 4}),
        ({"cpu_cores": 2, "cpu_threads": 4}, {"cpu_cores": 4}),
        ({"gpus": (Gpu(memory_bytes=6 * GIB),)}, {"gpu_memory_bytes": 6 * GIB}),
    ],
)
def test_exactly_enough_is_enough_and_a_little_less_is_not(has: dict[str, Any], needs: dict[str, int]) -> None:
    ((name, most),) = needs.items()
    assert unfit(machine("a", **has), service("x", requirements=Requirements(**needs))) == ""
    more = service("x", requirements=Requirements(**{name: most + 1}))
    assert unfit(machine("a", **has), more).startswith("has too")


def test_what_is_held_takes_all_that_there_is_and_not_more() -> None:
    half = [service(name, tier="gpu", requirements=Requirements(gpu_memory_bytes=6 * GIB)) for name in "xy"]
    assert has_room(gpu_machine("a"), half[:1], half[1], 16)
    more = service("z", tier="gpu", requirements=Requirements(gpu_memory_bytes=6 * GIB + 1))
    assert not has_room(gpu_machine("a"), half[:1], more, 16)
    ram = [service(name, requirements=Requirements(ram_bytes=4 * GIB)) for name in "xy"]
    assert has_room(machine("a", ram_bytes=10 * GIB), ram[:1], ram[1], 16)
    assert not has_room(machine("a", ram_bytes=10 * GIB - 1), ram[:1], ram[1], 16)


def test_more_than_a_hundred_gigabytes_make_any_machine_one_for_storage() -> None:
    big = service("x", tier="storage")
    assert unfit(machine("a", disk_free_bytes=STORAGE_BYTES), big) == "has no 100 GB of free disk space"
    assert unfit(machine("a", disk_free_bytes=STORAGE_BYTES + 1), big) == ""
    assert unfit(machine("a", disk_free_bytes=1, worker_type="storage"), big) == ""
    assert unfit(machine("a", disk_free_bytes=1), big, kept=True) == ""


def test_an_edge_machine_is_one_by_its_role_or_its_public_address() -> None:
    edge = service("x", tier="edge")
    assert unfit(machine("a", worker_type="edge"), edge) == unfit(machine("a", has_public_ip=True), edge) == ""
    assert unfit(machine("a"), edge) == "has no public address"
