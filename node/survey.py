"""What a volunteer wants to know of this computer before it joins a mesh; nobody outside is asked for it."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Literal

import msgspec

from node import __version__
from node.config import NodeConfig
from node.hardware import graphics_cards
from node.hardware.containers import ContainerEngine, find_engine
from node.hardware.detect import detect
from node.hardware.gpus import probe_gpus
from node.program.errors import UserFacingError
from node.vpn.binary import find_binary
from node.vpn.computer import HELPER_SOCKET, outlook, rights
from node.vpn.ways import choose_way
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


async def take_survey(config: NodeConfig, data_dir: Path) -> Survey:
    """Look at everything at once; it takes from a fraction of a second to the GPU probe's time limit."""
    engine, here = await asyncio.gather(find_engine(), asyncio.to_thread(_look, config, data_dir))
    return msgspec.structs.replace(here, containers=engine)


def _look(config: NodeConfig, data_dir: Path) -> Survey:
    probe = probe_gpus()
    found = detect(
        data_dir, probe, wanted_type=config.worker_type, version=__version__, allowed_services=config.allow
    )
    vpn, text = prospect(config)
    return Survey(
        capabilities=found,
        gpu_note=probe.note,
        card_makers=graphics_cards.makers(),
        gateway=bool(outlook()),
        vpn=vpn,
        vpn_text=text,
    )


def prospect(config: NodeConfig) -> tuple[VpnProspect, str]:
    """Say whether this program could open the private network here, and what to do where it could not."""
    if config.vpn == "off":
        return "off", ""
    lacking, binary = "", None
    try:
        binary = find_binary()
    except UserFacingError as error:
        lacking = " ".join(part for part in (error.title, error.hint) if part)
    way = choose_way(rights(HELPER_SOCKET, binary))
    if way.kind == "helper" or (way.kind == "self" and binary is not None):
        return "ready", way.text
    return ("no-program", lacking) if way.kind == "self" else ("no-permission", way.text)
