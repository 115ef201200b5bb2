"""Looks at this computer for the overlay: networks, rights, Nebula, and who could run it."""

from __future__ import annotations

import contextlib
import hashlib
import os
import random
import socket
import sys
from collections.abc import Callable, Iterator
from ipaddress import IPv4Network
from pathlib import Path
from typing import Protocol

import psutil

from node.program.errors import UserFacingError
from node.vpn.binary import NebulaBinary, find_binary
from node.vpn.engine import Engine, LocalEngine
from node.vpn.events import MachineChecked, Told
from node.vpn.helper.connecting import is_there, usual_place
from node.vpn.overlap import OUR_DEVICES, LocalNetwork, overlaps, read_routes
from node.vpn.ways import Rights, System, Way, choose_way

TUN = Path("/dev/net/tun")
ROUTES = Path("/proc/net/route")
STATUS = Path("/proc/self/status")
NET_ADMIN = 12  # CAP_NET_ADMIN's bit (linux/capability.h)
HELPER_SOCKET = usual_place(sys.platform)  # on Windows a pipe
HELPER_DEVICE = f"{OUR_DEVICES}-mesh0"
FAR_AWAY = ("192.0.2.1", 9)  # TEST-NET-1 (RFC 5737): nothing is sent there


class Computer(Protocol):
    """What the manager needs to know of the machine that it runs on; tests have their own."""

    def check(self, network: IPv4Network) -> MachineChecked:
        """Say whether Nebula may run and the network is free. Blocks."""
        ...

    def outlook(self) -> str:
        """Say by which address and gateway this machine sees the internet; empty without one."""
        ...

    def engine(self, on_told: Callable[[Told], None]) -> Engine:
        """Return what runs Nebula here; asked after a check that found nothing against it."""
        ...


class ThisComputer:
    """The real one. `folder` is the overlay's own, inside the data directory; `nebula` names a program to use."""

    def __init__(self, folder: Path, *, nebula: str = "", helper: Path = HELPER_SOCKET) -> None:
        self._folder = folder
        self._nebula = nebula
        self._helper = helper
        self._way = Way("none", "")
        self._binary: NebulaBinary | None = None

    @property
    def device(self) -> str:
        return HELPER_DEVICE if self._way.kind == "helper" else device_name(self._folder)

    def check(self, network: IPv4Network) -> MachineChecked:
        lacking = ""
        try:
            self._binary = find_binary(self._nebula, known=self._binary)
        except UserFacingError as error:
            self._binary, lacking = None, str(error)
        self._way = choose_way(rights(self._helper, self._binary))
        if self._way.kind == "helper":
            lacking = ""  # it has a Nebula of its own
        return MachineChecked(
            permitted=self._way.kind != "none",
            text=self._way.text,
            lacking=lacking,
            overlaps=overlaps(network, other_networks(), self.device),
            network=outlook(),
            jitter=random.random(),  # noqa: S311  # spreads retries
        )

    def outlook(self) -> str:
        return outlook()

    def engine(self, on_told: Callable[[Told], None]) -> Engine:
        if self._way.kind == "helper":
            from node.vpn.helper.client import HelperEngine

            return HelperEngine(self._helper, on_told)
        assert self._binary is not None
        return LocalEngine(self._binary, self._folder, self.device, on_told)


def other_networks() -> Iterator[LocalNetwork]:
    """Yield the networks to compare ours with; on macOS our own device has no name of ours, so none of its kind."""
    named = system_name() != "macos"
    return (one for one in local_networks() if named or not one.device.startswith("utun"))


def device_name(folder: Path) -> str:
    """Name the device after the folder, so that two nodes have two; macOS numbers its devices itself."""
    if system_name() == "macos":
        return ""
    return OUR_DEVICES + hashlib.sha256(str(folder.resolve()).encode("utf-8", "surrogateescape")).hexdigest()[:8]


def local_networks() -> Iterator[LocalNetwork]:
    """Yield the IPv4 networks of all interfaces, and on Linux of all routes."""
    for device, addresses in psutil.net_if_addrs().items():
        for each in addresses:
            if each.family == socket.AF_INET and each.netmask:
                yield LocalNetwork(device, IPv4Network((each.address, each.netmask), strict=False))
    if ROUTES.exists():
        yield from read_routes(ROUTES.read_text("ascii", "replace"))


def outlook() -> str:
    """Return address and gateway of the default route, or nothing: with them, the way of our packets changes."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asking:
        try:
            asking.connect(FAR_AWAY)
            address: str = asking.getsockname()[0]
        except OSError:
            return ""
    return f"{address} via {_gateway()}"


def _gateway() -> str:
    if not ROUTES.exists():
        return ""
    rows = [line.split() for line in ROUTES.read_text("ascii", "replace").splitlines()[1:]]
    return next((f"{row[2]} {row[0]}" for row in rows if len(row) > 7 and row[1] == row[7] == "00000000"), "")


def rights(helper: Path, binary: NebulaBinary | None) -> Rights:
    system = system_name()
    return Rights(
        system=system,
        helper=is_there(helper),
        administrator=_net_admin() if system == "linux" else is_administrator(),
        binary_may=binary is not None and system == "linux" and _has_capability(binary.path),
        tunnel_device=system != "linux" or _can_open(TUN),
    )


def is_administrator() -> bool:
    """Say whether this program has all rights: root's, or an administrator's where those are switched on."""
    if sys.platform == "win32":
        from node.vpn.helper import windows_pipe

        return windows_pipe.is_administrator()
    else:  # noqa: RET505  # the type checker looks at one of both
        return os.geteuid() == 0


def system_name() -> System:
    names: dict[str, System] = {"linux": "linux", "win32": "windows", "darwin": "macos"}
    return names.get(sys.platform, "other")


def _net_admin() -> bool:
    for line in STATUS.read_text("ascii", "replace").splitlines():
        name, _, value = line.partition(":")
        if name == "CapEff":
            return bool(int(value, 16) >> NET_ADMIN & 1)
    return False


def _has_capability(path: Path) -> bool:
    """Read the file's capabilities (struct vfs_cap_data: a magic number, then the permitted bits)."""
    data = b""
    if sys.platform == "linux":
        with contextlib.suppress(OSError):
            data = os.getxattr(path, "security.capability")
    return bool(int.from_bytes(data[4:8], "little") >> NET_ADMIN & 1)


def _can_open(path: Path) -> bool:
    try:
        os.close(os.open(path, os.O_RDWR))
    except OSError:
        return False
    return True
