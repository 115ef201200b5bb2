"""Which unknown senders are being looked at: so many at a time, so many of one source, and nobody twice in a row.

Two nodes that cannot prove themselves to one another, say because a clock is wrong, would otherwise look at one
another's pings for ever, as fast as the network carries them.
"""

from __future__ import annotations

from collections import Counter, OrderedDict

from kademlia.node import Node

from node.dht.limits import is_loopback, source_of
from node.dht.messages import Address

MOST_CHECKS = 256
MOST_CHECKS_OF_SOURCE = 16  # of one IP address (IPv6: of one /64), but for this machine's own
REFUSED_FOR = 10.0  # seconds
MOST_REFUSED = 1024


class Newcomers:
    """The senders under way from unknown to contact; `now` is in seconds of any one clock."""

    def __init__(self) -> None:
        self._checked: dict[bytes, str | bytes] = {}
        self._of_source: Counter[str | bytes] = Counter()
        self._refused: OrderedDict[tuple[bytes, Address], float] = OrderedDict()

    def __contains__(self, node: Node) -> bool:
        """Whether somebody of this id is being looked at."""
        return node.id in self._checked

    def may_begin(self, node: Node, now: float) -> bool:
        """Tell whether there is room for one more, and for this one."""
        if node in self or len(self._checked) >= MOST_CHECKS:
            return False
        if now - self._refused.get((node.id, (node.ip, node.port)), float("-inf")) < REFUSED_FOR:
            return False
        return is_loopback(node.ip) or self._of_source[source_of(node.ip)] < MOST_CHECKS_OF_SOURCE

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
        self._refused[node.id, (node.ip, node.port)] = now
        self._refused.move_to_end((node.id, (node.ip, node.port)))
        if len(self._refused) > MOST_REFUSED:
            self._refused.popitem(last=False)
