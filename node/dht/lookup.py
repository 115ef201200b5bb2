"""Walks towards a key: asks the nearest contacts known, learns nearer ones, waits neither for dead nor for liars.

Up to alpha requests are under way at once. One that stays unanswered for the protocol's `patience`, or for twice as
long as any answer of this lookup has taken, gives its place to the next contact; its answer still counts when it
comes. Whom to ask next is for `paths` to say. A lookup for
entries ends as soon as it has enough of them and most of its paths have come upon some by themselves.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from kademlia.crawling import SpiderCrawl
from kademlia.node import Node

from node.dht.messages import MOST_MARKS, Found, mark_of
from node.dht.paths import Paths
from node.dht.protocol import Answer, MeshProtocol
from node.dht.verifier import Checked, RecordError, RecordVerifier

# With a fifth of all nodes lying and two steps to a key, all of four paths are led astray once in 60 times, all of
# six once in 460: a search that fails is soon made again, but what was given to liars to keep is lost for minutes.
PATHS_TO_NODES = 6
PATHS_TO_ENTRIES = 4
MOST_ASKED_PER_K = 3  # a lookup asks at most three times k nodes, however many are offered
LEAST_PATIENCE = 0.02  # seconds; less is the noise of a busy machine
WITNESSES = 3  # nodes that must have told entries before a lookup believes that it has all of them
PLENTY = 24  # entries with which a lookup is content, however many more there are


@dataclass(slots=True)
class Asked:
    """A request under way, with the loop's times of its going out and of the end of patience with it."""

    node: Node
    at: float
    until: float
    late: bool = False


class Lookup(SpiderCrawl):  # type: ignore[misc]  # the package has no types
    """Finds the living nodes nearest to a key; the base class's heap keeps those that have answered.

    It begins with the k nearest of `peers`. The others are for the case that all paths end without a result:
    everybody was dead, or liars have led all of them astray.
    """

    protocol: MeshProtocol
    node: Node
    ksize: int
    alpha: int

    def __init__(
        self,
        protocol: MeshProtocol,
        target: Node,
        peers: Sequence[Node],
        *,
        ksize: int,
        alpha: int,
        paths: int = PATHS_TO_NODES,
    ) -> None:
        super().__init__(protocol, target, [], ksize, alpha)
        self.asked = 0
        self.hops = 0
        nearest = sorted(peers, key=target.distance_to)
        self._reserve = nearest[ksize:]
        self.paths = Paths(target, nearest[:ksize], ksize=ksize, width=alpha, count=paths)
        self._slowest: float | None = None
        self._depth = {peer.id: 1 for peer in peers}
        self._pending: dict[Answer, Asked] = {}

    async def find(self) -> list[Node]:
        """Return up to k nodes that answered, the nearest first."""
        while not self.enough():
            self._ask_more(behind=self.has_told_all())
            if not self._waits_for_somebody():
                if self._has_result():
                    break
                if self._reserve:
                    self._begin_anew()
                    continue
                if not self._pending:
                    break
            await self._wait()
        return list(self.nearest)

    def enough(self) -> bool:
        """Whether the lookup may end before it has asked everybody near."""
        return False

    def has_told_all(self) -> bool:
        """Whether only those paths still matter that have come upon no witness."""
        return False

    def ask(self, node: Node) -> Answer:
        return self.protocol.call_find_node(node, self.node)

    def absorb(self, node: Node, answer: Found) -> None:
        """Take in what one node said."""
        depth = self._depth[node.id]
        self.hops = max(self.hops, depth)
        self.nearest.push(node)
        contacts: list[Node] = []
        for contact in self.protocol.reachable(answer.contacts):
            self._depth.setdefault(contact.id, depth + 1)
            # An address that we know ourselves counts more than one that we are told.
            known = self.protocol.router.known(contact.id)
            if known is not None and not known.same_home_as(contact):
                contacts.append(known)
            contacts.append(contact)
        self.paths.answered(node, contacts)

    def wake_at(self) -> float:
        """Return the loop's time at which there is something to do though no answer has come."""
        now = self.now()
        ends = [asked.until for asked in self._pending.values() if asked.until > now]
        return min([*ends, *map(self._late_at, self._fresh())], default=float("inf"))

    @staticmethod
    def now() -> float:
        return asyncio.get_running_loop().time()

    def _fresh(self) -> list[Asked]:
        """Return the requests that the lookup waits for before it turns to somebody else."""
        return [asked for asked in self._pending.values() if not asked.late]

    def _late_at(self, asked: Asked) -> float:
        """Return when a request is late: when patience ends, or after twice as long as all others have taken."""
        if self._slowest is None:
            return asked.until
        return min(asked.until, asked.at + max(2 * self._slowest, LEAST_PATIENCE))

    def _ask_more(self, *, behind: bool) -> None:
        now = self.now()
        for asked in self._fresh():
            if self._late_at(asked) <= now:
                asked.late = True
                self.paths.late(asked.node)
        while self._has_room(now) and (node := self.paths.next(behind=behind)) is not None:
            self._pending[self.ask(node)] = Asked(node, now, now + self.protocol.patience(node))
            self.asked += 1

    def _has_room(self, now: float) -> bool:
        """Whether one more request may go out; those that are late make room for as many again, and no more."""
        recent = sum(asked.until > now for asked in self._pending.values())
        if self.asked >= MOST_ASKED_PER_K * self.ksize or recent >= 2 * self.alpha:
            return False
        return len(self._fresh()) < self.alpha

    def _waits_for_somebody(self) -> bool:
        """Whether there is anybody but the silent to wait for."""
        now = self.now()
        return any(asked.until > now for asked in self._pending.values())

    def _begin_anew(self) -> None:
        """Begin as many paths once more with the contacts that were not needed before."""
        self.paths.begin(self._reserve)
        self._reserve = []

    def _has_result(self) -> bool:
        """Whether the silent need not be waited for: while there are fewer than k, each is worth its time limit."""
        return len(self.nearest) >= self.ksize

    async def _wait(self) -> None:
        """Wait until an answer is there or there is something to do without one."""
        wake_at = self.wake_at()
        limit = None if wake_at == float("inf") else max(wake_at - self.now(), 0.0)
        done, _ = await asyncio.wait(self._pending, timeout=limit, return_when=asyncio.FIRST_COMPLETED)
        for answer in done:
            asked = self._pending.pop(answer)
            node = asked.node
            found = answer.result()
            if isinstance(found, Found) and found.sender == node.id:
                self._slowest = max(self._slowest or 0.0, self.now() - asked.at)
                self.absorb(node, found)
            else:
                self.paths.failed(node)


