"""What the helper is on Windows: a service, a named pipe, who may use it, and the commands that install it. Pure.

The service's name differs from "Nebula", which the upstream installer takes. It talks by the same messages as on
Linux, over a named pipe whose access list names the users who may ask. Windows has no SIGHUP, so the engine
restarts Nebula for every change. Nobody has run any of this on Windows; what needs no Windows is tested.
"""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import PureWindowsPath

SERVICE = "RmaMeshVpn"
DISPLAYED = "RMA Mesh private network"
DESCRIPTION = "Opens the mesh's private network for users of this computer who have no rights themselves."
PIPE = r"\\.\pipe\rma-mesh-vpn"
SYSTEM, ADMINISTRATORS = "S-1-5-18", "S-1-5-32-544"  # well-known identifiers (Microsoft's "Well-known SIDs")
# What a user may do with the pipe: FILE_GENERIC_READ and FILE_WRITE_DATA. FILE_GENERIC_WRITE would be too much: it
# has FILE_CREATE_PIPE_INSTANCE, with which he could take the helper's place for others.
CLIENT_RIGHTS = 0x00120089 | 0x0002
FIREWALL, RULE = ("netsh.exe", "advfirewall", "firewall"), f"name={DISPLAYED}"
MEANWHILE = "reset= 86400 actions= restart/5000/restart/30000/restart/60000"  # seconds, milliseconds


@dataclass(frozen=True, slots=True)
class Client:
    """Who is connected: the identifiers of the user and of the groups that count for him now."""

    sid: str
    groups: frozenset[str] = frozenset()

    def __str__(self) -> str:
        return self.sid


def is_sid(text: str) -> bool:
    """Say whether this is a security identifier as text, like S-1-5-21-1-2-3-1001."""
    parts = text.split("-")
    return len(parts) >= 4 and parts[0] == "S" and all(part.isascii() and part.isdigit() for part in parts[1:])


def check_sids(sids: Sequence[str]) -> None:
    """Raise ValueError for what is no security identifier: all of it goes into an access list."""
    for sid in sids:
        if not is_sid(sid):
            raise ValueError(f"{sid!r} is not a security identifier, like S-1-5-21-1-2-3-1001")


def access_list(sids: Sequence[str]) -> str:
    """Return the pipe's security descriptor: the system and administrators in full, these users to read and write.

    Nobody else is named, so Windows lets nobody else in, and nobody from another machine. It belongs to the system,
    by which clients know that no other program has taken the pipe's name.
    """
    check_sids(sids)
    users = "".join(f"(A;;0x{CLIENT_RIGHTS:x};;;{sid})" for sid in sids)
    return f"O:SYG:SYD:P(D;;FA;;;NU)(A;;FA;;;SY)(A;;FA;;;BA){users}"


def members_of(sids: Sequence[str]) -> Callable[[Client], bool]:
    """Return who may in: the system, administrators (with their rights switched on), and these users and groups."""
    check_sids(sids)
    allowed = {SYSTEM, ADMINISTRATORS, *sids}

    def let_in(client: Client) -> bool:
        return client.sid in allowed or not allowed.isdisjoint(client.groups)

    return let_in


def is_ours(owner: str) -> bool:
    """Say whether a pipe with this owner is the helper's: no user can give what he makes to one of these."""
    return owner in (SYSTEM, ADMINISTRATORS)


def install_commands(
    program: PureWindowsPath, nebula: PureWindowsPath, users: Sequence[str]
) -> tuple[tuple[str, ...], ...]:
    """Return what an administrator runs to install and start the service, by way of the installer.

    Both programs have to lie where only administrators can write, as below Program Files.
    """
    check_sids(users)
    for path in (program, nebula):
        if not path.is_absolute() or '"' in str(path):
            raise ValueError(f"{path} is not an absolute path")
    started = command_line((str(program), "--service", "--nebula", str(nebula), *_flags(users)), quote_first=True)
    return (
        ("sc.exe", "create", SERVICE, "binPath=", started, "start=", "auto", "DisplayName=", DISPLAYED),
        ("sc.exe", "description", SERVICE, DESCRIPTION),
        ("sc.exe", "failure", SERVICE, *MEANWHILE.split()),
        ("sc.exe", "failureflag", SERVICE, "1"),
        (*FIREWALL, "add", "rule", RULE, "dir=in", "action=allow", f"program={nebula}", "protocol=udp"),
        ("sc.exe", "start", SERVICE),
    )


def remove_commands() -> tuple[tuple[str, ...], ...]:
    """Return what an administrator runs to remove the service; any of them may fail where there is nothing."""
    return (
        ("sc.exe", "stop", SERVICE),
        ("sc.exe", "delete", SERVICE),
        (*FIREWALL, "delete", "rule", RULE),
    )


def command_line(argv: Sequence[str], *, quote_first: bool = False) -> str:
    r"""Join arguments as programs on Windows take them apart again.

    With `quote_first` the program's path is quoted in any case: else Windows would try C:\Program.exe first.
    """
    first = f'"{argv[0]}"' if quote_first else subprocess.list2cmdline(argv[:1])
    return " ".join(filter(None, (first, subprocess.list2cmdline(argv[1:]))))


def _flags(users: Sequence[str]) -> tuple[str, ...]:
    return tuple(part for user in users for part in ("--allow", user))
