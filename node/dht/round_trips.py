"""How long answers take: estimates per peer and over all peers, after RFC 6298.

Every request has an id of its own, so there is no doubt which one an answer is for (Karn's algorithm has nothing to
leave out). Two times follow: `patience`, after which a lookup turns to the next contact, and the longer, careful
`limit`, after which a request counts as missed. As in section 2.4 of the RFC the limit is never short: to be quick
is what patience is for, and a machine that was busy for a moment must not lose the mesh.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass

from node.dht.messages import Address

LEAST_PATIENCE = 0.02  # seconds; less is the noise of a busy machine
MOST_TIMES_LIMIT = 4  # the longest limit, in shortest ones
MOST_ESTIMATES = 2048
MOST_DOUBLINGS = 10


@dataclass(slots=True)
class Estimate:
    """Smoothed round-trip time and its variation, in seconds, and how often the limit has been doubled."""

    smoothed: float
    variation: float
    doublings: int = 0

    @classmethod
    def of(cls, sample: float) -> Estimate:
        """Return the estimate after the first sample (RFC 6298, 2.2)."""
        return cls(sample, sample / 2)

    def add(self, sample: float) -> None:
        """Take in another sample (RFC 6298, 2.3)."""
        self.variation += (abs(self.smoothed - sample) - self.variation) / 4
        self.smoothed += (sample - self.smoothed) / 8
        self.doublings = 0

    @property
    def longest(self) -> float:
        """The time within which nearly every answer comes."""
        return self.smoothed + 4 * self.variation


class RoundTrips:
    """Estimates of the peers that answered last; all times are seconds."""

    def __init__(self, shortest_limit: float, longest_patience: float, most: int = MOST_ESTIMATES) -> None:
        self.longest_limit = MOST_TIMES_LIMIT * shortest_limit
        self._shortest_limit = shortest_limit
        self._longest_patience = longest_patience
        self._most = most
        self._peers: OrderedDict[Address, Estimate] = OrderedDict()
        self._everybody: Estimate | None = None

    def answered(self, address: Address, seconds: float) -> None:
        """Learn from an answer that took so long."""
        estimate = self._peers.get(address)
        if estimate is None:
            self._peers[address] = Estimate.of(seconds)
            if len(self._peers) > self._most:
                self._peers.popitem(last=False)
        else:
            estimate.add(seconds)
            self._peers.move_to_end(address)
        if self._everybody is None:
            self._everybody = Estimate.of(seconds)
        else:
            self._everybody.add(seconds)

    def missed(self, address: Address) -> None:
        """Give a peer that did not answer in time twice the time from now on, until it answers."""
        estimate = self._peers.get(address)
        if estimate is not None:
            estimate.doublings = min(estimate.doublings + 1, MOST_DOUBLINGS)

    def patience(self, address: Address) -> float:
        """Return the time after which a lookup should turn to the next contact: what is unknown is guessed."""
        estimate = self._peers.get(address, self._everybody)
        if estimate is None:
            return self._longest_patience
        return min(max(estimate.longest, LEAST_PATIENCE), self._longest_patience)

    def limit(self, address: Address) -> float:
        """Return the time after which a request counts as missed: what is unknown is guessed from everybody."""
        estimate = self._peers.get(address, self._everybody)
        if estimate is None:
            return self._shortest_limit
        limit = max(estimate.longest, self._shortest_limit) * 2.0**estimate.doublings
        return min(limit, self.longest_limit)

    def smoothed(self, address: Address) -> float | None:
        """Return a peer's smoothed round-trip time."""
        estimate = self._peers.get(address)
        return None if estimate is None else estimate.smoothed
