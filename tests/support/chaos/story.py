"""A run: everything works, things are broken one after the other, everything works again, and all is looked at."""

from __future__ import annotations

import asyncio
import contextlib
import random
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import aiohttp

from coordinator_server.fleet.roster import ASSIGNED, ASSIGNER
from tests.support.chaos.checking import check, check_assigners, longest_gap
from tests.support.chaos.clients import Clients
from tests.support.chaos.faults import FAULTS, OF_COORDINATORS, OF_MEMBERS, Hit
from tests.support.chaos.history import History, Violation, Window
from tests.support.chaos.lab import Lab

DEADLINE = 180.0  # seconds for everything to work (again)
LOOK = 0.25
FEWEST = 2  # nodes that are never put out
MANY = 1000  # uses of an invite that is never used up
LATE = ("disagreement", "lost-write", "by-halves")  # what is seen, too, where one has not heard of it yet
QUIET = 2.0  # seconds between two faults of a mixture


@dataclass(slots=True)
class Suffered:
    """What one fault did."""

    what: str
    seconds: float
    recovered: float = 0.0  # seconds from its end until everything worked everywhere
    gaps: dict[str, float] = field(default_factory=dict)  # at each coordinator that was not its victim
    slowest: float = 0.0  # seconds that a good answer there took at most
    refused: dict[str, str] = field(default_factory=dict)  # why an enrolment was refused meanwhile


