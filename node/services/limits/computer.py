"""Chooses what keeps limits on this computer."""

from __future__ import annotations

import sys

from node.services.limits.enforcer import Enforcer, NoLimits
from node.services.limits.linux import LinuxPriority


def enforcer_of_this_computer(nice: int, platform: str = sys.platform) -> Enforcer:
    """Return what this system offers; services get this niceness, or what is like it elsewhere."""
    if platform == "linux":
        return LinuxPriority(nice)
    return NoLimits()
