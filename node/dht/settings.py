"""What may be set for a DHT node; times are seconds."""

from __future__ import annotations

from dataclasses import dataclass, field

from node.dht.limits import RateLimits
from node.dht.storage import StorageCaps


@dataclass(frozen=True, slots=True, kw_only=True)
class DhtSettings:
    """Timings, Kademlia's parameters, and the most that is kept for others."""

    rpc_timeout: float = 1.0  # after which a message counts as unanswered; slow peers have up to four times as long
    entry_ttl: float = 180.0  # life of an entry that we publish
    republish: float = 60.0  # pause between two announcements
    alpha: int = 4  # requests of one lookup under way at once
    ksize: int = 20  # nodes that keep an entry, and contacts in a bucket
    samples: int = 16  # most storing nodes whose samples one lookup joins
    patience: float = 0.2  # share of rpc_timeout after which a lookup turns to the next contact at the latest
    rejoin_first: float = 0.25  # pause after the first failure to join; it doubles
    rejoin_longest: float = 30.0  # longest pause between two tries to join, and between two looks when joined
    caps: StorageCaps = field(default_factory=StorageCaps)
    limits: RateLimits = field(default_factory=RateLimits)

    def __post_init__(self) -> None:
        """Refuse what cannot work."""
        if min(self.rpc_timeout, self.entry_ttl, self.republish, self.rejoin_first, self.rejoin_longest) <= 0:
            raise ValueError("every time in the DHT's settings must be more than 0 seconds")
        if not 1 <= self.alpha <= self.ksize <= 32:
            raise ValueError("the DHT needs 1 <= alpha <= ksize <= 32")
