"""The names and certificates that every node must refuse, until all that could carry them have expired. Pure."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from node.wire.credentials import CLOCK_SKEW

SPARE = 86_400.0  # seconds for which all is listed longer than it has to be: a clock may be that far ahead


class Blocklist(msgspec.Struct, frozen=True):
    """Revoked subjects and until when each is listed (Unix seconds); what is listed for longest comes first.

    The version rises with every change. It is the time in milliseconds, or one more than before where the clock was
    set back: so it rises above all that was told before a backup was restored, too. `certificates` are fingerprints
    of the overlay's certificates, as Nebula's `pki.blocklist` takes them.
    """

    version: int = 0
    until: dict[str, float] = {}
    certificates: dict[str, float] = {}

    @property
    def names(self) -> tuple[str, ...]:
        return _longest_first(self.until)

    @property
    def fingerprints(self) -> tuple[str, ...]:
        return _longest_first(self.certificates)

    def with_name(
        self,
        name: str,
        now: float,
        credential_life: float,
        certificates: Mapping[str, float] | None = None,
        *,
        prune: bool = True,
    ) -> Blocklist:
        """Return the list with one more name and its certificates, without what has expired everywhere."""
        listed = {name: now + credential_life + 2 * CLOCK_SKEW}
        longer = self.with_certificates(certificates or {}, now, prune=prune)
        return msgspec.structs.replace(longer, until=longer.until | listed)

    def with_certificates(self, certificates: Mapping[str, float], now: float, *, prune: bool = True) -> Blocklist:
        """Return the list with more certificates, without what has expired everywhere, unless that is unsure."""
        kept = self.pruned(now) if prune else self
        return Blocklist(self._next_version(now), kept.until, kept.certificates | dict(certificates))

    def pruned(self, now: float) -> Blocklist:
        """Return the list without what has expired everywhere; itself where that is nothing."""
        names, prints = _unexpired(self.until, now), _unexpired(self.certificates, now)
        if (names, prints) == (self.until, self.certificates):
            return self
        return Blocklist(self._next_version(now), names, prints)

    def renumbered(self, now: float) -> Blocklist:
        """Return the same list as a newer version, which counts for everybody whatever was told before."""
        return Blocklist(self._next_version(now), self.until, self.certificates)

    def _next_version(self, now: float) -> int:
        return max(self.version + 1, int(now * 1000))


def _longest_first(ends: Mapping[str, float]) -> tuple[str, ...]:
    return tuple(sorted(ends, key=lambda listed: (-ends[listed], listed)))


def _unexpired(ends: Mapping[str, float], now: float) -> dict[str, float]:
    return {listed: end for listed, end in ends.items() if end + SPARE > now}
