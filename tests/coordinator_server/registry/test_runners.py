"""Who runs what, in the order of their load."""

from __future__ import annotations

import random

from coordinator_server.registry.runners import LEVELS, Runners


def test_whatever_is_noted_the_least_loaded_come_first_and_nobody_is_lost() -> None:
    chance, runners = random.Random(5), Runners()
    known: dict[str, tuple[tuple[str, ...], float]] = {}
    services = ("ner", "notes", "ocr")
    for _ in range(3000):
        worker_id = f"w{chance.randrange(40)}"
        before = known.pop(worker_id, ((), 0.0))[0]
        if chance.random() < 0.2:
            runners.drop(worker_id, before)
        else:
            now = tuple(name for name in services if chance.random() < 0.4)
            load = chance.choice((-0.5, 0.0, chance.random(), 1.0, 7.0))
            runners.drop(worker_id, set(before) - set(now))
            runners.put(worker_id, now, load)
            known[worker_id] = (now, load)
        assert set(runners) == {name for running, _ in known.values() for name in running}
        for service in services:
            there = {name: load for name, (running, load) in known.items() if service in running}
            found = list(runners.by_load(service))
            assert sorted(found) == sorted(there)
            assert set(runners.of(service)) == set(there)
            levels = [int(min(max(there[name], 0.0), 0.999) * LEVELS) for name in found]
            assert levels == sorted(levels)


def test_who_is_noted_again_keeps_its_turn() -> None:
    runners = Runners()
    for name in ("a", "b", "c"):
        runners.put(name, ["ner"], 0.5)
    runners.put("a", ["ner"], 0.9)
    assert list(runners.of("ner")) == ["a", "b", "c"]
    assert list(runners.by_load("ner")) == ["b", "c", "a"]
    runners.put("d", ["ner"], 0.5)
    runners.turn("ner", ["b", "a"])
    assert list(runners.by_load("ner")) == ["c", "d", "b", "a"]
    runners.drop("d", ["ner"])
    runners.drop("nobody", ["ner", "ocr"])
    runners.drop("a", ["ner", "ocr"])
    assert list(runners.of("ner")) == ["b", "c"]
    assert not runners.of("ocr")
