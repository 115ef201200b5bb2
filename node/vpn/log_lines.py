"""Nebula's log, one line of JSON at a time, as events. Pure, and the only place that knows Nebula's sentences.

What was seen with 1.6.1: both ends log every handshake. The one that asked logs stage 2 with the peer's address, or
with none when the answer came through a relay; the one that was asked logs its answer with `relay` in that case. An
answer that it repeats is `cached` and says nothing new.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from ipaddress import IPv4Address
from typing import Any

from node.vpn.events import (
    CertificateLoaded,
    ExitKind,
    FingerprintBlocked,
    InterfaceCameUp,
    PeerMoved,
    ReloadFailed,
    StartFailed,
    Told,
    TunnelLost,
    TunnelMade,
)

MAX_TEXT = 300  # characters of an error that are passed on
Line = Mapping[str, Any]

# What Nebula says when it cannot start -> part of its error -> why.
START_ERRORS: Mapping[str, tuple[tuple[str, ExitKind], ...]] = {
    "Failed to open udp listener": (("address already in use", "port-taken"), ("permission denied", "permission")),
    "Failed to get a tun/tap device": (
        ("permission denied", "permission"),
        ("not permitted", "permission"),
        ("busy", "device-busy"),
        ("no such file", "permission"),  # no /dev/net/tun, as in most containers
        ("no such device", "permission"),
    ),
    "Failed to load certificate from config": (("is expired", "expired"),),
}
# It goes on with the system's own buffer, as where this program is root in a container only.
HARMLESS = frozenset({"Failed to set listen.read_buffer"})
RELOAD_ERRORS = frozenset(
    {"Error occurred while reloading config", "Could not refresh client cert", "Failed to load ca from config"}
)


def says_up(line: bytes) -> bool:
    """Say whether with this line Nebula has come up."""
    return b'"msg":"Nebula interface is active"' in line


def is_noise(line: bytes) -> bool:
    """Say whether a line of a Nebula that has come up is a mere complaint: it makes one of every strange packet."""
    return b'"level":"error"' in line and not any(sentence in line for sentence in SENTENCES)


def read_line(line: bytes) -> Told | None:
    """Return what a line of the log means, or None where it means nothing to us."""
    try:
        found = json.loads(line)
        reader = READERS.get(found["msg"]) if isinstance(found, dict) else None
        if reader is not None:
            return reader(found)
        failed = found["level"] in ("error", "fatal", "panic") and found["msg"] not in HARMLESS
        return _error(found) if failed else None
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return None


def _error(line: Line) -> Told:
    text = _text(line)
    if line["msg"] in RELOAD_ERRORS and line["msg"] not in START_ERRORS:
        return ReloadFailed(text)
    for part, kind in START_ERRORS.get(line["msg"], ()):
        if part in str(line.get("error", "")):
            return StartFailed(kind, text)
    return StartFailed("refused", text)


def _text(line: Line) -> str:
    error = line.get("error", "")
    return (f"{line['msg']}: {error}" if error else str(line["msg"]))[:MAX_TEXT]


def _came_up(line: Line) -> Told:
    return InterfaceCameUp(str(line["interface"]), int(line["udpAddr"]["port"]), str(line.get("build", "")))


def _received(line: Line) -> Told | None:
    if line["handshake"]["stage"] != 2:
        return None
    return TunnelMade(IPv4Address(line["vpnIp"]), _address(line.get("udpAddr")))


def _sent(line: Line) -> Told | None:
    if line["handshake"]["stage"] != 2 or line.get("cached"):
        return None
    return TunnelMade(IPv4Address(line["vpnIp"]), None if "relay" in line else _address(line.get("udpAddr")))


def _roamed(line: Line) -> Told | None:
    address = _address(line.get("newAddr"))
    return None if address is None else PeerMoved(IPv4Address(line["vpnIp"]), address)


def _status(line: Line) -> Told | None:
    return TunnelLost(IPv4Address(line["vpnIp"])) if line["tunnelCheck"]["state"] == "dead" else None


def _lost(line: Line) -> Told:
    return TunnelLost(IPv4Address(line["vpnIp"]))


def _address(value: Any) -> str | None:
    """Read {"ip", "port"} of 1.6 or the text of later versions."""
    if isinstance(value, dict):
        return f"{value['ip']}:{value['port']}"
    return value if isinstance(value, str) and value and not value.startswith("invalid") else None


READERS: Mapping[str, Callable[[Line], Told | None]] = {
    "Nebula interface is active": _came_up,
    "Handshake message received": _received,
    "Handshake message sent": _sent,
    "Host roamed to new udp ip/port.": _roamed,
    "Tunnel status": _status,
    "Close tunnel received, tearing down.": _lost,
    "Remote certificate is no longer valid, tearing down the tunnel": _lost,
    "Blocklisting cert": lambda line: FingerprintBlocked(str(line["fingerprint"])),
    "Client cert refreshed from disk": lambda line: CertificateLoaded(_fingerprint(line["cert"])),
}
SENTENCES = tuple(sentence.encode() for sentence in sorted({*READERS, *RELOAD_ERRORS}))  # that mean something


def _fingerprint(cert: Any) -> str:
    """Read an object, or its JSON as text, which is how a later version may log it."""
    found = json.loads(cert) if isinstance(cert, str) else cert
    return str(found["fingerprint"])
