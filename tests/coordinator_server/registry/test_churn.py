"""Fleets that change in any order: what must hold after every step, and that they come to rest."""

from __future__ import annotations

import dataclasses
from collections import Counter
from typing import Any

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

from coordinator_server.registry.assignment import Machine, Plan, assign, unfit
from coordinator_server.registry.fitness import has_room
from node.wire.manifests import Catalogue, Manifest, Requirements
from tests.support.fleets import GIB, Fleet, gpu_machine, machine, service

NAMES = ("s1", "s2", "s3", "s4", "s5")
DRAINED = "is being drained by the operator"
HOUR = 3600.0
ROUNDS = 4  # of planning, after which nothing changes any more where somebody was given up; at most 2 were seen

few_names = st.just(()) | st.sets(st.sampled_from(NAMES), max_size=3).map(sorted).map(tuple)
rams = st.sampled_from([4, 1, 2, 6, 0]).map(lambda n: n * GIB)
loads = st.sampled_from([0.0, 0.2, 0.4, 0.6, 0.8, 0.9, 1.0])
manifests = st.builds(
    service,
    st.sampled_from(NAMES),
    replicas=st.sampled_from([2, 1, 3, 4, 0]),
    tier=st.sampled_from(["cpu", "cpu", "gpu"]),
    data_class=st.sampled_from(["public", "personal"]),
    requirements=st.builds(Requirements, ram_bytes=rams),
)
catalogues = st.lists(manifests, min_size=1, max_size=5, unique_by=lambda one: one.name).map(tuple).map(Catalogue)


