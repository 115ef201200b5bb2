"""Remembers which signed requests have been seen, for as long as their tokens are good.

Memory ends with the process: what was signed before it began may have been used with the one before, and does not
count. A token tells its time by its worker's clock: where that is fast by some seconds, a request can be repeated
for as many seconds after a restart, and a worker whose clock is slow comes in again as much later.
"""

from __future__ import annotations

from collections import Counter, OrderedDict

from node.wire.credentials import CLOCK_SKEW
from node.wire.tokens import LIFE

KEPT = LIFE + 2 * CLOCK_SKEW  # seconds
LENIENCE = 2.0  # seconds: a token tells whole ones, and clocks differ a little
MOST = 1000  # of one worker, each of about 300 bytes; it signs some requests in an hour


class OnceOnly:
    """Says why a worker's request does not count; times are Unix seconds.

    A worker that signs far too often is refused, and nothing is forgotten before its time: else a member could have
    the request forgotten that it has overheard from another one.
    """

    def __init__(self, began: float = 0.0) -> None:
        self._began = began
        self._seen: OrderedDict[tuple[str, str], float] = OrderedDict()
        self._counts: Counter[str] = Counter()

    def refusal(self, worker_id: str, nonce: str, issued_at: float, now: float) -> str:
        """Return why not, or nothing for a nonce that comes for the first time, which it does not the next time.

        `issued_at` is what the token says.
        """
        self._forget(now)
        begun_lately = 0 <= now - self._began <= KEPT  # else our clock may have been set back since
        if begun_lately and issued_at + LENIENCE < self._began:
            return "was made before this coordinator started; please sign anew"
        if (worker_id, nonce) in self._seen:
            return "was used before"
        if self._counts[worker_id] >= MOST:
            return "is one of far too many; please wait a minute"
        self._seen[worker_id, nonce] = now
        self._counts[worker_id] += 1
        return ""

    def _forget(self, now: float) -> None:
        while self._seen and now - next(iter(self._seen.values())) > KEPT:
            (worker_id, _), _ = self._seen.popitem(last=False)
            self._counts[worker_id] -= 1
            if not self._counts[worker_id]:
                del self._counts[worker_id]
