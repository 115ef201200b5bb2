"""What fits beside what; who may run a service at all is asked in test_assignment.py."""

from __future__ import annotations

from coordinator_server.registry.fitness import has_room, unfit
from node.wire.manifests import Requirements
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
    assert has_room(gpu_machine("a"), [service("x")], ocr, 16)
    assert not has_room(gpu_machine("a"), [ocr], service("o2", tier="gpu", requirements=ocr.requirements), 16)


def test_what_people_say_is_told_before_what_the_machine_lacks() -> None:
    assert "volunteer" in unfit(machine("a", allowed_services=("y",)), service("x", tier="gpu"))
    assert unfit(machine("a"), service("x", tier="gpu")) == "is no gpu machine"
