"""The file by which programs of the same user find a running node's control API."""

from __future__ import annotations

import msgspec

FILE_NAME = "control.json"


class ControlFile(msgspec.Struct, frozen=True):
    """Where the control API is and what opens it."""

    url: str
    token: str
    pid: int