class EntryLookup(Lookup):
    """Finds a key's entries by joining the samples of several nodes; `here` are those that we keep ourselves."""

    def __init__(
        self,
        protocol: MeshProtocol,
        target: Node,
        peers: Sequence[Node],
        *,
        ksize: int,
        alpha: int,
        verifier: RecordVerifier,
        now: float,
        here: Sequence[Checked] = (),
        samples: int = 16,
    ) -> None:
        super().__init__(protocol, target, peers, ksize=ksize, alpha=alpha, paths=PATHS_TO_ENTRIES)
        self.rejected: list[RecordError] = []
        self._verifier = verifier
        self._unix_now = now
        self._samples = samples
        self._newest: dict[str, Checked] = {}
        self._totals: list[int] = []
        self._began = self.now()
        self._end = float("inf")
        for entry in here:
            self._merge(entry)

    @property
    def entries(self) -> Mapping[str, Checked]:
        """The newest entry of each publisher, tombstones left out."""
        return {subject: entry for subject, entry in self._newest.items() if entry.payload is not None}

    def enough(self) -> bool:
        """Enough nodes have told what we want, and they are no circle of friends.

        A path may have been led to liars, so all paths must have come upon entries or be at their end. Once most
        of them have, the others get as much time again as it has taken until then.
        """
        if not self.has_told_all():
            return False
        if not self.paths.open():
            return True
        if 2 * self.paths.reached() > len(self.paths):
            self._end = min(self._end, self.now() + self.now() - self._began)
        return self.now() >= self._end

    def has_told_all(self) -> bool:
        """Whether enough nodes have told, and all that there is or plenty, or as many nodes as we want to hear.

        Who says that there is more than we have is believed for a while, for longer where another one says so too:
        a liar alone cannot keep us asking.
        """
        told = len(self._totals)
        if told < WITNESSES or told >= self._samples:
            return told >= self._samples
        total = sorted(self._totals)[-1 if told < 2 * WITNESSES else -2]
        return len(self.entries) >= min(total, PLENTY)

    def ask(self, node: Node) -> Answer:
        known = tuple(mark_of(entry.data) for entry in self._newest.values())
        return self.protocol.call_find_value(node, self.node, known[-MOST_MARKS:])

    def absorb(self, node: Node, answer: Found) -> None:
        super().absorb(node, answer)
        told = [self._check(data) for data in answer.entries]
        for entry in told:
            if entry is not None:
                self._merge(entry)
        if any(told):  # a node whose entries are all bad has told nothing
            self.paths.witness(node)
            self._totals.append(answer.total)

    def wake_at(self) -> float:
        return min(super().wake_at(), self._end if self._end > self.now() else float("inf"))

    def _has_result(self) -> bool:
        """Whether somebody else has told entries: what we keep ourselves may be a small part of what there is."""
        return bool(self._totals and self.entries)

    def _check(self, data: bytes) -> Checked | None:
        try:
            return self._verifier.check(self.node.id, data, self._unix_now)
        except RecordError as error:
            self.rejected.append(error)
            return None

    def _merge(self, entry: Checked) -> None:
        known = self._newest.get(entry.subject)
        if known is None or entry.sequence > known.sequence:
            self._newest[entry.subject] = entry