class Story:
    """Told in order: `begin`, faults, `end`; `document` is what is to be told of it."""

    def __init__(self, lab: Lab, session: aiohttp.ClientSession, rng: random.Random) -> None:
        self.clients = Clients(lab, session, rng)
        self.suffered: list[Suffered] = []
        self.violations: list[Violation] = []
        self.figures: dict[str, Any] = {}
        self._lab = lab
        self._rng = rng
        self._endless: tuple[str, str] | None = None
        self._put_out = False

    @property
    def history(self) -> History:
        return self.clients.history

    async def begin(self, nodes: int) -> None:
        """Have nodes join, each by another coordinator, and wait until everything works."""
        names = list(self._lab.coordinators)
        wish = {"uses": 1, "trust": "vetted"}
        joining = []
        for number in range(nodes):
            invite = await self.clients.must(names[number % len(names)], "POST", "/api/admin/invites", wish)
            joining.append(self._lab.start_node(f"n{number + 1}", invite["link"]))
        await asyncio.gather(*joining)
        self._endless = await self.clients.invite(names[0], MANY)
        await self.clients.begin()
        await self.recovered()

    async def stop(self) -> None:
        await self.clients.stop()

    # --- breaking ---------------------------------------------------------------------------------------------

    async def suffer(self, faults: Sequence[str], seconds: float) -> Suffered:
        """Have some faults at once for a while, and wait until everything works again."""
        # What is broken last is mended first: no coordinator can start without its store.
        faults = sorted(faults, key=lambda name: name not in OF_COORDINATORS)
        told = Suffered("+".join(faults), seconds)
        begun = time.monotonic()
        async with contextlib.AsyncExitStack() as stack:
            hits = [await stack.enter_async_context(FAULTS[name](self._lab, self._rng)) for name in faults]
            struck = time.monotonic()
            if any(hit.writes_fail for hit in hits):
                told.refused = await self._refusals(hits)
            await asyncio.sleep(max(0.0, seconds - (time.monotonic() - struck)))
            ended = time.monotonic()
        await self.recovered()
        told.recovered = time.monotonic() - ended
        victims = frozenset().union(*(hit.victims for hit in hits))
        blind = frozenset().union(*(hit.blind for hit in hits))
        stale = any(hit.no_majority for hit in hits)
        self.history.windows.append(Window(told.what, begun, time.monotonic(), victims, stale, blind))
        for name in self._lab.coordinators.keys() - victims:
            gap = longest_gap(self.history.of("pulse"), name, begun, time.monotonic())
            told.gaps[name] = round(gap.seconds, 2)
            told.slowest = max(told.slowest, round(gap.slowest, 2))
        self.suffered.append(told)
        print(told, file=sys.stderr, flush=True)
        return told

    async def mixture(self, seconds: float, faults: Sequence[str]) -> None:
        """Draw faults, one or two at once, until the time is over."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            drawn = self._rng.sample(faults, self._rng.choice((1, 1, 2)))
            if not _clash(drawn):
                await self.suffer(drawn, self._rng.choice((2.0, 5.0, 8.0, 15.0)))
                await asyncio.sleep(self._rng.uniform(0.0, QUIET))

    async def put_out(self) -> None:
        """Revoke one of three nodes or more: nobody may have it serve from then on."""
        if len(self._lab.nodes) > FEWEST and not self._put_out:
            self._put_out = True
            await self.clients.put_out(list(self._lab.nodes)[-1])

    async def _refusals(self, hits: Sequence[Hit]) -> dict[str, str]:
        """Return why enrolments are refused by those who serve."""
        victims = frozenset().union(*(hit.victims for hit in hits))
        names = sorted(self._lab.coordinators.keys() - victims)
        return dict(zip(names, await asyncio.gather(*map(self._refusal, names)), strict=True))

    async def _refusal(self, name: str) -> str:
        deadline = time.monotonic() + DEADLINE
        while (op := await self.clients.enrol(name, self._endless)) is not None and op.outcome == "ok":
            self._check(deadline, f"{name} refuses enrolments")
        return "" if op is None else str(op.value.get("problem") or op.value.get("why", ""))

    # --- many at once -----------------------------------------------------------------------------------------

    async def storm(self, machines: int, kills: int = 0) -> None:
        """Have many enrol at the same time, at two coordinators, with an invite for one fewer than there are.

        With `kills` a coordinator is killed so often meanwhile, and started again.
        """
        names = list(self._lab.coordinators)[:2]
        invite = await self.clients.invite(names[0], machines - 1)
        assert invite is not None
        begun = time.monotonic()
        wishes = (self.clients.enrol(names[n % 2], invite, 600.0) for n in range(machines))
        ops, _ = await asyncio.gather(asyncio.gather(*wishes), self._kill_again_and_again(kills))
        let_in = [op for op in ops if op is not None and op.outcome == "ok"]
        self.figures["storm" if not kills else "storm_with_kills"] = {
            "machines": machines,
            "let_in": len(let_in),
            "refused": sum(op is not None and op.outcome == "fail" for op in ops),
            "seconds": round(time.monotonic() - begun, 1),
            "addresses": len({op.value["address"] for op in let_in}),
            "worker_ids": len({op.value["worker_id"] for op in let_in}),
        }
        await self.recovered()

    async def _kill_again_and_again(self, times: int) -> None:
        for _ in range(times):
            await asyncio.sleep(self._rng.uniform(0.2, 1.5))
            async with FAULTS["kill-coordinator"](self._lab, self._rng):
                pass

    # --- whether everything works -----------------------------------------------------------------------------

    async def recovered(self) -> None:
        """Wait until each coordinator serves calls and lets machines in, and one of them assigns."""
        deadline = time.monotonic() + DEADLINE
        for name in self._lab.coordinators:
            while not await self._works(name):
                self._check(deadline, f"{name} works")
                await asyncio.sleep(LOOK)
        while await self._assigners() != 1:
            self._check(deadline, "one coordinator assigns")
            await asyncio.sleep(LOOK)

    async def _works(self, name: str) -> bool:
        op = await self.clients.call(name)
        return op.outcome == "ok" and await self.clients.invite(name, 3) is not None

    async def _assigners(self) -> int:
        found = 0
        for name in self._lab.coordinators:
            with contextlib.suppress(aiohttp.ClientError, TimeoutError, OSError):
                found += "rma_assigner 1.0" in await self.clients.metrics(name)
        return found

    def _check(self, deadline: float, what: str) -> None:
        if time.monotonic() > deadline:
            last = [op for op in self.history.ops[-200:] if op.outcome != "ok"][-5:]
            raise RuntimeError(f"not within {DEADLINE:.0f} s: {what}; what failed last: {last}")

    # --- the end ----------------------------------------------------------------------------------------------

    async def end(self) -> None:
        """Ask no more, look at all coordinators, start all of them anew, and look again."""
        await self.clients.stop()
        await self._look("")
        events = await asyncio.to_thread(self._lab.told_of_assignment)
        self.violations += check_assigners(events, ASSIGNER, ASSIGNED)
        self.figures["assigned"] = sum(event.key.startswith(ASSIGNED) for event in events)
        for program in self._lab.coordinators.values():
            program.kill()
        await asyncio.gather(*(program.start() for program in self._lab.coordinators.values()))
        await self._look(" after a restart of all")

    async def _look(self, when: str) -> None:
        """Look until all show the same, as they hear of one another's writes a moment later, and check that."""
        deadline = time.monotonic() + DEADLINE
        while True:
            finals = [await self.clients.final(name) for name in self._lab.coordinators]
            found = check(self.history, finals)
            late = any(one.kind in LATE for one in found)
            if not late or time.monotonic() > deadline - DEADLINE / 2:
                break
            await asyncio.sleep(LOOK)
        self.violations += [Violation(one.kind, one.text + when) for one in found]

    def document(self) -> dict[str, Any]:
        return {
            "store": self._lab.store,
            "violations": [asdict(one) for one in self.violations],
            "suffered": [asdict(one) for one in self.suffered],
            "counts": self.history.counts(),
            "figures": {**self.figures, "own_latest_turn": round(self.clients.slowest_turn, 3)},
        }


def _clash(faults: Sequence[str]) -> bool:
    """Tell whether faults cannot be at once: both would mend what the other one broke, or leave no majority."""
    members = {"kill-leader", "halt-leader", "no-majority", "no-store", "disk-full", *OF_MEMBERS}
    lines = {"cut-off", "one-way", "bad-line", *OF_MEMBERS}
    return any(len(kind.intersection(faults)) > 1 for kind in (members, lines, set(OF_COORDINATORS)))
