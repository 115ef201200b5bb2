"""The routing table: the package's k-buckets with an exact neighbour search, and no I/O of its own.

Where the package would ping, this returns the contact to ping. A contact is dropped after three missed answers
in a row, so that lost datagrams do not empty the table; after the first one it is a suspect, which is neither told
to others nor asked while there are better ones.
"""

from __future__ import annotations

import time
from collections.abc import Container, Iterator

from kademlia.node import Node
from kademlia.routing import KBucket, RoutingTable

MISSES_ALLOWED = 2


class ContactTable(RoutingTable):  # type: ignore[misc]  # the package has no types
    """Contacts of one node, by distance; `refresh_after` are seconds after which a quiet bucket is lonely."""

    def __init__(self, node: Node, ksize: int, refresh_after: float = 600.0) -> None:
        super().__init__(None, ksize, node)
        self._refresh_after = refresh_after
        self._misses: dict[bytes, int] = {}

    def __len__(self) -> int:
        return sum(len(bucket) for bucket in self.buckets)

    def __iter__(self) -> Iterator[Node]:
        for bucket in self.buckets:
            yield from bucket.nodes.values()

    @property
    def suspects(self) -> Container[bytes]:
        """Ids of contacts that owe an answer."""
        return self._misses

    def known(self, node_id: bytes) -> Node | None:
        """Return the contact with this id."""
        return self._bucket(Node(node_id)).nodes.get(node_id)

    def add_contact(self, node: Node) -> Node | None:
        """Add or refresh a contact that has just answered; return one to ping where its bucket is full."""
        self._misses.pop(node.id, None)
        while True:
            bucket = self._bucket(node)
            bucket.replacement_nodes.pop(node.id, None)
            if bucket.add_node(node):
                return None
            splittable = bucket.has_in_range(self.node) or bucket.depth() % 5 != 0
            if not splittable or bucket.range[0] >= bucket.range[1]:
                return bucket.head()
            self.split_bucket(self.buckets.index(bucket))

    def remove_contact(self, node: Node) -> None:
        """Drop a contact; the last one that its full bucket had turned away takes its place.

        The same id at another address stays: anybody can tell us a wrong address of somebody.
        """
        bucket = self._bucket(node)
        here = bucket.nodes.get(node.id) or bucket.replacement_nodes.get(node.id)
        if here is not None and here.same_home_as(node):
            self._misses.pop(node.id, None)
            bucket.remove_node(node)

    def missed(self, node: Node) -> bool:
        """Note that a contact did not answer; return whether it deserves another ping, else it is dropped."""
        known = self.known(node.id)
        if known is None or not known.same_home_as(node):
            return False
        misses = self._misses.get(node.id, 0) + 1
        if misses > MISSES_ALLOWED:
            self.remove_contact(node)
            return False
        self._misses[node.id] = misses
        return True

    def find_neighbors(
        self, node: Node, k: int | None = None, exclude: Node | None = None, *, trusted: bool = False
    ) -> list[Node]:
        """Return the `k` contacts nearest to `node`, without it and `exclude`; `trusted` leaves suspects out."""
        self._bucket(node).touch_last_updated()
        avoided = {node.id} if exclude is None else {node.id, exclude.id}
        if trusted:
            avoided |= self._misses.keys()
        target = node.long_id
        candidates = [contact for contact in self if contact.id not in avoided]
        candidates.sort(key=lambda contact: contact.long_id ^ target)
        return candidates[: k or self.ksize]

    def find_living(self, node: Node) -> list[Node]:
        """Return the nearest contacts to begin a lookup with: suspects only where there is nobody else."""
        return self.find_neighbors(node, trusted=True) or self.find_neighbors(node)

    def lonely_buckets(self) -> list[KBucket]:
        """Return the buckets near which nothing has been looked up for a while."""
        before = time.monotonic() - self._refresh_after
        return [bucket for bucket in self.buckets if bucket.last_updated < before]

    def _bucket(self, node: Node) -> KBucket:
        for bucket in self.buckets:
            if node.long_id <= bucket.range[1]:
                return bucket
        raise AssertionError("the buckets hold every id")
