"""Unknown senders: looked at within bounds, and not again at once when they could not prove themselves."""

from __future__ import annotations

from kademlia.node import Node

from node.dht.newcomers import MOST_CHECKS, MOST_REFUSED, REFUSED_FOR, Newcomers


def node(number: int, ip: str = "127.0.0.1", port: int = 1000) -> Node:
    return Node(number.to_bytes(20, "big"), ip, port)


def admitted(newcomers: Newcomers, nodes: list[Node]) -> int:
    count = 0
    for each in nodes:
        if newcomers.may_begin(each, 0.0):
            newcomers.begin(each)
            count += 1
    return count


def test_an_id_is_looked_at_once_at_a_time() -> None:
    newcomers = Newcomers()
    newcomers.begin(node(1))
    assert node(1) in newcomers
    assert not newcomers.may_begin(node(1, port=2000), 0.0)
    newcomers.end(node(1))
    assert node(1) not in newcomers
    assert newcomers.may_begin(node(1), 0.0)


def test_one_source_does_not_take_all_the_room_unless_it_is_this_machine() -> None:
    newcomers = Newcomers()
    assert admitted(newcomers, [node(n, "192.0.2.1", 1 + n) for n in range(100)]) == 7
    assert admitted(newcomers, [node(1000 + n, f"2001:db8::{n:x}") for n in range(100)]) == 7
    assert admitted(newcomers, [node(2000, "192.0.2.2")]) == 1
    assert admitted(newcomers, [node(3000 + n) for n in range(100)]) == 100


def test_a_few_busy_sources_leave_room_for_those_that_come_later() -> None:
    newcomers = Newcomers()
    busy = [node(100 * source + n, f"10.42.0.{source}") for source in range(30) for n in range(100)]
    assert admitted(newcomers, busy) < MOST_CHECKS - 30
    assert admitted(newcomers, [node(10_000 + n, f"10.42.1.{n}") for n in range(30)]) == 30


def test_a_contact_that_is_at_home_is_not_looked_for_elsewhere_for_a_while() -> None:
    newcomers = Newcomers()
    newcomers.is_at_home(node(1).id, 100.0)
    assert not newcomers.may_begin(node(1, "192.0.2.7", 7), 100.0 + REFUSED_FOR - 0.1)
    assert newcomers.may_begin(node(2, "192.0.2.7", 7), 100.0)
    assert newcomers.may_begin(node(1, "192.0.2.7", 7), 100.0 + REFUSED_FOR)


def test_there_are_never_too_many_in_all_and_room_comes_back() -> None:
    newcomers = Newcomers()
    many = [node(n, f"10.42.{n >> 8}.{n & 255}") for n in range(1000)]
    assert admitted(newcomers, many) == MOST_CHECKS
    newcomers.end(many[3])
    assert admitted(newcomers, many[500:]) == 1


def test_who_could_not_prove_himself_is_left_alone_for_a_while() -> None:
    newcomers = Newcomers()
    newcomers.refuse(node(1), 100.0)
    assert not newcomers.may_begin(node(1), 100.0 + REFUSED_FOR - 0.1)
    assert newcomers.may_begin(node(1), 100.0 + REFUSED_FOR)
    assert newcomers.may_begin(node(1, port=2000), 100.0)  # that may be the real one
    for number in range(5000):
        newcomers.refuse(node(number), 100.0)
    assert len(newcomers._refused) == MOST_REFUSED


def test_nothing_is_left_behind() -> None:
    newcomers = Newcomers()
    nodes = [node(n, f"10.42.0.{n}") for n in range(100)]
    admitted(newcomers, nodes)
    for each in nodes:
        newcomers.end(each)
    assert not newcomers._checked
    assert not newcomers._of_source
