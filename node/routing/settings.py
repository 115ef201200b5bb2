"""What may be set about routing; the defaults are SPEC §7 and §8."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from node.wire.manifests import Manifest

Policy = Literal["weighted", "round-robin", "least-outstanding"]


@dataclass(frozen=True, slots=True, kw_only=True)
class RoutingSettings:
    """Times are seconds. A gateway that holds the registry itself may set `cache_ttl` to a second."""

    policy: Policy = "weighted"
    cache_ttl: float = 60.0
    # How long after its end an entry still serves while it is looked up again, so that no request waits for a
    # lookup. A node sets 30 s, half its `cache_ttl`: who died is found out by the try, at the price of another. A
    # gateway asks the registry in its own process, which knows better within a second: none there.
    stale_while_revalidate: float = 0.0
    empty_ttl: float = 1.0  # how long "nobody offers it" is believed, where the router does not hear of who does
    lookup_timeout: float = 5.0  # of one source
    attempts: int = 3
    # After how long without an answer a second worker is asked as well, where a request may be repeated; 0: never.
    # It buys a shorter tail with up to as many more requests, so it should be a time that few answers need.
    hedge_after: float = 0.0
    retry_base: float = 0.05
    retry_cap: float = 1.0
    connect_timeout: float = 2.0
    # After how long without an answer it is found out whether the worker can still be reached, and how long after
    # that again; 0: never. Who cannot is not waited for alone where the request may be repeated, and never longer
    # than the overlay may need to find another way.
    doubt_after: float = 1.0
    doubt_again: float = 2.0
    lost_patience: float = 25.0
    first_byte_timeout: float = 30.0  # a manifest that sets its own wins
    idle_timeout: float = 60.0
    request_timeout: float = 120.0  # a manifest that sets its own wins
    queue_size: int = 100
    queue_wait: float = 30.0
    breaker_failures: int = 5
    breaker_cooldown: float = 10.0
    retry_after: int = 5  # what a client is told when nobody serves

    def times_of(self, manifest: Manifest) -> tuple[float, float, float, float]:
        """Return the limits for connecting, the first byte, silence and the whole request."""
        first_byte, whole = manifest.first_byte_timeout, manifest.request_timeout
        return (
            self.connect_timeout,
            self.first_byte_timeout if first_byte == FIRST_BYTE else first_byte,
            self.idle_timeout,
            self.request_timeout if whole == WHOLE else whole,
        )

    def first_byte_of(self, manifest: Manifest) -> float:
        own = manifest.first_byte_timeout
        return self.first_byte_timeout if own == FIRST_BYTE else own


DEFAULTS = Manifest(name="defaults", title="")
FIRST_BYTE, WHOLE = DEFAULTS.first_byte_timeout, DEFAULTS.request_timeout
