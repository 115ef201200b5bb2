"""Fleets that change in any order: what must hold after every step, and that they come to rest."""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Iterable
from typing import Any

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

from coordinator_server.registry.assignment import History, Machine, Plan, assign
from node.wire.manifests import Catalogue, Manifest, Requirements
from node.wire.messages import Capabilities
from tests.support.fleet_rules import Step, barred, check, fit_together
from tests.support.fleets import GIB, Fleet, gpu_machine, machine, service

NAMES = ("s1", "s2", "s3", "s4", "s5")
DRAINED = "is being drained by the operator"
HOUR = 3600.0
ROUNDS = 8  # of planning, after which nothing changes any more; at most 2 were seen

spans = st.sampled_from([1.0, 10.0, 29.0, 30.0, 30.0, 60.0, 300.0, 1000.0])
few_names = st.sets(st.sampled_from(NAMES), max_size=3).map(sorted).map(tuple)
loads = st.sampled_from([0.2, 0.0, 0.4, 0.6, 0.8, 0.9, 1.0])
trusts = st.sampled_from(["vetted", "vetted", "volunteer"])
manifests = st.builds(
    service,
    st.sampled_from(NAMES),
    replicas=st.sampled_from([2, 1, 2, 3, 1, 4, 0]),
    tier=st.sampled_from(["cpu", "cpu", "cpu", "gpu"]),
    data_class=st.sampled_from(["public", "personal"]),
    requirements=st.builds(Requirements, ram_bytes=st.sampled_from([0, 0, 1, 2, 4, 6]).map(lambda n: n * GIB)),
)
catalogues = st.lists(manifests, min_size=2, max_size=5, unique_by=lambda one: one.name).map(tuple).map(Catalogue)
machines = st.builds(  # most of them can run most services: else nothing happens
    lambda make, ram, **more: make("?", ram_bytes=ram * GIB, running=(), **more),
    st.sampled_from([machine, machine, gpu_machine]),
    st.sampled_from([8, 8, 8, 4, 2, 0]),
    allowed_services=st.just(()) | st.just(()) | few_names,
    trust=trusts,
    site=st.sampled_from(["s", "t", "u", ""]),
    owner=st.sampled_from(["", "o", "p"]),
    load=loads,
)