class Churn(RuleBasedStateMachine):
    """Things that happen to a fleet; after each a plan is made, carried out and looked at."""

    def __init__(self) -> None:
        super().__init__()
        self.fleet = Fleet(())
        self.drained_at: dict[str, float] = {}
        self.born = 0

    @initialize(catalogue=catalogues, most=st.integers(1, 4), sites=st.lists(st.sampled_from("stu"), max_size=4))
    def begin(self, catalogue: Catalogue, most: int, sites: list[str]) -> None:
        self.fleet.catalogue, self.fleet.most = catalogue, most
        for site in sites:
            self.join(machine, 8 * GIB, (), trust="vetted", site=site, load=0.2)
            self.time_goes_by(30.0)

    # --- what happens -----------------------------------------------------------------------------------------

    @precondition(lambda self: len(self.fleet.machines) < 8)
    @rule(
        make=st.sampled_from([machine, gpu_machine]),
        ram=rams,
        allowed=few_names,
        trust=st.sampled_from(["vetted", "volunteer"]),
        site=st.sampled_from(["", "s", "t", "u"]),
        owner=st.sampled_from(["", "o", "p"]),
        load=loads,
    )
    def join(self, make: Any, ram: int, allowed: tuple[str, ...], **more: Any) -> None:
        self.born += 1
        worker_id = f"w{self.born * 7 % 10}{self.born}"  # so that the newest is not always the last
        found = make(worker_id, ram_bytes=ram, allowed_services=allowed, **more)
        self.fleet.machines[worker_id] = dataclasses.replace(found, running=())
        self.step()

    @precondition(lambda self: self.fleet.machines)
    @rule(data=st.data())
    def leave(self, data: st.DataObject) -> None:
        del self.fleet.machines[self.pick(data)]
        self.step()

    @precondition(lambda self: self.fleet.machines)
    @rule(data=st.data(), why=st.sampled_from(["", "", "is not heard of", "is paused or closing"]))
    def rest(self, data: st.DataObject, why: str) -> None:
        one = self.fleet.machines[self.pick(data)]
        runs = () if "paused" in why else one.running  # what was heard last of who is silent says nothing
        self.change(one, resting=why, draining=False, running=runs)

    @precondition(lambda self: self.fleet.machines)
    @rule(data=st.data())
    def drain(self, data: st.DataObject) -> None:
        one = self.fleet.machines[self.pick(data)]
        if not one.resting:
            self.drained_at[one.worker_id] = self.fleet.now
            self.change(one, resting=DRAINED, draining=True)

    @precondition(lambda self: self.fleet.machines)
    @rule(data=st.data(), unwanted=few_names)
    def refuse(self, data: st.DataObject, unwanted: tuple[str, ...]) -> None:
        self.change(self.fleet.machines[self.pick(data)], unwanted=unwanted)

    @precondition(lambda self: self.fleet.machines)
    @rule(data=st.data(), trust=st.sampled_from(["vetted", "volunteer"]), covered=few_names)
    def approve(self, data: st.DataObject, **changes: Any) -> None:
        self.change(self.fleet.machines[self.pick(data)], **changes)

    @precondition(lambda self: self.fleet.machines)
    @rule(data=st.data(), ram=rams, allowed=few_names)
    def be_rebuilt(self, data: st.DataObject, ram: int, allowed: tuple[str, ...]) -> None:
        one = self.fleet.machines[self.pick(data)]
        has = msgspec.structs.replace(one.capabilities, ram_bytes=ram, allowed_services=allowed)
        self.change(one, capabilities=has)

    @precondition(lambda self: self.fleet.machines)
    @rule(data=st.data(), load=loads, memory_free=st.sampled_from([0.01, 0.5, 1.0]))
    def work(self, data: st.DataObject, **changes: Any) -> None:
        self.change(self.fleet.machines[self.pick(data)], **changes)

    @precondition(lambda self: self.fleet.machines)
    @rule(data=st.data(), slow=st.booleans())
    def stumble(self, data: st.DataObject, slow: bool) -> None:
        (self.fleet.slow.add if slow else self.fleet.slow.discard)(self.pick(data))

    @rule(manifest=manifests, gone=st.booleans())
    def change_catalogue(self, manifest: Manifest, gone: bool) -> None:
        rest = tuple(m for m in self.fleet.catalogue.manifests if m.name != manifest.name)
        self.fleet.catalogue = Catalogue(rest if gone else (*rest, manifest))
        self.step()

    @rule(seconds=st.sampled_from([1.0, 10.0, 30.0, 30.0, 60.0, 300.0, 1000.0]))
    def time_goes_by(self, seconds: float) -> None:
        self.fleet.obey(seconds)
        self.step()

    @rule()
    def nothing_happens_for_long(self) -> None:
        """Let all be calm: then it comes to rest, spread as far as that costs nobody more, and stays so."""
        for worker_id in self.fleet.machines:
            self.fleet.change(worker_id, load=0.1, memory_free=1.0)
        self.fleet.slow.clear()
        for _ in range(40):
            self.fleet.obey(HOUR / 4)
            self.step()
        for _ in range(6):
            self.fleet.obey(5 * HOUR)
            found = self.step()
            assert found.moves == ()
            assert found.handovers == ()
        self.check_spread()

    # --- what always holds ------------------------------------------------------------------------------------

    def pick(self, data: st.DataObject) -> str:
        return data.draw(st.sampled_from(sorted(self.fleet.machines)))

    def change(self, one: Machine, **changes: Any) -> None:
        self.fleet.change(one.worker_id, **changes)
        self.step()

    def step(self) -> Plan:
        fleet = self.fleet
        before, serving, shunned = dict(fleet.machines), self.serving(), dict(fleet.history.shunned)
        found = fleet.carry_out()
        self.check_allowed(before, found)
        self.check_gaps(found)
        self.check_reasons(found)
        self.check_running(before, serving, found)
        failed = any(shunned.get(key) != until for key, until in found.history.shunned.items())
        assert fleet.rounds() <= (ROUNDS if failed else 0)  # instead of who failed others are looked for
        moves = Counter((move.worker_id, move.service) for move in found.moves)
        assert all(count == 1 for count in moves.values())
        return found

    def serving(self) -> dict[str, set[str]]:
        """Return who serves what and may go on doing so."""
        found: dict[str, set[str]] = {}
        for name, manifest in self.fleet.catalogue.by_name().items():
            found[name] = {
                worker_id
                for worker_id, one in self.fleet.machines.items()
                if name in (one.running or ())
                and (not one.resting or one.draining)
                and not unfit(one, manifest, kept=True)
            }
        return found

    def check_allowed(self, before: dict[str, Machine], found: Plan) -> None:
        catalogue = self.fleet.catalogue.by_name()
        handed = {(one.source, one.service) for one in found.handovers}
        for worker_id, one in before.items():
            told = found.services[worker_id]
            assert len(told) == len(set(told))
            for name in told:
                assert unfit(one, catalogue[name], kept=name in one.current) == ""
                assert catalogue[name].replicas > 0
                assert not one.resting or (one.draining and (worker_id, name) in handed)
                others = [catalogue[other] for other in told if other != name]
                assert name in one.current or has_room(one, others, catalogue[name], self.fleet.most)
            if one.draining and self.fleet.now - self.drained_at[worker_id] >= self.fleet.pace.drain:
                assert told == (), "its deadline is over"

    def check_gaps(self, found: Plan) -> None:
        told = Counter(name for services in found.services.values() for name in services)
        for manifest in self.fleet.catalogue.manifests:
            if manifest.replicas == 0 or told[manifest.name]:
                continue
            for worker_id, one in self.fleet.machines.items():
                idle = not one.resting and not found.services[worker_id]
                assert not idle or unfit(one, manifest), f"{worker_id} is idle and could run {manifest.name}"

    def check_reasons(self, found: Plan) -> None:
        reasons = [one.reason for one in (*found.moves, *found.waiting)]
        reasons += [one.reason for one in found.handovers] + [one.reason for one in found.shortages]
        for told in reasons:
            assert len(told) > 8, reasons
        short = {shortage.service for shortage in found.shortages}
        assert short <= set(self.fleet.catalogue.by_name())

    def check_running(self, before: dict[str, Machine], serving: dict[str, set[str]], found: Plan) -> None:
        """See that nothing stops as long as it is needed, but for what nobody runs, or after a drain's deadline."""
        reasons = {(move.worker_id, move.service): move.reason for move in found.moves if move.action == "stop"}
        for manifest in self.fleet.catalogue.manifests:
            name = manifest.name
            stopped = {worker_id for worker_id in serving[name] if name not in found.services[worker_id]}
            left = len(serving[name]) - len(stopped)
            given = {worker_id for worker_id in stopped if reasons[worker_id, name].endswith("had no other place")}
            drained = {worker_id for worker_id in stopped if before[worker_id].draining}
            late = {one for one in drained if self.fleet.now - self.drained_at[one] >= self.fleet.pace.drain}
            if left >= min(len(serving[name]), manifest.replicas) or late or given:
                assert not given or left > 0, "a last replica was given up"
                continue
            assert stopped <= drained, (name, reasons)
            leaving = {one.source for one in found.handovers if one.service == name}
            stays = [w for w, services in found.services.items() if name in services and w not in leaving]
            assert left >= min(manifest.replicas, len(stays)), "who replaces it does not run yet"

    def check_spread(self) -> None:
        check_spread(self.fleet)


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
            free = not one.resting and bool(one.site) and not sites[one.site] and not unfit(one, manifest)
            if free and has_room(one, held[one.worker_id], manifest, fleet.most):
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
