"""What a volunteer wants to know of this computer before it joins a mesh. Values only."""

from __future__ import annotations

from typing import Literal

import msgspec

from node.hardware.containers import ContainerEngine
from node.wire.messages import Capabilities

VpnProspect = Literal["off", "ready", "no-program", "no-permission"]


class Survey(msgspec.Struct, frozen=True, kw_only=True):
    """One look. `gpu_note` says why the driver told of no GPU; `card_makers` names the cards that are there anyway.

    `gateway` tells whether a way leads out of this computer's own network; `vpn_text` what to do for the overlay.
    """

    capabilities: Capabilities = Capabilities()
    gpu_note: str = ""
    card_makers: tuple[str, ...] = ()
    containers: ContainerEngine = ContainerEngine()
    gateway: bool = False
    vpn: VpnProspect = "off"
    vpn_text: str = ""