class Churn(RuleBasedStateMachine):
    """Things that happen to a fleet; after each a plan is made, carried out and held to what is promised."""

    def __init__(self) -> None:
        super().__init__()
        self.fleet = Fleet(())
        self.drained_at: dict[str, float] = {}
        self.away: dict[str, Machine] = {}  # as they are when they come back after our restart
        self.started: Counter[tuple[str, str]] = Counter()  # since something other than time passed
        self.given_up: set[tuple[str, str]] = set()  # by the last plan, for what had no other place
        self.born = 0

    @initialize(catalogue=catalogues, most=st.integers(1, 4), first=st.lists(machines, min_size=2, max_size=6))
    def begin(self, catalogue: Catalogue, most: int, first: list[Machine]) -> None:
        self.fleet.catalogue, self.fleet.most = catalogue, most
        for one in first:
            self.join(one)
            self.time_goes_by(30.0)

    # --- what happens to machines -----------------------------------------------------------------------------

    @precondition(lambda self: len(self.fleet.machines) < 8)
    @rule(one=machines)
    def join(self, one: Machine) -> None:
        self.born += 1
        worker_id = f"w{self.born * 7 % 10}{self.born}"  # so that the newest is not always the last
        self.fleet.machines[worker_id] = dataclasses.replace(one, worker_id=worker_id)
        self.step()

    @precondition(lambda self: len(self.fleet.machines) > 2)
    @rule(data=st.data())
    def leave(self, data: st.DataObject) -> None:
        worker_id = data.draw(st.sampled_from(sorted(self.fleet.machines)))
        for known in (self.fleet.machines, self.drained_at, self.away):
            known.pop(worker_id, None)
        self.step()

    @precondition(lambda self: self.here())
    @rule(data=st.data(), why=st.sampled_from(["", "", "is not heard of", "is paused or closing"]))
    def rest(self, data: st.DataObject, why: str) -> None:
        one = self.pick(data)
        runs = () if "paused" in why else one.running  # what was heard last of who is silent says nothing
        self.drained_at.pop(one.worker_id, None)
        self.change(one, resting=why, draining=False, running=runs)

    @precondition(lambda self: self.busy())
    @rule(data=st.data(), others_are_slow=st.booleans(), spans=st.lists(spans, max_size=4), back=st.booleans())
    def drain(self, data: st.DataObject, others_are_slow: bool, spans: list[float], back: bool) -> None:
        """Drain one that has something to do, and see how that goes on; others may start nothing meanwhile."""
        one = data.draw(st.sampled_from(self.busy()))
        if others_are_slow:
            self.fleet.slow.update(self.fleet.machines)
        self.drained_at[one.worker_id] = self.fleet.now
        self.change(one, resting=DRAINED, draining=True)
        for seconds in spans:
            self.time_goes_by(seconds)
        if back:
            self.be_well()

    @precondition(lambda self: self.here())
    @rule()
    def be_well(self) -> None:
        """Let everybody who is here work, and do what it is told."""
        self.fleet.slow.clear()
        self.drained_at.clear()
        for one in self.here():
            self.fleet.change(one.worker_id, resting="", draining=False, unwanted=(), running=one.current)
        self.step()

    @precondition(lambda self: self.here())
    @rule(data=st.data(), unwanted=few_names)
    def refuse(self, data: st.DataObject, unwanted: tuple[str, ...]) -> None:
        self.change(self.pick(data), unwanted=unwanted)

    @precondition(lambda self: self.here())
    @rule(data=st.data(), trust=trusts, covered=st.just(()) | few_names)
    def approve(self, data: st.DataObject, **changes: Any) -> None:
        self.change(self.pick(data), **changes)

    @precondition(lambda self: self.here())
    @rule(data=st.data(), ram=st.sampled_from([8, 4, 2, 0]), allowed=st.just(()) | few_names)
    def be_rebuilt(self, data: st.DataObject, ram: int, allowed: tuple[str, ...]) -> None:
        one = self.pick(data)
        has = msgspec.structs.replace(one.capabilities, ram_bytes=ram * GIB, allowed_services=allowed)
        self.change(one, capabilities=has)

    @precondition(lambda self: self.here())
    @rule(data=st.data(), load=loads, memory_free=st.sampled_from([0.01, 0.5, 1.0]))
    def work(self, data: st.DataObject, **changes: Any) -> None:
        self.change(self.pick(data), **changes)

    @precondition(lambda self: self.here())
    @rule(data=st.data(), slow=st.booleans())
    def stumble(self, data: st.DataObject, slow: bool) -> None:
        (self.fleet.slow.add if slow else self.fleet.slow.discard)(self.pick(data).worker_id)

    # --- what the operator does, and what happens to us -------------------------------------------------------

    @rule(manifest=manifests, gone=st.booleans())
    def change_catalogue(self, manifest: Manifest, gone: bool) -> None:
        rest = tuple(m for m in self.fleet.catalogue.manifests if m.name != manifest.name)
        self.fleet.catalogue = Catalogue(rest if gone else (*rest, manifest))
        self.step()

    @precondition(lambda self: self.fleet.catalogue.manifests)
    @rule(data=st.data(), replicas=st.sampled_from([0, 2, 1, 3]), personal=st.booleans())
    def edit_manifest(self, data: st.DataObject, replicas: int, personal: bool) -> None:
        """Let the operator switch a service off or on, or say that its data are personal."""
        number = data.draw(st.integers(0, len(self.fleet.catalogue.manifests) - 1))
        found = list(self.fleet.catalogue.manifests)
        data_class: Any = "personal" if personal else "public"
        found[number] = msgspec.structs.replace(found[number], replicas=replicas, data_class=data_class)
        self.fleet.catalogue = Catalogue(tuple(found))
        self.step()

    @rule(back=st.booleans())
    def restart(self, back: bool) -> None:
        """Let the coordinator forget all but what it has told, and wait for machines to come back."""
        self.fleet.history = History()
        self.await_(self.here())
        for worker_id in sorted(self.away) if back else ():
            self.return_(worker_id)
        self.step()

    @precondition(lambda self: self.here())
    @rule(data=st.data())
    def lose_another_coordinator(self, data: st.DataObject) -> None:
        """Let machines be expected back whose coordinator died; who assigns remembers everything."""
        lost = data.draw(st.sets(st.sampled_from([one.worker_id for one in self.here()]), min_size=1))
        self.await_([self.fleet.machines[worker_id] for worker_id in sorted(lost)])
        self.step()

    def await_(self, lost: Iterable[Machine]) -> None:
        for one in lost:
            self.away[one.worker_id] = one
            self.drained_at.pop(one.worker_id, None)
            self.fleet.machines[one.worker_id] = Machine(
                worker_id=one.worker_id, capabilities=Capabilities(), current=one.current, expected=True
            )

    @precondition(lambda self: self.away)
    @rule(data=st.data())
    def come_back(self, data: st.DataObject) -> None:
        self.return_(data.draw(st.sampled_from(sorted(self.away))))
        self.step()

    def return_(self, worker_id: str) -> None:
        one, current = self.away.pop(worker_id), self.fleet.machines[worker_id].current
        runs = tuple(name for name in one.running or () if name in current)
        self.fleet.machines[worker_id] = dataclasses.replace(one, current=current, running=runs)
        if one.draining:
            self.drained_at[worker_id] = self.fleet.now

    # --- time -------------------------------------------------------------------------------------------------

    @rule(seconds=spans)
    def time_goes_by(self, seconds: float) -> None:
        """Let time alone pass: if all do what they are told, nobody gets back then what it gave up."""
        started, given_up = self.started.copy(), self.given_up
        self.fleet.obey(seconds)
        found = self.step()
        if self.fleet.slow:
            return
        starts = Counter((m.worker_id, m.service) for m in found.moves if m.action == "start")
        assert not given_up & starts.keys(), "it could have kept that"
        self.started = started + starts
        assert all(count == 1 for count in self.started.values()), self.started

    def teardown(self) -> None:
        """Let all be calm in the end: then it comes to rest, spread as far as that costs nobody more."""
        for one in self.here():
            self.fleet.change(one.worker_id, load=0.1, memory_free=1.0)
        self.fleet.slow.clear()
        for _ in range(24):
            self.fleet.obey(HOUR / 2)
            self.step()
        for _ in range(4):
            self.fleet.obey(5 * HOUR)
            found = self.step()
            assert found.moves == ()
            assert found.handovers == ()
        check_spread(self.fleet)

    # --- what always holds ------------------------------------------------------------------------------------

    def here(self) -> list[Machine]:
        return [one for one in self.fleet.machines.values() if not one.expected]

    def busy(self) -> list[Machine]:
        return [one for one in self.here() if one.running and not one.resting]

    def pick(self, data: st.DataObject) -> Machine:
        return data.draw(st.sampled_from(self.here()))

    def change(self, one: Machine, **changes: Any) -> None:
        self.fleet.change(one.worker_id, **changes)
        self.step()

    def step(self) -> Plan:
        fleet, before, handed_over = self.fleet, dict(self.fleet.machines), self.fleet.history.handovers
        found = fleet.carry_out()
        check(Step(fleet, before, self.drained_at, handed_over, found))
        # Others are looked for instead of who failed; and what has moved may leave a shorter way, or room for more.
        under_way = found.moves or found.handovers or found.waiting or found.history.shunned
        assert fleet.rounds() <= (ROUNDS if under_way else 0)
        self.started.clear()
        stops = (m for m in found.moves if m.action == "stop")
        self.given_up = {(m.worker_id, m.service) for m in stops if m.reason.endswith("had no other place")}
        return found


