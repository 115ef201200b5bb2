"""Walks towards a key: asks the nearest contacts known, learns nearer ones, and never waits for the dead.

Up to alpha requests are under way at once. One that stays unanswered for `patience` gives its place to the next
contact; its answer still counts when it comes. A lookup for entries ends as soon as it has enough of them.
"""

from __future__ import annotations

import asyncio
import heapq
from collections.abc import Mapping, Sequence

from kademlia.crawling import SpiderCrawl
from kademlia.node import Node

from node.dht.messages import Found
from node.dht.protocol import Answer, MeshProtocol
from node.dht.verifier import Checked, RecordError, RecordVerifier

MOST_ASKED_PER_K = 3  # a lookup asks at most three times k nodes, however many are offered


class Lookup(SpiderCrawl):  # type: ignore[misc]  # the package has no types
    """Finds the living nodes nearest to a key."""

    def __init__(
        self,
        protocol: MeshProtocol,
        target: Node,
        peers: Sequence[Node],
        *,
        ksize: int,
        alpha: int,
        patience: float,
    ) -> None:
        super().__init__(protocol, target, list(peers), ksize, alpha)
        self.asked = 0
        self.hops = 0
        self._depth = {peer.id: 1 for peer in peers}
        self._told = {tuple(peer) for peer in peers}
        self._elsewhere: dict[bytes, list[Node]] = {}
        self._patience = patience
        self._pending: dict[Answer, tuple[Node, float]] = {}
        self._answered: list[Node] = []

    async def find(self) -> list[Node]:
        """Return up to k nodes that answered, the nearest first."""
        while not self.enough():
            self._ask_more()
            if not self._pending or self._may_leave():
                break
            await self._wait()
        return heapq.nsmallest(self.ksize, self._answered, key=self.node.distance_to)

    def enough(self) -> bool:
        """Whether the lookup may end before it has asked everybody near."""
        return False

    def ask(self, node: Node) -> Answer:
        return self.protocol.call_find_node(node, self.node)  # type: ignore[no-any-return]

    def absorb(self, node: Node, answer: Found) -> None:
        """Take in what one node said."""
        depth = self._depth[node.id]
        self.hops = max(self.hops, depth)
        for contact in self.protocol.reachable(answer.contacts):
            # An address that we know ourselves counts more than one that we are told.
            believed = self.protocol.router.known(contact.id) or contact
            if tuple(believed) not in self._told:
                self._told.add(tuple(believed))
                self._depth.setdefault(believed.id, depth + 1)
                self._add(believed)

    def _add(self, node: Node) -> None:
        if node in self.nearest:
            self._elsewhere.setdefault(node.id, []).append(node)
        else:
            self.nearest.push(node)

    def _drop(self, node: Node) -> None:
        """Leave out a node that did not answer, or try it where somebody else says that it is."""
        self.nearest.remove([node.id])
        self.nearest.contacted.discard(node.id)
        others = self._elsewhere.get(node.id)
        if others:
            self.nearest.push(others.pop())

    def _ask_more(self) -> None:
        now = asyncio.get_running_loop().time()
        fresh = sum(now - started < self._patience for _, started in self._pending.values())
        # A contact that is silent must not keep a living one, further away, out of the nearest k.
        self.nearest.maxsize = self.ksize + len(self._pending) - fresh
        for node in self.nearest.get_uncontacted():
            if fresh >= self.alpha or self.asked >= MOST_ASKED_PER_K * self.ksize:
                return
            self.nearest.mark_contacted(node)
            self._pending[self.ask(node)] = node, now
            self.asked += 1
            fresh += 1

    def _may_leave(self) -> bool:
        """Whether only the silent are left to wait for, and there is something to leave with."""
        now = asyncio.get_running_loop().time()
        silent = all(now - started >= self._patience for _, started in self._pending.values())
        return silent and self._has_result()

    def _has_result(self) -> bool:
        return bool(self._answered)

    async def _wait(self) -> None:
        """Wait until an answer is there or another request has become stale."""
        now = asyncio.get_running_loop().time()
        ages = [now - started for _, started in self._pending.values()]
        fresh = [self._patience - age for age in ages if age < self._patience]
        done, _ = await asyncio.wait(
            self._pending, timeout=min(fresh) if fresh else None, return_when=asyncio.FIRST_COMPLETED
        )
        for answer in done:
            node, _ = self._pending.pop(answer)
            found = answer.result()
            if isinstance(found, Found) and found.sender == node.id:
                self._answered.append(node)
                self.absorb(node, found)
            else:
                self._drop(node)


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
        patience: float,
        verifier: RecordVerifier,
        now: float,
        here: Sequence[Checked] = (),
        samples: int = 8,
    ) -> None:
        super().__init__(protocol, target, peers, ksize=ksize, alpha=alpha, patience=patience)
        self.rejected: list[RecordError] = []
        self._verifier = verifier
        self._now = now
        self._samples = samples
        self._newest: dict[str, Checked] = {}
        self._storers = 0
        self._largest_total = 0
        for entry in here:
            self._merge(entry)

    @property
    def entries(self) -> Mapping[str, Checked]:
        """The newest entry of each publisher, tombstones left out."""
        return {subject: entry for subject, entry in self._newest.items() if entry.payload is not None}

    def enough(self) -> bool:
        """Two nodes agree that there is no more than we have, or as many as we want have told."""
        complete = self._storers >= 2 and len(self.entries) >= self._largest_total
        return complete or self._storers >= self._samples

    def ask(self, node: Node) -> Answer:
        return self.protocol.call_find_value(node, self.node)  # type: ignore[no-any-return]

    def absorb(self, node: Node, answer: Found) -> None:
        super().absorb(node, answer)
        told = [self._check(data) for data in answer.entries]
        for entry in told:
            if entry is not None:
                self._merge(entry)
        if any(told):  # a node whose entries are all bad has told nothing
            self._storers += 1
            self._largest_total = max(self._largest_total, answer.total)

    def _has_result(self) -> bool:
        return bool(self.entries)

    def _check(self, data: bytes) -> Checked | None:
        try:
            return self._verifier.check(self.node.id, data, self._now)
        except RecordError as error:
            self.rejected.append(error)
            return None

    def _merge(self, entry: Checked) -> None:
        known = self._newest.get(entry.subject)
        if known is None or entry.sequence > known.sequence:
            self._newest[entry.subject] = entry
