"""Whether requests may come in."""

from __future__ import annotations


class Readiness:
    """Says whether they may: not while starting, not any more while draining."""

    def __init__(self) -> None:
        self.ready = False
        self.draining = False
