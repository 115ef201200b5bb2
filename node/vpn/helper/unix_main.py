"""Runs the helper on Linux and macOS until it is asked to end."""

from __future__ import annotations

import asyncio
import logging
import shutil
import signal
import sys
from pathlib import Path

from node.vpn import helper_macos
from node.vpn.helper.workshop import Workshop

assert sys.platform != "win32", "Windows has windows_main in its place"
from node.vpn.helper.server import HelperServer, linux_peer_uid, members_of  # noqa: E402  # not there on Windows

log = logging.getLogger("node.vpn.helper")


async def serve(path: Path, group: str, workshop: Workshop) -> None:
    """Serve until SIGTERM or SIGINT."""
    ended = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, ended.set)
    macos = sys.platform == "darwin"
    if macos:  # nobody makes it for a daemon, as systemd does for a service
        make_folder(path.parent, group)
    await asyncio.to_thread(workshop.clear)
    peer_uid = helper_macos.peer_uid if macos else linux_peer_uid
    allowed = members_of(group)
    async with HelperServer(path, allowed, workshop.engine, workshop.policy, workshop.overlaps, peer_uid=peer_uid):
        log.info("Nebula %s is run for members of %s, at %s", workshop.binary.version, group, path)
        await ended.wait()


def make_folder(folder: Path, group: str) -> None:
    """Make the folder of the socket, which members of the group may enter; on macOS its content is theirs, too."""
    folder.mkdir(mode=0o750, exist_ok=True)
    shutil.chown(folder, group=group)
    folder.chmod(0o750)
