"""What coordinators know of one another's workers, from what the store tells."""

from __future__ import annotations

import msgspec

from coordinator_server.fleet.roster import (
    ASSIGNED,
    ASSIGNER,
    LIVE,
    RUN,
    Held,
    Roster,
    Row,
    Told,
    read,
)
from coordinator_server.registry.facts import Facts
from coordinator_server.store.interface import Change, Versioned
from node.wire.messages import Capabilities

PC = Capabilities(cpu_cores=4)


def run(name: str, owner: str) -> Change:
    return Change(RUN + name, Versioned(owner.encode(), 1))


def live(worker_id: str, owner: str, version: int = 1) -> Change:
    row = Row(owner=owner, run="run-" + owner, facts=Facts(capabilities=PC, running=("ner",)))
    return Change(LIVE + worker_id, Versioned(msgspec.json.encode(row), version))


def given(worker_id: str, *services: str) -> Change:
    return Change(ASSIGNED + worker_id, Versioned(msgspec.json.encode(services), 1))


def gone(key: str) -> Change:
    return Change(key, None)


class Story:
    """A roster with a grace of 75 seconds, as the coordinator `a` has it."""

    def __init__(self) -> None:
        self.roster = Roster("run-a", 75.0)
        self.now = 1000.0

    def all(self, *changes: Change) -> Told:
        return self.roster.take([read(one, self.now) for one in changes], self.now, whole=True)

    def new(self, *changes: Change) -> Told:
        return self.roster.take([read(one, self.now) for one in changes], self.now, whole=False)


def test_it_knows_who_talks_to_whom_what_each_runs_and_who_assigns() -> None:
    story = Story()
    told = story.all(
        run("run-a", "a"), run("run-b", "b"), live("w-1", "a"), live("w-2", "b", 7), given("w-1", "ner"),
        Change(ASSIGNER, Versioned(b"run-b", 9)),
    )  # fmt: skip
    roster = story.roster
    assert told == Told(frozenset({"w-1", "w-2"}), frozenset({"w-1"}))
    assert roster.others() == ["run-b"]
    assert roster.assigner == Held("run-b", 9)
    assert [(name, row.owner) for name, row in roster.elsewhere()] == [("w-2", "b")]
    assert roster.live["w-2"].version == 7
    assert roster.live["w-2"].member.running == ("ner",)
    assert roster.assigned == {"w-1": ("ner",)}
    assert not roster.expected
    assert story.new(gone(ASSIGNER), given("w-1")) == Told(assigned=frozenset({"w-1"}))
    assert (roster.assigner, roster.assigned) == (None, {"w-1": ()})


def test_at_the_start_whoever_has_something_to_run_is_expected() -> None:
    story = Story()
    story.all(given("w-1", "ner"), given("w-2"), live("w-2", "b"), run("run-b", "b"))
    assert list(story.roster.expected) == ["w-1"]
    story.now += 74
    assert story.roster.tick(story.now) == []
    story.now += 1
    assert story.roster.tick(story.now) == ["w-1"]
    assert not story.roster.expected
    story.all(given("w-1", "ner"))
    assert list(story.roster.expected) == ["w-2"], "only the first time, and whose coordinator has gone since"


def test_workers_of_a_coordinator_that_died_are_expected_and_those_that_left_are_not() -> None:
    story = Story()
    story.all(run("run-a", "a"), run("run-b", "b"), live("w-1", "b"), live("w-2", "b"), live("w-3", "b"))
    assert story.new(gone(LIVE + "w-1")).live == {"w-1"}
    assert not story.roster.expected, "its coordinator has let it go"
    story.new(gone(LIVE + "w-2"), gone(LIVE + "w-3"), gone(RUN + "run-b"))
    assert sorted(story.roster.expected) == ["w-2", "w-3"]
    story.new(live("w-2", "a", 9))
    assert list(story.roster.expected) == ["w-3"], "it has come back"
    story.roster.arrived("w-3")
    assert not story.roster.expected


def test_views_hear_of_everybody_of_whom_something_is_new() -> None:
    story, heard = Story(), set[str]()
    story.roster.differs = heard.add
    story.all(run("run-b", "b"), live("w-1", "b"), live("w-2", "b"))
    assert heard == {"w-1", "w-2"}
    heard.clear()
    story.new(given("w-2", "ner"))
    assert not heard
    story.new(gone(LIVE + "w-1"))
    assert heard == {"w-1"}
    heard.clear()
    story.all(run("run-b", "b"))
    assert heard == {"w-2"}, "nobody tells of it any more"


def test_it_is_the_same_when_everything_is_told_anew() -> None:
    story = Story()
    story.all(run("run-a", "a"), run("run-b", "b"), live("w-1", "b"), live("w-2", "b"), given("w-1", "ner"))
    story.all(run("run-a", "a"), run("run-b", "b"), live("w-2", "b"), given("w-1", "ner"))
    assert not story.roster.expected, "it left while nobody told us"
    told = story.all(run("run-a", "a"), given("w-1", "ner"))
    assert (told.live, told.assigned) == ({"w-2"}, frozenset())
    assert list(story.roster.expected) == ["w-2"]


def test_a_coordinator_that_starts_again_at_once_leaves_its_workers_expected_when_its_old_keys_vanish() -> None:
    story = Story()
    story.all(run("run-a", "a"), run("run-b", "b"), live("w-1", "b"), live("w-2", "b"))
    story.new(run("new-run", "b"))
    story.new(gone(LIVE + "w-1"), gone(RUN + "run-b"), gone(LIVE + "w-2"))
    assert sorted(story.roster.expected) == ["w-1", "w-2"]


def test_what_nobody_can_read_counts_as_nothing() -> None:
    story = Story()
    story.all(
        Change(LIVE + "w-1", Versioned(b"{}", 1)),
        Change(LIVE + "w-2", Versioned(b'{"x":' + b"[" * 5000, 1)),
        Change(ASSIGNED + "w-1", Versioned(b"7", 1)),
        Change(RUN + "x", Versioned(b"\xff", 1)),
        Change(ASSIGNER, Versioned(b"\xff", 1)),
        Change("roster/of-a-newer-version", Versioned(b"x", 1)),
    )
    roster = story.roster
    assert (roster.live, roster.assigned, roster.runs, roster.assigner) == ({}, {}, {}, None)
