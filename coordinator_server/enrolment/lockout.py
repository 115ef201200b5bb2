"""Stops the guessing of invites: so many wrong tries per address in a window, then a pause. No clock inside.

Each coordinator counts for itself: of N of them, each household has N times the tries, of a secret of 80 bits.
"""

from __future__ import annotations

import math
from collections import OrderedDict

from coordinator_server.gateway.rates import address_key

MAX_ADDRESSES = 20_000
HOUSEHOLD = 56  # bits of an IPv6 address


class Lockout:
    """Remembers wrong tries per household in a bounded table; the address longest unheard of makes room."""

    def __init__(self, tries: int, window: float, maximum: int = MAX_ADDRESSES) -> None:
        self._tries = tries
        self._window = window  # seconds
        self._maximum = maximum
        self._wrong: OrderedDict[str, list[float]] = OrderedDict()

    def __len__(self) -> int:
        return len(self._wrong)

    def retry_after(self, address: str, now: float) -> int:
        """Return the whole seconds that this address has to wait, or 0."""
        recent = self._recent(address_key(address, HOUSEHOLD), now)
        if len(recent) < self._tries:
            return 0
        return max(1, math.ceil(recent[-self._tries] + self._window - now))

    def wrong(self, address: str, now: float) -> None:
        """Count a wrong try."""
        key = address_key(address, HOUSEHOLD)
        self._wrong[key] = [*self._recent(key, now), now][-self._tries :]
        self._wrong.move_to_end(key)
        while len(self._wrong) > self._maximum:
            self._wrong.popitem(last=False)

    def _recent(self, key: str, now: float) -> list[float]:
        return [at for at in self._wrong.get(key, ()) if 0 <= now - at < self._window]
