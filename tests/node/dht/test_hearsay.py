"""Contacts that are only told: few are asked at one address, and who stays silent is left in peace."""

from __future__ import annotations

import itertools

import pytest

from node.dht.hearsay import FIRST_SILENCE, LONGEST_SILENCE, OF_ADDRESS, OF_SOURCE, Hearsay
from node.dht.messages import Address

VICTIM = ("203.0.113.9", 53)
HERE = ("127.0.0.1", 4000)


@pytest.fixture
def hearsay() -> Hearsay:
    return Hearsay()


def one(number: int) -> bytes:
    return number.to_bytes(20, "big")


def ask(hearsay: Hearsay, number: int, address: Address, now: float = 0.0) -> bool:
    """Ask if we may; return whether we did."""
    if not hearsay.may_ask(one(number), address, now):
        return False
    hearsay.asked(one(number), address)
    return True


@pytest.mark.parametrize("address", [VICTIM, HERE])
def test_so_many_ids_are_asked_at_one_address_at_once(hearsay: Hearsay, address: Address) -> None:
    assert [ask(hearsay, number, address) for number in range(27)].count(True) == OF_ADDRESS.at_once


def test_one_id_may_be_asked_for_several_lookups_at_once(hearsay: Hearsay) -> None:
    assert all(ask(hearsay, 1, VICTIM) for _ in range(20))


def times_asked(hearsay: Hearsay, ids: int) -> list[float]:
    """Ask for one of so many ids at the victim's, in turn, as often as we may in an hour; nobody answers."""
    asked_at: list[float] = []
    for now in (step / 2 for step in range(7200)):
        number = len(asked_at) % ids
        if ask(hearsay, number, VICTIM, now):
            asked_at.append(now)
            hearsay.silent(one(number), VICTIM, now)
    return asked_at


def test_where_several_ids_are_silent_nobody_is_asked_for_longer_and_longer(hearsay: Hearsay) -> None:
    asked_at = times_asked(hearsay, ids=1000)
    pauses = [after - before for before, after in itertools.pairwise(asked_at)]
    assert pauses[OF_ADDRESS.silent_ids - 1] == FIRST_SILENCE
    assert pauses == sorted(pauses)
    assert pauses[-1] == LONGEST_SILENCE
    assert len(asked_at) < 45


def test_a_busy_node_is_asked_more_often_before_it_is_left_in_peace(hearsay: Hearsay) -> None:
    asked_at = times_asked(hearsay, ids=1)
    assert asked_at[OF_ADDRESS.misses - 1] - asked_at[0] == (OF_ADDRESS.misses - 1) / 2
    assert asked_at[OF_ADDRESS.misses] - asked_at[OF_ADDRESS.misses - 1] == FIRST_SILENCE
    assert len(asked_at) < 70


def test_many_ports_of_one_machine_do_not_help(hearsay: Hearsay) -> None:
    ports = [(VICTIM[0], port) for port in range(1, 1000)]
    at_once = [number for number, port in enumerate(ports) if ask(hearsay, number, port)]
    assert len(at_once) == OF_SOURCE.at_once
    for number in at_once:
        hearsay.silent(one(number), ports[number], 0.0)
    one_by_one = 0
    for number, port in enumerate(ports, 1000):
        if ask(hearsay, number, port):
            hearsay.silent(one(number), port, 0.0)
            one_by_one += 1
    assert len(at_once) + one_by_one == OF_SOURCE.silent_ids
    assert ask(hearsay, 7, ("203.0.113.10", 53))


def test_a_whole_mesh_may_live_behind_this_machines_own_address(hearsay: Hearsay) -> None:
    assert all(ask(hearsay, port, ("127.0.0.1", port)) for port in range(1, 500))


def test_who_proves_himself_ends_the_silence(hearsay: Hearsay) -> None:
    for number in range(OF_ADDRESS.silent_ids):
        assert ask(hearsay, number, VICTIM)
        hearsay.silent(one(number), VICTIM, 0.0)
    assert not hearsay.may_ask(one(9), VICTIM, 1.0)
    assert ask(hearsay, 9, VICTIM, FIRST_SILENCE + 1)
    hearsay.proved(one(9), VICTIM)
    assert len(hearsay) == 0
    assert ask(hearsay, 10, VICTIM, FIRST_SILENCE + 1)


def test_what_is_remembered_is_bounded_and_forgetting_harms_nobody() -> None:
    hearsay = Hearsay(most=10)
    for number in range(100):
        ask(hearsay, number, (f"203.0.113.{number}", 53))
    assert len(hearsay) == 10
    for number in range(100):
        hearsay.silent(one(number), (f"203.0.113.{number}", 53), 0.0)
        hearsay.proved(one(number), (f"203.0.113.{number}", 53))
    assert len(hearsay) <= 10
