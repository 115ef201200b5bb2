"""Whatever happens, who has a snapshot and all changes since has what is drawn from scratch."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import cast

import hypothesis
import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from coordinator_server.api import topology
from coordinator_server.api.topology import Picture
from coordinator_server.registry.plans import Shortage
from coordinator_server.store.sqlite import open_sqlite
from tests.support.pictures import Sight, after, draw, gone, live, parts, takes_part
from tests.support.registries import RegistryMesh

EXAMPLES = hypothesis.settings(max_examples=60, stateful_step_count=30, deadline=None)
NAMES = ("w1", "w2", "w3", "w4")
WHO = st.sampled_from(NAMES)
RUNNING = st.sampled_from([(), ("ner",), ("ner", "ner")])
LOADS = st.sampled_from([0.0, 0.25, 0.3333, 1.0])
RUNS = st.sampled_from(["run-1", "run-2", "run-3"])  # the first one is our own


def catch_up(picture: Picture) -> None:
    while picture.is_far_behind:
        picture.look()
    picture.look()


class Changes(RuleBasedStateMachine):
    """Things that happen to a mesh, looks at it a few workers at a time, and some who follow these."""

    def __init__(self, mesh: RegistryMesh, runner: asyncio.Runner) -> None:
        super().__init__()
        self.mesh, self.runner = mesh, runner
        self.drained: set[str] = set()
        self.runner.run(mesh.open())
        self.sight = Sight(mesh)
        self.picture, self.watched = self.sight.picture(), self.sight.picture(restless=True)
        self.told = parts(self.picture.topology())  # to who follows from the beginning
        self.followers = [self.told]

    # --- our own workers --------------------------------------------------------------------------------------

    @rule(who=WHO)
    def join(self, who: str) -> None:
        self.mesh.join(who)

    @rule(who=WHO, running=RUNNING, load=LOADS, paused=st.booleans())
    def beat(self, who: str, running: tuple[str, ...], load: float, paused: bool) -> None:
        if self.mesh.registry.member(who) is not None:
            self.mesh.beat(who, *running, load=load, paused=paused)

    @rule(who=WHO, load=LOADS, relays=st.sampled_from([(), ("c1",)]))
    def hear_of(self, who: str, load: float, relays: tuple[str, ...]) -> None:
        self.mesh.registry.update_load(who, load)
        self.mesh.registry.relayed(who, relays)
        self.mesh.registry.report_failure(who)

    @rule(who=WHO, to_another=st.booleans())
    def leave(self, who: str, to_another: bool) -> None:
        (self.mesh.registry.hand_over if to_another else self.mesh.registry.leave)(who)

    @rule(who=WHO)
    def drain(self, who: str) -> None:
        self.drained ^= {who}
        self.runner.run(self.mesh.workers.drain(who, who in self.drained))

    @rule(seconds=st.sampled_from([1.0, 60.0, 90.0, 300.0]), by=st.sampled_from([0.0, 0.0, 3600.0, -3600.0]))
    def time_goes_by(self, seconds: float, by: float) -> None:
        self.mesh.clock.now += seconds + by
        if by:
            self.mesh.jumps.append(by)
        self.mesh.registry.tick()

    # --- others, and all else ---------------------------------------------------------------------------------

    @rule(who=WHO, run=RUNS, running=RUNNING, load=LOADS, stale=st.booleans())
    def told_of(self, who: str, run: str, running: tuple[str, ...], load: float, stale: bool) -> None:
        self.sight.tell(
            live(who, run, owner="c1" if run == "run-1" else "c2", running=running, load=load, stale=stale)
        )

    @rule(who=WHO, all_of_them=st.booleans())
    def told_that_it_is_gone(self, who: str, all_of_them: bool) -> None:
        if all_of_them:
            self.sight.tell(live(who), whole=True)
        else:
            self.sight.tell(gone(who))

    @rule(run=RUNS, yes=st.booleans(), together=st.booleans(), here=st.booleans())
    def others_come_and_go(self, run: str, yes: bool, together: bool, here: bool) -> None:
        self.sight.tell(takes_part(run, yes=yes))
        self.sight.together(together)
        self.sight.other(here, workers=7)

    @rule(ready=st.booleans(), draining=st.booleans(), reason=st.sampled_from(["", "No worker is registered."]))
    def all_else_changes(self, ready: bool, draining: bool, reason: str) -> None:
        self.sight.readiness.ready, self.sight.readiness.draining = ready, draining
        self.sight.plans.found = (Shortage("ner", 2, 0, reason),) if reason else ()

    # --- who looks --------------------------------------------------------------------------------------------

    @rule()
    def follow(self) -> None:
        """Have somebody begin to follow, also in the midst of what is taken in bit by bit."""
        self.followers.append(parts(self.picture.topology()))

    @rule()
    def look(self) -> None:
        delta = self.picture.look()
        self.followers = [after(one, delta) for one in self.followers]
        self.told = self.followers[0]

    @rule(seconds=st.sampled_from([0.05, 0.1, 0.5]))
    def services_may_be_told_again(self, seconds: float) -> None:
        self.sight.steady += seconds

    @invariant()
    def nothing_is_missed(self) -> None:
        """Hold one picture to what is drawn from scratch after each single thing that happened."""
        catch_up(self.watched)
        assert parts(self.watched.topology()) == parts(draw(self.sight.coordinator))

    @invariant()
    def who_comes_is_told_what_the_others_were_told(self) -> None:
        """Else a change that is taken back before it is told would stay with who came meanwhile."""
        assert parts(self.picture.topology()) == self.told

    def teardown(self) -> None:
        self.follow()
        while self.picture.is_far_behind:
            self.look()
        self.look()
        self.sight.steady += 10.0  # all that rested is told
        self.look()
        assert self.picture.look().is_empty, "nothing has changed"
        scratch = parts(draw(self.sight.coordinator))
        assert parts(self.picture.topology()) == scratch
        assert self.followers == [scratch] * len(self.followers)
        here = {member.worker_id for member in self.mesh.registry.members()}
        far = {name for name, _ in self.sight.everybody.far()}
        assert scratch["workers"].keys() == here | far
        assert list(scratch["workers"]) == sorted(here | far)
        assert self.picture._workers.keys() == here | far, "nothing is kept of who has gone"
        assert not self.picture._due
        for name in self.drained:
            self.runner.run(self.mesh.workers.drain(name, False))


def test_a_snapshot_and_all_changes_since_are_what_is_drawn_from_scratch(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(topology, "MOST", 2)
    monkeypatch.setattr(topology, "MANY", 1)
    with asyncio.Runner() as runner:
        store = runner.run(open_sqlite(tmp_path / "x.db"))
        mesh = RegistryMesh(store)
        runner.run(mesh.open())
        runner.run(mesh.enrol(*NAMES))
        make: Callable[[], Changes] = lambda: Changes(mesh, runner)  # noqa: E731 - it stands for a class
        run_state_machine_as_test(cast("type[RuleBasedStateMachine]", make), settings=EXAMPLES)
        runner.run(store.close())
