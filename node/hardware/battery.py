"""The battery, where there is one."""

from __future__ import annotations

import logging

import psutil

from node.wire.messages import Battery

log = logging.getLogger(__name__)


def battery() -> Battery | None:
    """Return charge and supply, or None for a machine without a battery or whose system does not tell."""
    try:
        found = psutil.sensors_battery()
    except AttributeError:  # psutil has no such function on some systems
        return None
    except Exception as error:  # it parses what firmware reports, and that is not always sane
        log.debug("the battery cannot be read: %s", error)
        return None
    return None if found is None else describe(found.percent, found.power_plugged)


def describe(percent: float, power_plugged: bool | None) -> Battery:
    """Make a Battery of psutil's numbers; an unknown supply counts as the mains, so that nobody is paused by it."""
    return Battery(charge=min(1.0, max(0.0, percent / 100)), on_battery=power_plugged is False)
