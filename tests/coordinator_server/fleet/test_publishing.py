"""What each coordinator writes of its workers, and when it lets one go."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import msgspec

from coordinator_server.fleet.publishing import Publishing
from coordinator_server.fleet.roster import LIVE, RUN, Roster, Row, read
from coordinator_server.registry.facts import LOAD_PAUSE, Facts
from coordinator_server.store.interface import ABSENT, MOST_TOGETHER, Change, Versioned, Write
from node.wire.messages import Capabilities

VERSIONS = itertools.count(1)  # which never come twice
FACTS = Facts(capabilities=Capabilities(cpu_cores=4, ram_free_bytes=5))


class Coordinator:
    """One that writes into a store of its own, which others may write into as well."""

    def __init__(self, name: str, store: dict[str, tuple[bytes, int]]) -> None:
        self.name = name
        self.run = "run-" + name
        self.store = store
        self.roster = Roster(self.run, 75.0)
        self.publishing = Publishing(name, self.roster)
        self.members: dict[str, Facts] = {}
        self.now = 0.0
        self.lost: list[str] = []
        self._known: dict[str, int] = {}

    def see(self) -> None:
        """Hear of what has changed in the store."""
        changes = [
            Change(key, Versioned(*entry)) for key, entry in self.store.items() if self._known.get(key) != entry[1]
        ]
        changes += [Change(key, None) for key in self._known if key not in self.store]
        self._known = {key: version for key, (_, version) in self.store.items()}
        told = self.roster.take([read(one, self.now) for one in changes], self.now, whole=False)
        for name in self.publishing.seen(told.live, self.members.__contains__):
            self.lost.append(name)
            del self.members[name]

    def registers(self, name: str, facts: Facts = FACTS) -> None:
        self.members[name] = facts
        self.publishing.claim(name)

    def says(self, name: str, facts: Facts) -> None:
        self.members[name] = facts
        self.publishing.look_at([name])

    def portion(self) -> Sequence[Write]:
        return self.publishing.portion(self.members.get, self.now)

    def publish(self) -> int:
        """Write until there is nothing to write now; return how many were written."""
        count = 0
        while self.publishing:
            writes = self.portion()
            if all(w.expected in (None, self.store.get(w.key, (b"", ABSENT))[1]) for w in writes):
                for write in writes:
                    version = next(VERSIONS)
                    if write.value is None:
                        self.store.pop(write.key, None)
                    else:
                        self.store[write.key] = (write.value, version)
                self.publishing.written()
                count += len(writes)
            else:
                self.publishing.failed()
                self.see()
        return count

    def owner(self, name: str) -> str:
        return msgspec.json.decode(self.store[LIVE + name][0], type=Row).owner


def pair() -> tuple[Coordinator, Coordinator]:
    store: dict[str, tuple[bytes, int]] = {}
    return Coordinator("a", store), Coordinator("b", store)


def test_the_first_thing_is_that_we_are_there() -> None:
    one, _ = pair()
    assert one.publishing
    writes = one.portion()
    assert writes == [Write(RUN + "run-a", b"a", leased=True)]
    assert not one.publishing, "it is on its way"
    one.publishing.failed()
    assert one.publish() == 1
    one.see()
    assert not one.publishing
    assert list(one.portion()) == []
    del one.store[RUN + "run-a"]
    one.see()
    assert one.publish() == 1, "the store has forgotten us meanwhile"


def test_a_worker_is_written_when_something_matters_and_not_per_heartbeat() -> None:
    one, _ = pair()
    one.registers("w-1")
    assert one.publish() == 2
    one.see()
    one.now += 1
    passing = msgspec.structs.replace(FACTS.capabilities, ram_free_bytes=4, cpu_name="x")
    one.says("w-1", Facts(capabilities=passing, load=0.2))
    assert one.publish() == 0
    one.says("w-1", Facts(capabilities=FACTS.capabilities, load=0.95))
    assert one.publish() == 0, "loads come and go"
    one.now += LOAD_PAUSE
    one.says("w-1", Facts(capabilities=FACTS.capabilities, load=0.95))
    assert one.publish() == 1
    one.see()
    for changed in (
        Facts(capabilities=FACTS.capabilities, load=0.95, running=("ner",)),
        Facts(capabilities=FACTS.capabilities, load=0.95, paused=True),
        Facts(capabilities=FACTS.capabilities, load=0.95, stale=True),
        Facts(capabilities=Capabilities(cpu_cores=8), load=0.95),
    ):
        one.says("w-1", changed)
        assert one.publish() == 1, changed
        one.see()
    del one.members["w-1"]
    one.publishing.look_at(["w-1"])
    assert one.publish() == 1
    assert LIVE + "w-1" not in one.store
    one.see()
    assert not one.publishing


def test_what_is_on_its_way_is_not_written_twice_and_later_changes_follow() -> None:
    one, _ = pair()
    one.registers("w-1")
    one.publish()
    one.says("w-1", msgspec.structs.replace(FACTS, paused=True))
    assert not [write for write in one.portion() if write.key == LIVE + "w-1"], "its version is not known yet"
    one.see()
    assert one.publish() == 1
    one.see()
    assert one.roster.live["w-1"].row.facts.paused


def test_who_registers_elsewhere_is_taken_over_and_let_go() -> None:
    one, other = pair()
    one.registers("w-1")
    one.publish()
    other.see()
    other.registers("w-1")
    other.publish()
    assert other.owner("w-1") == "b"
    one.see()
    assert (one.lost, one.members) == (["w-1"], {})
    assert one.publish() == 0
    other.see()
    assert other.lost == []


def test_a_worker_that_goes_to_and_fro_ends_where_it_registered_last() -> None:
    one, other = pair()
    for _ in range(5):
        for here, there in ((one, other), (other, one)):
            here.registers("w-1")
            here.publish()
            here.see()
            there.see()
            assert there.members == {}
            assert here.owner("w-1") == here.name
    one.registers("w-1")
    other.registers("w-1")  # before either has written
    other.publish()
    one.see()
    assert one.lost.count("w-1") == 5, "it has claimed it, and may have heard it last"
    one.publish()
    other.see()
    assert (one.owner("w-1"), other.members) == ("a", {})


def test_who_is_taken_over_while_its_key_is_on_its_way_is_claimed_anew() -> None:
    one, other = pair()
    for coordinator in (one, other):
        coordinator.publish()
        coordinator.see()
    one.registers("w-1")
    one.portion()
    other.registers("w-1")
    other.publish()
    one.see()
    assert one.lost == []
    one.publishing.failed()
    one.publish()
    other.see()
    assert (one.owner("w-1"), other.lost, list(one.members)) == ("a", ["w-1"], ["w-1"])


def test_who_is_seen_before_it_is_known_that_it_was_written_is_not_waited_for() -> None:
    one, _ = pair()
    one.registers("w-1")
    for write in one.portion():
        assert write.value is not None
        one.store[write.key] = (write.value, next(VERSIONS))
    one.see()
    one.publishing.written()
    one.says("w-1", msgspec.structs.replace(FACTS, paused=True))
    assert one.publish() == 1


def test_who_was_halted_takes_nobody_back_who_has_gone_elsewhere() -> None:
    one, other = pair()
    for name in ("w-1", "w-2"):
        one.registers(name)
    one.publish()
    one.see()
    for key in list(one.store):  # its lease has ended meanwhile
        del one.store[key]
    other.see()
    other.registers("w-1")
    other.publish()
    one.says("w-1", msgspec.structs.replace(FACTS, paused=True))  # before it sees that
    one.publish()
    assert other.owner("w-1") == "b"
    one.see()
    one.publish()
    assert (one.lost, list(one.members)) == (["w-1"], ["w-2"])
    assert one.owner("w-2") == "a"
    assert one.store[RUN + "run-a"][0] == b"a"


def test_thousands_are_written_in_portions() -> None:
    one, _ = pair()
    for number in range(1000):
        one.registers(f"w-{number}")
    writes = one.portion()
    assert len(writes) == MOST_TOGETHER
    one.publishing.failed()
    assert one.publish() == 1001
    one.see()
    assert len(one.roster.live) == 1000
    one.publishing.begin_anew()
    one.publishing.look_at(one.members)
    assert one.publish() == 0
