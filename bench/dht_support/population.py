"""Many ids in order: who is nearest to a key, and which contacts a node that has been up for long would know."""

from __future__ import annotations

import bisect
import random
from collections.abc import Iterator, Sequence

from kademlia.node import Node
from kademlia.routing import KBucket

from node.dht.table import ID_BITS, ContactTable


class Population:
    """A fixed set of nodes, ordered by id."""

    def __init__(self, nodes: Sequence[Node]) -> None:
        self._nodes = sorted(nodes, key=lambda node: node.long_id)
        self._ids = [node.long_id for node in self._nodes]

    def __len__(self) -> int:
        return len(self._nodes)

    def nearest(self, target: int, count: int) -> list[Node]:
        """Return the `count` nodes nearest to an id: those of the smallest subtree around it that holds as many."""
        depth = max(0, len(self._ids).bit_length())
        while depth > 0 and len(inside := self._subtree(target, depth)) < count:
            depth -= 1
        inside = self._subtree(target, depth)
        return sorted((self._nodes[place] for place in inside), key=lambda node: node.long_id ^ target)[:count]

    def fill(self, table: ContactTable, rng: random.Random) -> None:
        """Give a table the buckets of a node that knows k others, or all, in every subtree beside its own path.

        The real table also splits buckets off its own path, so the real node of such a table knows rather more.
        """
        table.buckets = sorted(self._buckets(table.node, table.ksize, rng), key=lambda bucket: bucket.range[0])

    def _buckets(self, own: Node, ksize: int, rng: random.Random) -> Iterator[KBucket]:
        depth = 0
        while len(self._subtree(own.long_id, depth)) > ksize + 1:
            depth += 1
            yield self._bucket(own.long_id ^ (1 << (ID_BITS - depth)), depth, own, ksize, rng)
        yield self._bucket(own.long_id, depth, own, ksize + 1, rng)

    def _bucket(self, around: int, depth: int, own: Node, most: int, rng: random.Random) -> KBucket:
        low, high = _range(around, depth)
        places = self._subtree(around, depth)
        chosen = rng.sample(places, most) if len(places) > most else places
        bucket = KBucket(low, high, most)
        bucket.nodes.update((node.id, node) for place in chosen if (node := self._nodes[place]).id != own.id)
        return bucket

    def _subtree(self, around: int, depth: int) -> range:
        """Return the places of the nodes that share the first `depth` bits with an id."""
        low, high = _range(around, depth)
        return range(bisect.bisect_left(self._ids, low), bisect.bisect_right(self._ids, high))


def _range(around: int, depth: int) -> tuple[int, int]:
    size = 1 << (ID_BITS - depth)
    low = around & ~(size - 1)
    return low, low + size - 1
