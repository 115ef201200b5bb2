"""What a Windows service for the helper needs to know; the logic is tested, none of it has run on Windows.

The service's name differs from "Nebula", which the upstream installer takes. It talks by the same messages as on
Linux, over a named pipe whose access list names the users who may ask. Windows has no SIGHUP, so the engine
restarts Nebula for every change; `wintun.dll` has to lie beside the program.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import PureWindowsPath

SERVICE = "RmaMeshVpn"
DISPLAYED = "RMA Mesh private network"
PIPE = r"\\.\pipe\rma-mesh-vpn"
DRIVER = "wintun.dll"
SYSTEM, ADMINISTRATORS = "SY", "BA"  # well-known groups (SDDL, Microsoft's "SID Strings")


def access_list(sids: Sequence[str]) -> str:
    """Return the pipe's security descriptor: the system and administrators in full, these users to read and write.

    Nobody else is named, remote users included, so Windows lets nobody else in.
    """
    for sid in sids:
        parts = sid.split("-")
        if len(parts) < 3 or parts[0] != "S" or not all(part.isascii() and part.isdigit() for part in parts[1:]):
            raise ValueError(f"{sid!r} is not a security identifier")
    full = "".join(f"(A;;FA;;;{group})" for group in (SYSTEM, ADMINISTRATORS))
    return f"O:SYG:SYD:P(D;;FA;;;NU){full}" + "".join(f"(A;;FRFW;;;{sid})" for sid in sids)


def create_command(program: PureWindowsPath) -> list[str]:
    """Return the command that installs the service; an administrator runs it, by way of the installer."""
    if not program.is_absolute() or '"' in str(program):
        raise ValueError(f"{program} is not an absolute path")
    path = f'"{program}" --service'
    return [
        "sc.exe",
        "create",
        SERVICE,
        "binPath=",
        path,
        "start=",
        "auto",
        "DisplayName=",
        "RMA Mesh private network",
    ]


def driver_beside(program: PureWindowsPath) -> PureWindowsPath:
    """Return where Nebula looks for its driver."""
    return program.with_name(DRIVER)
