"""Paths: what one liar tells stays on one path, the made-up cost little, and agreement is cheap."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence

import pytest
from kademlia.node import Node

from node.dht.paths import Paths

K = 8
TARGET = Node(bytes(20))
PATHS = 4

Answers = Callable[[Node], Sequence[Node] | None]  # None: no answer


def at(distance: int, port: int = 8468) -> Node:
    """Return a node at this distance from the target."""
    return Node(distance.to_bytes(20, "big"), "10.0.0.1", port)


def distances(nodes: Sequence[Node]) -> list[int]:
    return [node.distance_to(TARGET) for node in nodes]


def walk(paths: Paths, answers: Answers, most: int = 1000) -> list[Node]:
    """Ask one node after another until no path wants to know more; return whom."""
    asked: list[Node] = []
    while len(asked) < most and (node := paths.next()) is not None:
        asked.append(node)
        told = answers(node)
        if told is None:
            paths.failed(node)
        else:
            paths.answered(node, told)
    return asked


def test_everybody_known_is_asked_once_and_the_nearest_first() -> None:
    peers = [at(distance) for distance in (70, 10, 40, 20, 60, 30, 50)]
    asked = walk(Paths(TARGET, peers, ksize=K, width=3, count=PATHS), lambda _: peers)
    assert distances(asked[:PATHS]) == [10, 20, 30, 40]
    assert sorted(distances(asked)) == [10, 20, 30, 40, 50, 60, 70]


def test_there_are_no_more_paths_than_peers_and_nobody_is_nobody() -> None:
    assert len(Paths(TARGET, [at(1), at(2)], ksize=K, width=3, count=PATHS)) == 2
    alone = Paths(TARGET, [], ksize=K, width=3, count=PATHS)
    assert (alone.next(), alone.open(), alone.reached()) == (None, 0, 0)


def test_paths_that_begin_later_take_their_turns_and_the_answers_that_are_there() -> None:
    paths = Paths(TARGET, [at(1)], ksize=K, width=3, count=PATHS)
    assert distances(walk(paths, lambda _: [])) == [1]
    paths.begin([at(100), at(101)])
    assert len(paths) == 3
    assert distances(walk(paths, lambda _: [at(1), at(2)])) == [100, 101, 2]
    paths.witness(at(1))
    assert (paths.reached(), paths.open()) == (3, 0)


def test_what_one_node_tells_leads_one_path_only() -> None:
    peers = [at(distance) for distance in range(1000, 1008)]
    paths = Paths(TARGET, peers, ksize=K, width=3, count=PATHS)
    liar = paths.next()
    assert liar is not None
    friends = [at(distance) for distance in range(1, K + 1)]
    paths.answered(liar, friends)
    asked = walk(paths, lambda node: friends if node in friends else [])
    honest_first = [node.distance_to(TARGET) >= 1000 for node in asked[: 2 * PATHS]]
    assert sum(honest_first) >= len(peers) - 2, "the path of the liar gets no more than its share"


def test_a_second_path_takes_in_the_answer_that_is_there() -> None:
    peers = [at(100), at(101)]
    near = [at(distance) for distance in (1, 2, 3)]
    paths = Paths(TARGET, peers, ksize=K, width=3, count=PATHS)
    asked = walk(paths, lambda _: near)
    assert sorted(distances(asked)) == [1, 2, 3, 100, 101]
    paths.witness(near[0])
    assert paths.reached() == 2


def test_a_path_has_no_use_for_what_only_others_have_heard() -> None:
    paths = Paths(TARGET, [at(100), at(101)], ksize=K, width=3, count=PATHS)
    walk(paths, lambda node: [at(1)] if node.distance_to(TARGET) == 100 else [])
    paths.witness(at(1))
    assert (paths.reached(), paths.open()) == (1, 0)


def test_paths_without_a_witness_are_open_until_nobody_is_left_to_ask() -> None:
    paths = Paths(TARGET, [at(100), at(101), at(102)], ksize=K, width=3, count=PATHS)
    first, second, third = paths.next(), paths.next(), paths.next()
    assert first is not None and second is not None and third is not None
    paths.witness(first)
    paths.answered(first, [])
    assert (paths.reached(), paths.open()) == (1, 2)
    paths.answered(second, [])
    assert paths.open() == 1
    paths.failed(third)
    assert paths.open() == 0


def test_only_the_paths_that_are_behind_go_on_when_asked_to() -> None:
    paths = Paths(TARGET, [at(100), at(101)], ksize=K, width=3, count=PATHS)
    first = paths.next()
    assert first is not None
    paths.witness(first)
    paths.answered(first, [at(1)])
    following = paths.next(behind=True)
    assert following is not None
    assert following.distance_to(TARGET) == 101
    paths.answered(following, [])
    assert paths.next(behind=True) is None
    assert distances([node for node in [paths.next()] if node]) == [1]


def test_a_path_that_waits_for_liars_takes_no_turns_of_the_others() -> None:
    paths = Paths(TARGET, [at(100), at(101)], ksize=K, width=2, count=PATHS)
    liar = paths.next()
    assert liar is not None
    paths.answered(liar, [at(distance) for distance in range(1, 5)])
    honest = paths.next()
    slow = paths.next()
    assert honest is not None and slow is not None
    for step in range(50, 40, -1):
        paths.answered(honest, [at(step)])
        honest = paths.next()
        assert honest is not None
        assert honest.distance_to(TARGET) == step
    paths.late(slow)
    assert distances([node for node in [paths.next()] if node]) == [2]


def test_after_a_made_up_contact_the_others_of_its_teller_wait_for_everybody_else() -> None:
    honest = [at(distance) for distance in range(1000, 1006)]
    made_up = [at(distance, port=9) for distance in range(1, 9)]
    asked = walk(
        Paths(TARGET, [at(500), at(501)], ksize=2 * K, width=3, count=1),
        lambda node: None if node.port == 9 else {500: made_up, 501: honest}.get(node.distance_to(TARGET), []),
    )
    assert distances(asked) == [500, 1, 501, *range(1000, 1006), *range(2, 9)], "nobody is dropped"


def test_the_made_up_contacts_of_one_teller_are_asked_one_at_a_time() -> None:
    paths = Paths(TARGET, [at(500), at(501)], ksize=K, width=3, count=1)
    liar = paths.next()
    assert liar is not None
    paths.answered(liar, [at(distance) for distance in range(1, 9)])
    assert distances([node for node in (paths.next(), paths.next()) if node]) == [1, 501]


def test_liars_that_tell_the_same_made_up_contacts_share_the_debt_and_gain_nothing() -> None:
    liars = [at(distance) for distance in range(500, 504)]
    made_up = [at(distance, port=9) for distance in range(1, 40)]
    told = {
        500: made_up,
        501: made_up,
        502: made_up,
        503: made_up,
        504: [at(number) for number in range(1000, 1020)],
    }
    asked = walk(
        Paths(TARGET, [*liars, at(504)], ksize=2 * K, width=1, count=1),
        lambda node: None if node.port == 9 else told.get(node.distance_to(TARGET), []),
        most=2 * K,
    )
    assert sum(node.port == 9 for node in asked) <= len(liars)


def test_who_is_vouched_for_by_an_honest_node_too_does_not_wait() -> None:
    made_up = [at(distance, port=9) for distance in range(1, 20)]
    told = {500: [*made_up, at(30)], 501: [at(30)]}
    asked = walk(
        Paths(TARGET, [at(500), at(501)], ksize=K, width=3, count=PATHS),
        lambda node: None if node.port == 9 else told.get(node.distance_to(TARGET), []),
    )
    assert distances(asked).index(30) <= 3


def test_a_teller_whose_contacts_answer_owes_nothing() -> None:
    told = [at(distance) for distance in range(1, K + 1)]
    asked = walk(
        Paths(TARGET, [at(500), at(501)], ksize=K, width=3, count=1),
        lambda node: told if node.distance_to(TARGET) == 500 else [],
    )
    assert distances(asked) == [500, *range(1, K + 1)]


def test_an_honest_teller_whose_contacts_have_died_is_heard_all_the_same() -> None:
    told = [at(distance) for distance in (1, 2, 3, 4, 5, 6, 10, 11)]
    asked = walk(
        Paths(TARGET, [at(500)], ksize=K, width=3, count=PATHS),
        lambda node: told if node.distance_to(TARGET) == 500 else [] if node.distance_to(TARGET) > 6 else None,
    )
    assert {10, 11} <= set(distances(asked))


def test_the_other_address_of_a_node_is_tried_where_the_first_is_silent() -> None:
    teller, wrong, right = at(500), at(1, port=9), at(1, port=10)
    for give_up in (Paths.failed, Paths.late):
        paths = Paths(TARGET, [teller], ksize=K, width=3, count=PATHS)
        assert paths.next() is teller
        paths.answered(teller, [wrong, right])
        assert paths.next() is wrong
        assert paths.next() is None, "one address at a time"
        give_up(paths, wrong)
        assert paths.next() is right


def test_who_lets_us_wait_keeps_nobody_from_being_asked_and_still_counts_when_he_answers() -> None:
    paths = Paths(TARGET, [at(distance) for distance in range(1, 12)], ksize=2, width=3, count=PATHS)
    slow = paths.next()
    assert slow is not None
    paths.late(slow)
    asked = walk(paths, lambda _: [])
    assert slow not in asked
    paths.answered(slow, [at(0)])
    following = paths.next()
    assert following is not None
    assert following.distance_to(TARGET) == 0


class Crowd:
    """Nodes that know others as Kademlia wants it; every third lies: it tells only friends."""

    def __init__(self, count: int, rng: random.Random) -> None:
        self.rng = rng
        self.nodes = [
            Node(rng.randbytes(20), f"10.1.{number >> 8}.{number & 255}", 8468) for number in range(count)
        ]
        self.liars = {node.id for node in self.nodes[::3]}
        self.ids = {node.id for node in self.nodes}

    def nearest(self, nodes: Sequence[Node], target: Node, count: int) -> list[Node]:
        return sorted(nodes, key=target.distance_to)[:count]

    def known_to(self, node: Node, target: Node) -> list[Node]:
        """Return whom an honest node tells: the nearest of those in a bucket 4 levels up, drawn at random."""
        reach = max(node.distance_to(target) >> 4, 1)
        inside = [other for other in self.nodes if other.distance_to(target) <= reach]
        if len(inside) > 2 * K:
            inside = self.rng.sample(inside, 2 * K)
        return self.nearest(inside if len(inside) >= K else self.nodes, target, 2 * K)

    def answers(self, target: Node) -> Answers:
        friends = self.nearest([node for node in self.nodes if node.id in self.liars], target, K)

        def answer(node: Node) -> Sequence[Node] | None:
            if node.id not in self.ids:
                return None
            if node.id not in self.liars:
                return self.known_to(node, target)
            return friends

        return answer


@pytest.mark.parametrize(("count", "least", "most"), [(PATHS, 37, 40), (1, 0, 30)])
def test_several_paths_get_past_liars_that_lead_one_astray(count: int, least: int, most: int) -> None:
    rng = random.Random(20)
    crowd = Crowd(1500, rng)
    arrived = 0
    for _ in range(40):
        target = Node(rng.randbytes(20))
        start = crowd.nearest(rng.sample(crowd.nodes, 60), target, K)
        asked = {
            node.id
            for node in walk(Paths(target, start, ksize=K, width=3, count=count), crowd.answers(target), 3 * K)
        }
        keepers = {node.id for node in crowd.nearest(crowd.nodes, target, K)} - crowd.liars
        arrived += len(asked & keepers) * 2 >= len(keepers)
    assert least <= arrived <= most
