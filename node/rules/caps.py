"""How each cap of the volunteer is kept on this machine: what was wanted, by what, and what cannot be promised."""

from __future__ import annotations

from typing import Literal

import msgspec

CapName = Literal["priority", "cpu", "ram", "gpu-memory", "disk", "upload", "download"]
TakesHold = Literal["now", "next-start"]


class CapReport(msgspec.Struct, frozen=True, kw_only=True):
    """One cap that is set. `how` and `why_not` are sentences for a volunteer.

    `enforced` says whether the machine can be relied upon to keep it; where it is False, `why_not` says what may
    happen all the same. It may have something to say where it is True, too. `watched` says that nothing keeps it at
    every moment: it is measured now and then, and who has too much is ended. `takes_hold` is when a change of it
    reaches services that run.
    """

    name: CapName
    wanted: int | None = None  # per cent, bytes, or bytes per second
    how: str
    enforced: bool
    watched: bool = False
    why_not: str = ""
    takes_hold: TakesHold = "now"
