"""Whom to ask next in one request: from the cache at once, after a lookup where it knows nobody."""

from __future__ import annotations

from collections.abc import Awaitable

from node.routing.candidates import Candidate
from node.routing.parts import Parts
from node.routing.ranking import Ranking, Wanted
from node.routing.sources import Finding
from node.wire.manifests import Manifest


class Choice:
    """Remembers who has been asked in this request; nobody is asked twice."""

    __slots__ = (
        "_manifest", "_parts", "_ranking", "_refreshed", "_searched", "_vetted_only", "left_out", "picked", "tried",
    )  # fmt: skip

    def __init__(self, parts: Parts, manifest: Manifest, vetted_only: bool) -> None:
        self._parts = parts
        self._manifest = manifest
        self._vetted_only = vetted_only
        self._searched = False
        self._refreshed = False
        self._ranking: Ranking | None = None  # among whom was picked last
        self.tried: set[str] = {parts.worker_id}
        self.picked: Candidate | None = None
        self.left_out = 0  # how many were passed over when that was picked, because they failed too often

    def ready(self, now: float) -> bool:
        """Tell whether `picked` is who to ask next (None: nobody is left), and no lookup has to come before."""
        if self.picked is not None and self.picked.worker_id not in self.tried:
            return True
        service, parts = self._manifest.name, self._parts
        if self._searched:
            ranking = parts.cache.ranking(service)
        else:
            known = parts.cache.fresh(service, now)
            if known is None:
                known = parts.cache.known(service, self._find)
            if known is None:
                return False
            ranking = known
            self._found(ranking, hit=True)
        self._ranking = ranking
        self.picked = self._pick(ranking, now)
        if self.picked is None and self._refreshed:
            self.picked = self._pick(parts.cache.spared(service), now)  # better than nobody
        return self.picked is not None or self._refreshed

    async def look_up(self) -> None:
        """Ask the sources, all of them where it has been looked up before; `ready` then knows more."""
        parts, service = self._parts, self._manifest.name
        if self._searched:
            self._refreshed = True
            await parts.cache.refresh(service, lambda: parts.finder.all(service))
        else:
            cached = await parts.cache.get(service, self._find)
            self._found(cached.ranking, hit=cached.hit)

    def _find(self) -> Awaitable[Finding]:
        return self._parts.finder.first(self._manifest.name, vetted=self._vetted_only)

    def second(self) -> Candidate | None:
        """Return a worker with room to ask beside the one that is being asked, if there is one and a budget for it.

        Broken ones are not asked for that.
        """
        parts, service = self._parts, self._manifest.name
        broken = {item.worker_id for item in parts.breakers.tripped(service, parts.clock())}
        wanted = self._wanted(self.tried | broken)
        eligible = parts.cache.ranking(service).eligible(wanted)
        idle = Ranking(item for item in eligible if wanted.load(item) < 1.0)
        if not len(idle) or not parts.budget.take(parts.clock()):
            return None
        return parts.selector.pick(service, idle, wanted)

    def other(self) -> Candidate | None:
        """Return a worker that has not been asked yet, if one is known and there is a budget for it."""
        parts = self._parts
        picked = self._pick(parts.cache.ranking(self._manifest.name), parts.clock())
        return picked if picked is not None and parts.budget.take(parts.clock()) else None

    @property
    def known(self) -> int:
        """How many workers there are to choose from."""
        return self._ranking.count if self._ranking is not None else 0

    def places(self) -> int:
        """Return how many requests the workers that are known take together."""
        ranking = self._ranking
        known = ranking.count if ranking is not None else 0
        return (known or 1) * self._manifest.concurrency

    def again(self) -> None:
        """Pick anew: who was picked before a wait may be gone or full."""
        self.picked = None

    def _found(self, ranking: Ranking, *, hit: bool) -> None:
        self._searched = True
        if hit:
            self._parts.counters.cache_hits += 1
        else:
            self._parts.counters.cache_misses += 1
        self._refreshed = not ranking.count  # every source was asked a moment ago

    def _pick(self, ranking: Ranking, now: float) -> Candidate | None:
        """Let the policy pick among those not asked yet; broken ones only where there are no others."""
        parts, service = self._parts, self._manifest.name
        broken = parts.breakers.blocked(service, now)
        if broken:
            picked = parts.selector.pick(service, ranking, self._wanted(self.tried | broken))
            if picked is not None:
                self.left_out = len(broken)
                return picked
        return parts.selector.pick(service, ranking, self._wanted(self.tried))

    def _wanted(self, skip: set[str]) -> Wanted:
        busy = self._parts.outstanding.of(self._manifest.name)
        return Wanted(skip, busy, self._manifest.concurrency, self._vetted_only)