def check_spread(fleet: Fleet) -> None:
    """See that nobody shares a household with another replica while a fitting machine elsewhere has less to do."""
    held = {
        worker_id: [fleet.catalogue.by_name()[name] for name in one.current]
        for worker_id, one in fleet.machines.items()
    }
    for manifest in fleet.catalogue.manifests:
        holders = [one for one in fleet.machines.values() if manifest.name in one.current]
        sites = Counter(one.site for one in holders if one.site)
        distinct = len(sites) + sum(not one.site for one in holders)
        crowded = [one for one in holders if sites[one.site] > 1 and one.site]
        if manifest.replicas < 2 or distinct >= min(manifest.replicas, len(holders)):
            continue
        most = max(len(held[one.worker_id]) for one in crowded)
        for one in fleet.machines.values():
            free = not one.resting and bool(one.site) and not sites[one.site] and not barred(one, manifest)
            if free and fit_together(one, [*held[one.worker_id], manifest], fleet.most):
                assert len(held[one.worker_id]) >= most, f"{one.worker_id} is elsewhere and could run it"


TestChurn = Churn.TestCase
TestChurn.settings = settings(max_examples=60, stateful_step_count=30, deadline=None)


@settings(max_examples=100, deadline=None)
@given(
    first=st.lists(st.sampled_from("stu"), min_size=2, max_size=5),
    later=st.lists(st.sampled_from("stu"), min_size=1, max_size=3),
    wanted=st.lists(st.integers(2, 4), min_size=1, max_size=5),
    most=st.integers(1, 5),
)
def test_who_comes_from_elsewhere_gets_replicas_out_of_crowded_households(
    first: list[str], later: list[str], wanted: list[int], most: int
) -> None:
    manifests = [service(name, replicas=count) for name, count in zip(NAMES, wanted, strict=False)]
    fleet = Fleet([machine(f"a{n}", site=site) for n, site in enumerate(first)], *manifests, most=most)
    fleet.settle()
    for number, site in enumerate(later):
        fleet.machines[f"b{number}"] = machine(f"b{number}", site=site, running=())
    for _ in range(40):
        fleet.beat(HOUR / 4)
    assert fleet.beat(HOUR).moves == ()
    check_spread(fleet)


def test_what_is_planned_depends_on_nothing_but_what_is_given() -> None:
    fleet = Fleet([machine(name, site=name) for name in "abc"], service("x"), service("y"))
    one = fleet.plan()
    turned = assign(list(fleet.machines.values())[::-1], fleet.catalogue, now=fleet.now)
    assert (turned.services, turned.moves) == (one.services, one.moves)
