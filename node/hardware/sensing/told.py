"""What a sensor returns where it cannot tell."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Unknown:
    """It cannot be told; `why` is a sentence that a volunteer reads."""

    why: str
