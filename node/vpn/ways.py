"""Chooses who opens the overlay on this computer: we ourselves, the helper service, or nobody. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

System = Literal["linux", "windows", "macos", "other"]
WayKind = Literal["self", "helper", "none"]


@dataclass(frozen=True, slots=True)
class Rights:
    """What this computer has and what this program may do."""

    system: System
    helper: bool  # the helper service is there and lets us in
    administrator: bool  # Linux: CAP_NET_ADMIN; else root or administrator
    binary_may: bool = False  # Linux: the Nebula program itself has CAP_NET_ADMIN
    tunnel_device: bool = True  # Linux: /dev/net/tun can be opened


@dataclass(frozen=True, slots=True)
class Way:
    """Who runs Nebula, why, and what to do when nobody can."""

    kind: WayKind
    text: str


def choose_way(rights: Rights) -> Way:
    """Prefer what needs no other program; a program without rights asks the helper first."""
    if rights.helper and not rights.administrator:
        return Way("helper", "The helper service runs Nebula.")
    if rights.administrator or rights.binary_may:
        if not rights.tunnel_device:
            return Way("none", "There is no usable /dev/net/tun here. A container needs --device /dev/net/tun.")
        if rights.administrator:
            return Way("self", "This program has the rights to run Nebula itself.")
        return Way("self", "The Nebula program has the right to open a network itself (setcap).")
    if rights.helper:
        return Way("helper", "The helper service runs Nebula.")
    return Way("none", HINTS[rights.system])


HINTS: Mapping[System, str] = {
    "linux": "To have one, an administrator installs the helper service (installers/linux/README.md). Where"
    " there is no systemd: start this program as root; or give Nebula the right, as root, with: setcap"
    " cap_net_admin+ep $(which nebula).",
    "windows": "To have one, an administrator installs the helper service for this user"
    " (installers/windows/README.md).",
    "macos": "To have one, an administrator installs the helper daemon for this user (installers/macos/README.md).",
    "other": "This system is not one that the private network runs on.",
}
