"""Finds local networks that have addresses of ours: packets for one of the two would get lost. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import IPv4Network

OUR_DEVICES = "rma"  # what our devices' names begin with
HINT = "Leave that network, or ask the mesh's operator to choose another one for the mesh."


@dataclass(frozen=True, slots=True)
class LocalNetwork:
    """A network that this computer has an address in, or a route to, and by which device."""

    device: str
    network: IPv4Network


def overlaps(ours: IPv4Network, networks: Iterable[LocalNetwork], own_device: str) -> tuple[str, ...]:
    """Return a sentence for each device whose networks meet ours; the default route does not count."""
    found: dict[str, str] = {}
    for local in networks:
        if local.device == own_device or local.network.prefixlen == 0 or not local.network.overlaps(ours):
            continue
        if local.device.startswith(OUR_DEVICES):
            text = f"Another node of this computer has the network {ours} open already: stop that one first."
        else:
            text = (
                f"The network {local.network} (by {local.device}) uses addresses of the mesh's own, {ours}. {HINT}"
            )
        found.setdefault(local.device, text)
    return tuple(found[device] for device in sorted(found))


def read_routes(table: str) -> Iterable[LocalNetwork]:
    """Read Linux's /proc/net/route: device, destination and mask as hexadecimal numbers, the lowest byte first."""
    for line in table.splitlines()[1:]:
        fields = line.split()
        try:
            device, destination, mask = fields[0], _address(fields[1]), _address(fields[7])
            yield LocalNetwork(device, IPv4Network((destination, mask.bit_count())))
        except (IndexError, ValueError):
            continue


def _address(field: str) -> int:
    return int.from_bytes(bytes.fromhex(field), "little")
