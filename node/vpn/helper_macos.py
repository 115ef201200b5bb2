"""What a launch daemon for the helper needs on macOS; the logic is tested, none of it has run on macOS.

It runs as root, because utun devices need that, and serves the same Unix socket as on Linux: only who is connected
is asked in another way (LOCAL_PEERCRED). macOS numbers its devices itself, so none is named.
"""

from __future__ import annotations

import plistlib
import socket
import struct
from pathlib import PurePosixPath

LABEL = "org.rma-mesh.vpn"
SOCKET = PurePosixPath("/var/run/rma-mesh-vpn/helper.sock")
FOLDER = SOCKET.with_name("private")
SOL_LOCAL, LOCAL_PEERCRED = 0, 1  # sys/un.h
CREDENTIALS = struct.Struct("IIh2x16I")  # struct xucred: version, uid, number of groups, groups
VERSION = 0  # XUCRED_VERSION


def launch_daemon(program: PurePosixPath) -> bytes:
    """Return the property list of the daemon, for /Library/LaunchDaemons."""
    if not program.is_absolute():
        raise ValueError(f"{program} is not an absolute path")
    return plistlib.dumps(
        {
            "Label": LABEL,
            "ProgramArguments": [
                str(program),
                "--socket",
                str(SOCKET),
                "--folder",
                "/var/run/rma-mesh-vpn/private",
            ],
            "RunAtLoad": True,
            "KeepAlive": {"SuccessfulExit": False},
            "ProcessType": "Background",
            "Umask": 0o077,
        }
    )


def peer_uid(connection: socket.socket) -> int:
    """Return who connected, as the kernel noted it."""
    return read_credentials(connection.getsockopt(SOL_LOCAL, LOCAL_PEERCRED, CREDENTIALS.size))


def read_credentials(packed: bytes) -> int:
    """Return the user of a struct xucred; raise ValueError for another version of it."""
    if len(packed) < CREDENTIALS.size:
        raise ValueError("the kernel's answer is too short")
    version, uid, *_groups = CREDENTIALS.unpack(packed[: CREDENTIALS.size])
    if version != VERSION:
        raise ValueError(f"the kernel's answer is of version {version}")
    return int(uid)
