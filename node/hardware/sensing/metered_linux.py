"""Whether the network counts or costs, as NetworkManager tells: what the user set, else its own guess.

Source: NetworkManager D-Bus reference, NMMetered.
"""

from __future__ import annotations

from node.hardware.sensing.bus import Bus
from node.hardware.sensing.properties import Properties
from node.hardware.sensing.told import Unknown

MANAGER = "org.freedesktop.NetworkManager"
YES, NO, GUESS_YES, GUESS_NO = 1, 2, 3, 4
SILENT = Unknown("NetworkManager does not know whether the network is metered")


class MeteredLinux:
    """NetworkManager's property `Metered`."""

    def __init__(self, system: Bus) -> None:
        self._manager = Properties(system, MANAGER, "/org/freedesktop/NetworkManager", MANAGER)

    async def read(self) -> bool | Unknown:
        """Return whether the network that this computer uses is metered."""
        told = await self._manager.read()
        if isinstance(told, Unknown):
            return Unknown(f"only NetworkManager tells whether the network is metered: {told.why}")
        metered = told.get("Metered")
        return metered in (YES, GUESS_YES) if metered in (YES, NO, GUESS_YES, GUESS_NO) else SILENT
