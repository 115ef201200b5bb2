"""Has the caps of the volunteer's rules kept: those of services, and that of what goes over the network."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from node.forwarding.bandwidth.meter import Meter
from node.rules.caps import CapReport
from node.services.limits.enforcer import Means
from node.services.limits.keeper import ServiceLimits
from node.state import NodeState


class CapsKept:
    """What services and connections of a node ask; `look` tells it the state whenever that has changed."""

    def __init__(self, data_dir: Path, means: Means | None, told: Callable[[tuple[CapReport, ...]], None]) -> None:
        """`told` hears how the caps are kept whenever that changes."""
        self.meter = Meter()
        self.services = ServiceLimits(means or Means(), data_dir / "services", told=told)

    def look(self, state: NodeState) -> None:
        """Go by what the rules say now; costs nothing where that is as before."""
        caps, tunnel = state.rules.caps, state.tunnel.kind != "none"
        self.services.look(caps, state.capabilities.has_gpu)
        self.meter.look(caps.upload_bytes_per_second, caps.download_bytes_per_second, tunnel)
