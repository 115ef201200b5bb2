"""Looks at this computer for a volunteer who has not joined a mesh yet; nobody outside is asked."""

from __future__ import annotations

import asyncio
from pathlib import Path

import msgspec

from node import __version__
from node.config import NodeConfig
from node.hardware import graphics_cards
from node.hardware.containers import find_engine
from node.hardware.detect import detect
from node.hardware.gpus import probe_gpus
from node.program.errors import UserFacingError
from node.survey import Survey, VpnProspect
from node.vpn.binary import find_binary
from node.vpn.computer import HELPER_SOCKET, outlook, rights
from node.vpn.ways import choose_way


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
