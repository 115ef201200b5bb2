"""What the helper is on macOS: a launch daemon, who may use it, and the commands that install it.

The daemon's property list (launchd.plist(5)) is installers/macos/org.rma-mesh.vpn.plist.

It runs as root, because utun devices need that, and serves the same Unix socket as on Linux: only who is connected
is asked in another way (LOCAL_PEERCRED). macOS numbers its devices itself (utun0, utun1, …), so none is named.
Nobody has run any of this on macOS; what needs no macOS is tested.
"""

from __future__ import annotations

import socket
import struct
from pathlib import PurePosixPath

LABEL = "org.rma-mesh.vpn"
GROUP = "rma-mesh"
PLIST = PurePosixPath(f"/Library/LaunchDaemons/{LABEL}.plist")
SOCKET = PurePosixPath("/var/run/rma-mesh-vpn/helper.sock")
FOLDER = PurePosixPath("/var/db/rma-mesh-vpn")  # of root alone; /var/run is emptied whenever the machine starts
LOG = PurePosixPath("/var/log/rma-mesh-vpn.log")
SOL_LOCAL, LOCAL_PEERCRED = 0, 1  # sys/un.h
CREDENTIALS = struct.Struct("IIh2x16I")  # struct xucred: version, uid, number of groups, groups
VERSION = 0  # XUCRED_VERSION

Command = tuple[str, ...]


def install_commands(user: str) -> tuple[Command, ...]:
    """Return what root runs to let a user in and to start the daemon, once its property list is in place."""
    if not user or user.startswith("-") or not user.isprintable():
        raise ValueError(f"{user!r} is not a user's name")
    return (
        ("dseditgroup", "-o", "create", GROUP),
        ("dseditgroup", "-o", "edit", "-a", user, "-t", "user", GROUP),
        ("mkdir", "-p", "-m", "700", str(FOLDER)),
        ("chown", "root:wheel", str(PLIST)),
        ("chmod", "644", str(PLIST)),
        ("launchctl", "bootstrap", "system", str(PLIST)),
    )


def remove_commands() -> tuple[Command, ...]:
    """Return what root runs to take it all back; any of them may fail where there is nothing."""
    return (
        ("launchctl", "bootout", f"system/{LABEL}"),
        ("rm", "-f", str(PLIST), str(LOG)),
        ("rm", "-rf", str(FOLDER), str(SOCKET.parent)),
        ("dseditgroup", "-o", "delete", GROUP),
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
