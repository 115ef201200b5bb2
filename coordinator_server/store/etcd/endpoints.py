"""Says which member of the cluster is asked next: one that works as long as it does, then another. Pure."""

from __future__ import annotations

import random
from collections.abc import Sequence

REST = 5.0  # seconds for which a member that failed is not asked while another may answer; half of it at least


class Endpoints:
    """The members' URLs in an order of our own, so that not all coordinators ask the same one."""

    def __init__(self, urls: Sequence[str], rng: random.Random) -> None:
        self._urls = list(urls)
        self._rng = rng
        self._rests: dict[str, float] = {}  # until when
        rng.shuffle(self._urls)

    def __len__(self) -> int:
        return len(self._urls)

    @property
    def all(self) -> tuple[str, ...]:
        return tuple(self._urls)

    def pick(self, now: float) -> str:
        """Return whom to ask: the first who does not rest, else who has rested for longest."""
        for url in self._urls:
            if self._rests.get(url, now) <= now:
                return url
        return min(self._urls, key=lambda url: self._rests[url])

    def failed(self, url: str, now: float) -> None:
        """Leave a member alone for a while, and ask it last from then on."""
        self._rests[url] = now + REST * self._rng.uniform(0.5, 1.0)
        self.pass_on(url)

    def worked(self, url: str) -> None:
        self._rests.pop(url, None)

    def pass_on(self, url: str) -> None:
        """Ask another one next, though this one has not failed."""
        if self._urls[0] == url:
            self._urls.append(self._urls.pop(0))
