"""Where the helper is on this system, whether it is there, and how a node connects to it."""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path

from node.vpn import helper_macos, helper_windows
from node.vpn.helper.messages import MAX_LINE

Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]


def usual_place(platform: str) -> Path:
    """Return the helper's socket or pipe on a system, as `sys.platform` names it."""
    places = {"win32": helper_windows.PIPE, "darwin": str(helper_macos.SOCKET)}
    return Path(places.get(platform, "/run/rma-mesh-vpn/helper.sock"))


if sys.platform == "win32":
    from node.vpn.helper.pipe_transport import open_streams
    from node.vpn.helper.windows_pipe import open_pipe, pipe_is_there

    def is_there(place: Path) -> bool:
        return pipe_is_there(str(place))

    async def connect(place: Path) -> Streams:
        """Connect to the helper; raise OSError."""
        pipe = await asyncio.to_thread(open_pipe, str(place))
        reader, writer, _ = open_streams(pipe, lambda: True, MAX_LINE, "vpn-helper")
        return reader, writer

else:

    def is_there(place: Path) -> bool:
        """Say whether the helper listens, and whether we may connect."""
        return os.access(place, os.W_OK)

    async def connect(place: Path) -> Streams:
        """Connect to the helper; raise OSError."""
        return await asyncio.open_unix_connection(str(place), limit=MAX_LINE)
