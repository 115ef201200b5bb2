"""The routing table: the package's k-buckets with an exact neighbour search, and no I/O of its own.

Where the package would ping, this returns the contact to ping. A contact is dropped after three missed answers
in a row, so that lost datagrams do not empty the table; after the first one it is a suspect, which is neither told
to others nor asked while there are better ones. Old contacts stay: a newcomer gets the place of the one that was
silent for longest only after that one has not answered a ping either.
"""

from __future__ import annotations

import bisect
import time
from collections.abc import Callable, Container, Iterator

from kademlia.node import Node
from kademlia.routing import KBucket, RoutingTable

MISSES_ALLOWED = 2
ID_BITS = 160
FRESH_FOR = 60.0  # seconds after an answer in which a contact is believed to be alive


class ContactTable(RoutingTable):  # type: ignore[misc]  # the package has no types
    """Contacts of one node, by distance; `refresh_after` are seconds after which a quiet bucket is lonely."""

    def __init__(
        self,
        node: Node,
        ksize: int,
        refresh_after: float = 600.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        super().__init__(None, ksize, node)
        self._refresh_after = refresh_after
        self._clock = clock
        self._misses: dict[bytes, int] = {}
        self._looked_at: dict[bytes, float] = {}

    def flush(self) -> None:
        """Forget everybody; the package's first bucket is one id too large, and its halves no subtrees."""
        self.buckets = [KBucket(0, 2**ID_BITS - 1, self.ksize)]

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

    def has_room_for(self, node: Node) -> bool:
        """Tell whether a new contact with this id would be taken in as things are."""
        bucket = self._bucket(node)
        return len(bucket) < self.ksize or self._may_split(bucket)

    def add_contact(self, node: Node) -> Node | None:
        """Add or refresh a contact that has just answered; return one to ping where its bucket is full."""
        self._misses.pop(node.id, None)
        while True:
            bucket = self._bucket(node)
            bucket.replacement_nodes.pop(node.id, None)
            if bucket.add_node(node):
                self._looked_at[node.id] = self._clock()
                return None
            if not self._may_split(bucket):
                return self._stale_head(bucket)
            self.split_bucket(self.buckets.index(bucket))

    def remove_contact(self, node: Node) -> None:
        """Drop a contact; the last one that its full bucket had turned away takes its place.

        The same id at another address stays: anybody can tell us a wrong address of somebody.
        """
        bucket = self._bucket(node)
        here = bucket.nodes.get(node.id) or bucket.replacement_nodes.get(node.id)
        if here is not None and here.same_home_as(node):
            self._misses.pop(node.id, None)
            self._looked_at.pop(node.id, None)
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
        target, most = node.long_id, k or self.ksize
        nearest: list[Node] = []
        for bucket in sorted(self.buckets, key=lambda bucket: _distance(bucket, target)):
            here = [contact for contact in bucket.nodes.values() if contact.id not in avoided]
            here.sort(key=lambda contact: contact.long_id ^ target)
            nearest += here
            if len(nearest) >= most:
                break
        return nearest[:most]

    def find_living(self, node: Node, k: int | None = None) -> list[Node]:
        """Return the nearest contacts to begin a lookup with: suspects only where there is nobody else."""
        return self.find_neighbors(node, k, trusted=True) or self.find_neighbors(node, k)

    def lonely_buckets(self) -> list[KBucket]:
        """Return the buckets near which nothing has been looked up for a while."""
        before = time.monotonic() - self._refresh_after
        return [bucket for bucket in self.buckets if bucket.last_updated < before]

    def get_bucket_for(self, node: Node) -> int:
        return bisect.bisect_left(self.buckets, node.long_id, key=lambda bucket: bucket.range[1])

    def _bucket(self, node: Node) -> KBucket:
        return self.buckets[self.get_bucket_for(node)]

    def _may_split(self, bucket: KBucket) -> bool:
        """Split around ourselves, and elsewhere down to every fifth level (Kademlia, section 4.2)."""
        depth = ID_BITS - int(bucket.range[1] - bucket.range[0]).bit_length()
        return bool(depth < ID_BITS and (bucket.has_in_range(self.node) or depth % 5 != 0))

    def _stale_head(self, bucket: KBucket) -> Node | None:
        """Return the contact that was silent for longest, unless it was heard or asked a short while ago."""
        head, now = bucket.head(), self._clock()
        if now - self._looked_at.get(head.id, float("-inf")) < FRESH_FOR:
            return None
        self._looked_at[head.id] = now
        return head


def _distance(bucket: KBucket, target: int) -> int:
    """Return the least distance of any id in a bucket: buckets are subtrees, so these never overlap."""
    low, high = bucket.range
    return int((low ^ target) & ~(high - low))
