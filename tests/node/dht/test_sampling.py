"""The least loaded are told more often, every datagram keeps its size, and nobody is never told."""

from __future__ import annotations

import random
from collections import Counter

import pytest

from node.dht import records, sampling
from node.dht.messages import mark_of
from node.dht.verifier import Checked, RecordVerifier
from tests.support.dht_nodes import Clock, Mesh, worker

OCR = records.service_key("ocr")


def entries(mesh: Mesh, clock: Clock, *loads: float) -> list[Checked]:
    verifier = RecordVerifier(mesh.key.public_key())
    made = []
    for number, load in enumerate(loads):
        member = mesh.member(f"worker-{number}")
        made.append(verifier.check(OCR, member.entry(record=worker(member.subject, load=load)), clock.now))
    return made


def test_all_are_told_where_they_fit(mesh: Mesh, clock: Clock) -> None:
    three = entries(mesh, clock, 0.1, 0.9, 1.0)
    assert sampling.sample(three, 1200, random.Random(1)) == three


def test_a_sample_never_exceeds_the_room_and_fills_it(mesh: Mesh, clock: Clock) -> None:
    many = entries(mesh, clock, *(0.05 * number for number in range(20)))
    largest = max(sampling.size(entry) for entry in many)
    for seed in range(50):
        chosen = sampling.sample(many, 1023, random.Random(seed))
        used = sum(sampling.size(entry) for entry in chosen)
        assert 1023 - largest < used <= 1023
        assert len({entry.subject for entry in chosen}) == len(chosen)


def test_the_least_loaded_are_told_most_and_the_busiest_sometimes(mesh: Mesh, clock: Clock) -> None:
    some = entries(mesh, clock, 0.0, 0.25, 0.5, 0.75, 1.0)
    room = 2 * max(sampling.size(entry) for entry in some)
    rng = random.Random(7)
    told = Counter(entry.load for _ in range(4000) for entry in sampling.sample(some, room, rng))
    assert told[0.0] > told[0.25] > told[0.5] > told[0.75] > told[1.0] > 0


@pytest.mark.parametrize(("idle", "busy"), [(0.0, 0.5), (0.2, 0.8)])
def test_the_first_draw_follows_the_weights(mesh: Mesh, clock: Clock, idle: float, busy: float) -> None:
    pair = entries(mesh, clock, idle, busy)
    room = max(sampling.size(entry) for entry in pair)
    rng = random.Random(3)
    draws = 4000
    first = sum(sampling.sample(pair, room, rng)[0].load == idle for _ in range(draws))
    expected = sampling.weight(idle) / (sampling.weight(idle) + sampling.weight(busy))
    assert first / draws == pytest.approx(expected, abs=0.03)


def test_the_living_go_before_the_withdrawn(mesh: Mesh, clock: Clock) -> None:
    verifier = RecordVerifier(mesh.key.public_key())
    gone = [verifier.check(OCR, mesh.member(f"gone-{n}").entry(payload=b""), clock.now) for n in range(5)]
    (living,) = entries(mesh, clock, 1.0)
    for seed in range(20):
        chosen = sampling.sample([*gone, living], sampling.size(living), random.Random(seed))
        assert chosen == [living]


def test_what_the_asker_knows_is_told_only_where_the_news_leave_room(mesh: Mesh, clock: Clock) -> None:
    many = entries(mesh, clock, *(0.05 * number for number in range(10)))
    known = {mark_of(entry.data) for entry in many[:8]}
    for seed in range(20):
        chosen = sampling.sample(many, 1023, random.Random(seed), known)
        assert {"worker-8", "worker-9"} < {entry.subject for entry in chosen}
    everything = {mark_of(entry.data) for entry in many}
    assert sampling.sample(many, 1023, random.Random(1), everything), "that one has them is worth telling"
