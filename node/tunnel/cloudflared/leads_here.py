"""Whether an address that somebody else gave us leads to this node: asked there now and then.

With a token we know only that a tunnel is open. Its address is what a person has told or set in a dashboard, and
another machine may be behind it: others would send it what is meant for us.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

EVERY = 60.0  # seconds
FIRST = 2.0  # seconds until it is asked again at first; doubles
FORGIVEN = 1  # lost questions in a row that may be by chance

Ask = Callable[[str], Awaitable[str]]  # an address; returns "" where it leads here, else a sentence


class LeadsHere:
    """What is known of one address; without `ask` every address is believed."""

    def __init__(self, ask: Ask | None, every: float = EVERY) -> None:
        self._ask = ask
        self._every = every
        self._url = ""
        self._next = 0.0
        self._failures = 0
        self._why_not = ""

    async def why_not(self, url: str, now: float) -> str:
        """Return "" while the address leads here, else why it does not; `now` is a monotonic time in seconds."""
        if self._ask is None or not url:
            return ""
        if url != self._url:
            self._url, self._next, self._failures, self._why_not = url, now, 0, "It was not looked at yet."
        if now >= self._next:
            self._take(await self._ask(url), now)
        return self._why_not

    def rest(self, now: float) -> float:
        """Return the seconds until it is asked again."""
        return max(0.0, self._next - now)

    def _take(self, why_not: str, now: float) -> None:
        was_up = not self._why_not
        self._failures = self._failures + 1 if why_not else 0
        if not (was_up and self._failures <= FORGIVEN):
            self._why_not = why_not
        pause = self._every if not self._why_not else min(self._every, FIRST * 2 ** min(self._failures - 1, 16))
        self._next = now + pause
