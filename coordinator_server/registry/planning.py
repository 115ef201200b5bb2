"""What each worker shall run: planned when something that matters has changed, and told to whoever asks."""

from __future__ import annotations

import asyncio
import logging
import time
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from coordinator_server.enrolment.workers import Workers
from coordinator_server.registry.assignment import (
    History,
    Machine,
    Move,
    Pace,
    Plan,
    Shortage,
    assign,
    look,
    plan_again_at,
)
from coordinator_server.registry.handover import about, awaited_by
from coordinator_server.registry.machines import machine_of, resting
from coordinator_server.registry.membership import Member
from node.wire.manifests import Catalogue
from node.wire.messages import Capabilities

log = logging.getLogger(__name__)

PLANNING_SHARE = 0.05  # of the time at most, however many workers come and go
LOOK = 10.0  # seconds between looks at who is overloaded
SOON = 10.0  # seconds in which who assigns should have thought of a worker that has registered
QUICK = 0.002  # seconds of planning that are always at hand
MANY = 500  # workers, for whom it is planned in a thread: everything else goes on meanwhile


class Here(Protocol):
    """Knows the workers that are here."""

    def member(self, worker_id: str) -> Member | None: ...

    def members(self) -> Sequence[Member]: ...

    def is_stale(self, member: Member) -> bool: ...

    def __len__(self) -> int: ...


@dataclass(frozen=True, slots=True)
class NowHere:
    """The workers that are here, and those that are expected, at one moment."""

    members: Sequence[Member]
    expected: Sequence[str]


