"""What the helper makes a client's network with, on every system: Nebula, a private folder, and what is allowed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from ipaddress import IPv4Network
from pathlib import Path

from node.program.orphans import end_orphan
from node.vpn.binary import NebulaBinary
from node.vpn.computer import HELPER_DEVICE, other_networks, system_name
from node.vpn.engine import LocalEngine
from node.vpn.events import Told
from node.vpn.helper.policy import Policy
from node.vpn.overlap import overlaps


@dataclass(frozen=True, slots=True)
class Workshop:
    """`engine` and `overlaps` are what a session needs; `clear` comes first."""

    binary: NebulaBinary
    folder: Path
    policy: Policy

    def engine(self, on_told: Callable[[Told], None]) -> LocalEngine:
        device = "" if system_name() == "macos" else HELPER_DEVICE  # macOS numbers its devices itself
        return LocalEngine(self.binary, self.folder, device, on_told)

    def overlaps(self, ours: IPv4Network) -> tuple[str, ...]:
        """Say which networks of this computer are in the way."""
        return overlaps(ours, other_networks(), HELPER_DEVICE)

    def clear(self) -> None:
        """End the Nebula that a helper before this one left behind, when it was killed. May block for seconds."""
        end_orphan(self.folder / "nebula.run", self.folder / "nebula.json")
