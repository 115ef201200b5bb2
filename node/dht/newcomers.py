"""Which unknown senders are being looked at: so many at a time, so many of one source, and nobody twice in a row.

The fewer places are left, the fewer one source may have, so that a few busy sources never take the last ones.
Whoever says that he is one of our contacts makes us ask that one first. Once it has answered, it is left in peace
for a while: else anybody could let us use up what it is willing to hear from us.

Two nodes that cannot prove themselves to one another, say because a clock is wrong, would otherwise look at one
another's pings for ever, as fast as the network carries them.
"""

from __future__ import annotations

from collections import Counter, OrderedDict
from collections.abc import Hashable

from kademlia.node import Node

from node.dht.limits import is_loopback, source_of

MOST_CHECKS = 256
SHARE_OF_FREE = 32  # one IP address (IPv6: one /64) but this machine's own may have one of so many free places
REFUSED_FOR = 10.0  # seconds
MOST_REFUSED = 1024


class Newcomers:
    """The senders under way from unknown to contact; `now` is in seconds of any one clock."""

    def __init__(self) -> None:
        self._checked: dict[bytes, str | bytes] = {}
        self._of_source: Counter[str | bytes] = Counter()
        self._refused: OrderedDict[Hashable, float] = OrderedDict()

    def __contains__(self, node: Node) -> bool:
        """Whether somebody of this id is being looked at."""
        return node.id in self._checked

    def may_begin(self, node: Node, now: float) -> bool:
        """Tell whether there is room for one more, and for this one."""
        free = MOST_CHECKS - len(self._checked)
        if node in self or free <= 0 or self._is_refused(node, now):
            return False
        most = max(1, free // SHARE_OF_FREE)
        return is_loopback(node.ip) or self._of_source[source_of(node.ip)] < most

    def begin(self, node: Node) -> None:
        """Note that a sender is being looked at from now on."""
        source = source_of(node.ip)
        self._checked[node.id] = source
        self._of_source[source] += 1

    def end(self, node: Node) -> None:
        """Note that this is over, whatever came out."""
        source = self._checked.pop(node.id)
        self._of_source[source] -= 1
        if not self._of_source[source]:
            del self._of_source[source]

    def refuse(self, node: Node, now: float) -> None:
        """Do not look at somebody who answered without a proof for a while."""
        self._refuse((node.id, node.ip, node.port), now)

    def is_at_home(self, node_id: bytes, now: float) -> None:
        """Do not look at those who say that they are this contact for a while: it has just answered elsewhere."""
        self._refuse(node_id, now)

    def _is_refused(self, node: Node, now: float) -> bool:
        claims = (node.id, (node.id, node.ip, node.port))
        return any(now - self._refused.get(claim, float("-inf")) < REFUSED_FOR for claim in claims)

    def _refuse(self, claim: Hashable, now: float) -> None:
        self._refused[claim] = now
        self._refused.move_to_end(claim)
        if len(self._refused) > MOST_REFUSED:
            self._refused.popitem(last=False)