class Planning:
    """Plans for all workers that are here, and keeps what was planned.

    Nothing here is O(workers) per heartbeat: a plan is made only after something that matters has changed, and a
    long one is put off for a while. For few workers it is made when somebody asks, for many by
    `plan_aside`. `planned` is called with the moves of each new plan. While we are `together`
    with other coordinators a plan is a proposal, and counts when it was written down and is followed.
    """

    def __init__(
        self,
        here: Here,
        workers: Workers,
        catalogue: Catalogue,
        clock: Callable[[], float],
        most: int = 16,
        *,
        pace: Pace | None = None,
    ) -> None:
        """`most` is the largest number of services on one worker, `clock` gives Unix seconds."""
        self._pace = pace or Pace()
        self._history = History()
        self._next_look = 0.0
        self._here = here
        self._workers = workers
        self._catalogue = catalogue
        self._clock = clock
        self._most = most
        self._assigned: dict[str, tuple[str, ...]] = {}
        self._plan = Plan()
        self.together = False
        self.expected: Collection[str] = ()  # workers that are not here now: what they had is left to them
        self._dirty = True
        self._changed: set[str] = set()  # workers of whom nobody has thought since; where there are many
        self._thought_of: set[str] = set()  # by the plan that is being made
        self._next_plan = 0.0
        self.version = 0  # rises with every plan that changes something
        self.planned: Callable[[Sequence[Move]], None] = lambda _moves: None

    # --- what has changed -------------------------------------------------------------------------------------

    def worker_changed(self, worker_id: str) -> None:
        """Hear that something that assignment goes by has changed of a worker, or that it came or went."""
        if not self.together and self._here.member(worker_id) is None:
            self._assigned.pop(worker_id, None)
        elif self._is_for_many:
            self._changed.add(worker_id)
        self._dirty = True

    def look_again(self) -> None:
        """Plan anew, whatever has changed."""
        self._dirty = True

    def runs(self, member: Member) -> None:
        """Hear that a worker runs other services than before: another one may wait for that."""
        if awaited_by(self._history.awaited, member.worker_id, member.running):
            self._dirty = True

    def tick(self) -> None:
        """See who is overloaded, and plan if something has changed; call it about once a second."""
        self._look(self._clock())
        self.plan_if_due()

    def _look(self, now: float) -> None:
        if now >= self._next_look or now < self._next_look - LOOK:  # or the clock stepped back
            self._next_look = now + LOOK
            tense = [member for member in self._here.members() if self._may_be_tense(member)]
            self._history = look(self._history, self._machines_of(tense, {}), now, self._pace)
        if now >= plan_again_at(self._history, self._pace):
            self._dirty = True

    def _may_be_tense(self, member: Member) -> bool:
        return member.load >= self._pace.calm or member.memory_free < self._pace.memory_calm

    # --- what others ask --------------------------------------------------------------------------------------

    def is_settled(self, worker_id: str) -> bool:
        """Say whether it was thought of a worker: if not, it had better come back soon."""
        if self.together:
            member = self._here.member(worker_id)
            return worker_id in self._assigned or member is None or self._clock() - member.registered_at > SOON
        if self._is_for_many:
            changed = worker_id in self._changed or worker_id in self._thought_of
            return worker_id in self._assigned and not changed
        self.plan_if_due()
        return not self._dirty

    def assigned(self, worker_id: str) -> tuple[str, ...]:
        """Return what a worker shall run now."""
        self.plan_if_due()
        return self._assigned.get(worker_id, ())

    def follow(self, written: Mapping[str, tuple[str, ...] | None]) -> Sequence[str]:
        """Take over what was written down; None: nobody thinks of that worker. Return for whom that is new."""
        changed = [name for name, services in written.items() if services != self._assigned.get(name)]
        if not self.together:
            changed = [name for name in changed if name not in self._assigned]
        for name in changed:
            services = written[name]
            if services is not None:
                self._assigned[name] = services
            elif self._here.member(name) is None:
                self._assigned.pop(name, None)
        self.version += bool(changed)
        return changed

    def all_assigned(self) -> Mapping[str, tuple[str, ...]]:
        """Return what every worker shall run, as it was planned last: a copy, which stays as it is."""
        return dict(self._assigned)

    def hands_over(self, worker_id: str, service: str) -> bool:
        """Say whether a worker serves something until others do, although it is to give it up."""
        if self.together:  # only who assigns knows more
            return service in self._assigned.get(worker_id, ())
        return (worker_id, service) in self._history.handovers

    def why_moves(self, worker_id: str) -> str:
        """Return a sentence for each service that a worker hands over or takes over, or an empty string."""
        return about(self._plan.handovers, worker_id) if self._plan.handovers else ""

    def why_nothing(self, worker_id: str) -> str:
        """Return a sentence for a worker that has nothing to run, or an empty one."""
        member, enrolment = self._here.member(worker_id), self._workers.get(worker_id)
        if member is None or enrolment is None or self._assigned.get(worker_id):
            return ""
        why = resting(member, enrolment, stale=False)
        if why:
            return f"Nothing to run, because this machine {why}."
        return "Nothing to run now: other machines run what this one could."

    def shortages(self) -> Sequence[Shortage]:
        """Return the services that the last plan gave to too few machines, and why; any thread may ask."""
        return self._plan.shortages

    def preview(self) -> Plan:
        """Return what planning would change at this moment, and why; nothing is changed."""
        return self._assign(self._now_here())

    # --- planning ---------------------------------------------------------------------------------------------

    @property
    def _is_for_many(self) -> bool:
        return len(self._here) >= MANY

    async def plan_aside(self) -> None:
        """Plan for many, if something has changed, in a thread of its own; call it a few times a second."""
        if not (self.is_due and self._counts_at_once() and self._is_for_many):
            return
        self._thought_of, self._changed = self._changed, set()
        try:
            plan = self.made(*await asyncio.to_thread(self.propose, self.begin()))
        except BaseException:
            self._changed |= self._thought_of
            self._dirty = True
            raise
        finally:
            self._thought_of = set()
        if not self._counts_at_once():  # there are others by now
            self._dirty = True
            return
        self._dirty = self._dirty or bool(self._changed)
        self._assigned = {name: services for name, services in plan.services.items() if self._is_known(name)}
        await asyncio.to_thread(_note, plan.moves)
        self._spread_word(plan.moves)

    def _counts_at_once(self) -> bool:
        return not self.together

    def _is_known(self, worker_id: str) -> bool:
        return self._here.member(worker_id) is not None or worker_id in self.expected

    def plan_if_due(self) -> None:
        """Plan for few, if something has changed: all who are told of it are told at once, so not in a thread."""
        if self.together or not self.is_due or self._is_for_many:
            return
        plan = self.made(*self.propose(self.begin()))
        self._assigned = dict(plan.services)
        self.tell(plan)

    @property
    def is_due(self) -> bool:
        """Tell whether something has changed, and the last plan was long enough ago."""
        return self._dirty and time.monotonic() >= self._next_plan

    def begin(self) -> NowHere:
        """Return for whom `propose` is to plan; what changes from now on is for the next plan."""
        self._dirty = False
        return self._now_here()

    def _now_here(self) -> NowHere:
        """Return who is here at one moment: else who comes while it is planned would be in neither part."""
        return NowHere(self._here.members(), tuple(self.expected))

    def propose(self, here: NowHere) -> tuple[Plan, float]:
        """Return a plan, and the seconds of work that it took; may run in a thread of its own."""
        begun = time.thread_time()  # what it worked: a pause that the system makes puts no later plan off
        plan = self._assign(here)
        return plan, time.thread_time() - begun

    def made(self, plan: Plan, worked: float) -> Plan:
        """Take over what a plan says, but for what workers shall run; the next one is due in a while."""
        self._plan, self._history = plan, plan.history
        self._next_plan = time.monotonic() + max(0.0, worked - QUICK) / PLANNING_SHARE
        return plan

    def _assign(self, here: NowHere) -> Plan:
        now = self._clock()
        return assign(
            self._machines(here), self._catalogue, self._most, history=self._history, now=now, pace=self._pace
        )

    def tell(self, plan: Plan) -> None:
        """Tell of a plan that counts."""
        _note(plan.moves)
        self._spread_word(plan.moves)

    def _spread_word(self, moves: Sequence[Move]) -> None:
        if moves:
            self.version += 1
            self.planned(moves)

    def _current(self, member: Member) -> tuple[str, ...]:
        """Return what a worker was told to run; of whom nobody has thought yet, what it runs."""
        found = self._assigned.get(member.worker_id)
        return found if found is not None else member.running if self.together else ()

    def _machines(self, here: NowHere) -> Iterable[Machine]:
        brought_in = Counter(enrolment.invite_id for enrolment in self._workers)
        yield from self._machines_of(here.members, brought_in)
        for worker_id in here.expected:
            enrolment = self._workers.get(worker_id)
            if enrolment is None or enrolment.revoked:
                continue
            current = self._assigned.get(worker_id, ())
            yield Machine(worker_id=worker_id, capabilities=Capabilities(), current=current, expected=True)

    def _machines_of(self, members: Iterable[Member], brought_in: Mapping[str, int]) -> Iterable[Machine]:
        """Yield workers as machines; for who is overloaded it does not matter what each invite has `brought_in`."""
        for member in members:
            enrolment = self._workers.get(member.worker_id)
            if enrolment is None:
                continue
            yield machine_of(
                member,
                enrolment,
                current=self._current(member),
                stale=self._here.is_stale(member),
                brought_in=brought_in.get(enrolment.invite_id, 0),
            )


def _note(moves: Iterable[Move]) -> None:
    for move in moves:
        log.info("%s %ss %s: %s", move.worker_id, move.action, move.service, move.reason)
