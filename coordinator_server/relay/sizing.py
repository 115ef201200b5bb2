"""Decides how many relay connections of a worker are kept ready. Pure; times are seconds.

A connection that has to be asked for first costs its request two round trips and more, one that is there nothing.
"""

from __future__ import annotations

LATELY = 60.0  # after which nobody is expected any more
SHARE = 4  # one ready for so many that are in use
MOST = 8


def wanted_spare(in_use: int, since_asked: float) -> int:
    """Return how many should be ready beside those in use, when somebody asked for one so long ago."""
    if since_asked > LATELY:
        return 0
    return min(MOST, max(1, in_use // SHARE))


def to_ask(*, waiting: int, wanted: int, spare: int, asked: int, room: int) -> int:
    """Return how many more to ask the worker for; `asked` are under way, `room` is what the limits leave."""
    return max(0, min(waiting + wanted - spare - asked, room))
