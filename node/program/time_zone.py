"""The time zone of this computer, which a traveller changes while programs run."""

from __future__ import annotations

import time


def follow_time_zone() -> None:
    """Have local times be those of the zone that is set now: else they stay those of the program's start."""
    if hasattr(time, "tzset"):  # Windows needs no such call
        time.tzset()
