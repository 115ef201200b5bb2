"""Says which names and addresses are this machine's own, and nobody else's."""

from __future__ import annotations

import ipaddress


def is_this_machine(host: str) -> bool:
    """Tell whether a host is a loopback name or address, which leads to another machine wherever it is said."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host.removesuffix(".").lower() == "localhost"
