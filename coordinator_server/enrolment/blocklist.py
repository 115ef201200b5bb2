"""The names that every node must refuse, until the last credential that could carry them has expired. Pure."""

from __future__ import annotations

import msgspec

from node.wire.credentials import CLOCK_SKEW


class Blocklist(msgspec.Struct, frozen=True):
    """Revoked subjects and until when each is listed (Unix seconds); the version rises with every change."""

    version: int = 0
    until: dict[str, float] = {}

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(sorted(self.until))

    def with_name(self, name: str, now: float, credential_life: float) -> Blocklist:
        """Return the list with one more name, and without those whose credentials have all expired."""
        kept = {other: end for other, end in self.until.items() if end > now}
        kept[name] = now + credential_life + 2 * CLOCK_SKEW
        return Blocklist(self.version + 1, kept)
