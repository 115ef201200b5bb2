"""Nebula's configuration out of checked values, as JSON, which is valid YAML. Pure; nothing else writes one.

Only 1.6.1 was run with exactly this file. 1.9.3 was run with the same options in another file, and the releases
between them document the same options; all of them read certificates of version 1. Others may read an option in
another way, so they are refused.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from ipaddress import IPv4Network
from pathlib import Path
from typing import Any

from node.vpn.settings import Plan
from node.wire.nebula_pem import read_certificate

KNOWN = ((1, 6), (1, 7), (1, 8), (1, 9))
WORKERS_AND_COORDINATORS = ("coordinator", "worker")
# Bytes. Systems give a tenth of it or less, and what comes while Nebula waits for a core is lost: bench/mesh.py
# carried a third more with it, for a quarter less work. What is sent has no such buffer: slow lines would be late.
READ_BUFFER = 2 << 20

# No other machine is there, whatever a member tells lighthouses of itself: others would send their handshakes to
# programs of their own machine, to a cloud's own services, or to everybody. Private networks are allowed: those
# who are in one are to find one another there.
NOWHERE = tuple(
    IPv4Network(network) for network in ("0.0.0.0/8", "127.0.0.0/8", "169.254.0.0/16", "224.0.0.0/4", "240.0.0.0/4")
)

Version = tuple[int, ...]


class UnknownVersionError(ValueError):
    """A Nebula that we have not tried."""

    def __init__(self, version: str) -> None:
        known = ", ".join(f"{major}.{minor}" for major, minor in KNOWN)
        super().__init__(f"Nebula {version} is not one of the versions that this program knows ({known}).")
        self.version = version


@dataclass(frozen=True, slots=True)
class Files:
    """Where the pieces are that Nebula reads from files."""

    ca: Path
    certificate: Path
    key: Path


def check_version(version: str) -> Version:
    """Return the numbers of a version that we know; raise UnknownVersionError."""
    parts = version.split("-", maxsplit=1)[0].split(".")
    if not 2 <= len(parts) <= 3 or not all(part.isascii() and part.isdigit() and len(part) < 4 for part in parts):
        raise UnknownVersionError(version)
    numbers = tuple(int(part) for part in parts)
    if numbers[:2] not in KNOWN:
        raise UnknownVersionError(version)
    return numbers


def configuration(plan: Plan, files: Files, device: str, version: str) -> str:
    """Return the text of the configuration file for a version of Nebula."""
    check_version(version)
    return json.dumps(_document(plan, files, device), indent=1, sort_keys=True)


def _document(plan: Plan, files: Files, device: str) -> Mapping[str, Any]:
    lighthouse = plan.role == "lighthouse"
    return {
        "pki": {
            "ca": str(files.ca),
            "cert": str(files.certificate),
            "key": str(files.key),
            "blocklist": list(plan.blocklist),
            "disconnect_invalid": True,  # else blocklists and expiry leave live tunnels alone
        },
        "static_host_map": {
            str(one.ip): [f"{at.ip}:{at.port}" for at in one.addresses] for one in plan.lighthouses if one.addresses
        },
        "lighthouse": {
            "am_lighthouse": lighthouse,
            "interval": 10,  # seconds
            "hosts": [] if lighthouse else [str(one.ip) for one in plan.lighthouses if one.addresses],
            "remote_allow_list": {str(network): False for network in (*NOWHERE, _overlay(plan))},
        },
        "listen": {
            "host": "0.0.0.0",  # noqa: S104  # peers come from anywhere
            "port": plan.listen_port,
            "read_buffer": READ_BUFFER,
        },
        "cipher": plan.cipher,
        # With the usual delay of a second, pairs that could be direct stay on the relay.
        "punchy": {"punch": True, "respond": True, "delay": "10ms", "target_all_remotes": True},
        "relay": {"am_relay": lighthouse, "use_relays": True, **_relays(plan)},
        "tun": {
            **({"dev": device} if device else {}),  # without a name the system gives one
            "mtu": plan.mtu,
            "drop_local_broadcast": True,
            "drop_multicast": True,
        },
        # Tunnels in use are looked at after the first, and once more after the second when nothing came: as late as
        # that, one with a blocked or expired certificate is cut. Usual are 5 and 10.
        "timers": {"connection_alive_interval": 2, "pending_deletion_interval": 5},  # seconds
        "logging": {"level": "info", "format": "json"},
        "firewall": {
            "outbound": [{"port": "any", "proto": "any", "host": "any"}],
            "inbound": [
                {"port": "any", "proto": "icmp", "host": "any"},
                *_open("tcp", plan.service_port),
                *_open("udp", plan.dht_port),
            ],
        },
    }


def _relays(plan: Plan) -> Mapping[str, list[str]]:
    """Return the relays to use; one that relays may not use others."""
    return {} if plan.role == "lighthouse" else {"relays": [str(ip) for ip in plan.relays]}


def _overlay(plan: Plan) -> IPv4Network:
    return read_certificate(plan.certificate).ips[0].network


def _open(protocol: str, port: int) -> list[dict[str, Any]]:
    return [{"port": port, "proto": protocol, "group": group} for group in WORKERS_AND_COORDINATORS]
