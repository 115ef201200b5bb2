"""Reads what cloudflared says on its output, of 2021 to 2026. Pure.

A line is a time, a level and a sentence with `name=value` pairs behind it; the last one before it gives up may be
the bare text of an error. Lines about single requests carry visitors' paths, and are never looked at.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from node.program.plain_text import plain

TroubleKind = Literal["token", "rate-limited", "no-dns", "service", "blocked", "quic", "other"]
LONGEST = 240  # characters of a line that people are shown

# In the order of how much they explain: of several troubles of one run the first in this list is told.
TROUBLES: tuple[tuple[TroubleKind, tuple[str, ...]], ...] = (
    (
        "token",
        (
            "Provided Tunnel token is not valid",
            "Unauthorized: Invalid tunnel secret",
            "Unauthorized: Failed to get tunnel",
            "Unauthorized: Account doesn't have tunnel",
            "Unauthorized: Tunnel not found",
        ),
    ),
    ("rate-limited", ("429 Too Many Requests", "failed with status 429", "error code: 1015")),
    ("no-dns", ("no such host", "server misbehaving", "Temporary failure in name resolution")),
    (
        "service",
        (
            "Error unmarshaling QuickTunnel response",
            "failed to unmarshal quick Tunnel",
            "failed to parse quick Tunnel ID",
            "failed to request quick Tunnel",
            "failed to read quick-tunnel response",
            "quick tunnel provisioning failed",
        ),
    ),
    ("blocked", ("DialContext error", "Unable to establish connection with Cloudflare edge")),
    (
        "quic",
        (
            "Failed to dial a quic connection",
            "Failed to create new quic connection",
            "failed to dial to edge with quic",
        ),
    ),
)
RANKS = {kind: rank for rank, (kind, _) in enumerate(TROUBLES)} | {"other": len(TROUBLES)}
WANTED = tuple(
    sentence.encode()
    for sentence in (
        "Starting metrics server on ",
        ".trycloudflare.com",
        "Registered tunnel connection",
        " registered connIndex=",
        *(sentence for _, sentences in TROUBLES for sentence in sentences),
    )
)
OF_REQUESTS = (b"originService=", b"ingressRule=", b" dest=")
LEVELLED = re.compile(r"\d{4}-\d\d-\d\dT[\d:.]+Z? (DBG|INF|WRN|ERR|FTL|PNC) ")
METRICS = re.compile(r"Starting metrics server on ((?:127\.0\.0\.1|\[::1\]):\d{1,5})/metrics")
QUICK_URL = re.compile(r"\|\s+(https://(?!api\.)[a-z0-9-]{1,63}\.trycloudflare\.com)\s+\|")
CONNECTED = re.compile(r"Registered tunnel connection|Connection [0-9a-f-]{36} registered")
PROTOCOL = re.compile(r"\bprotocol=([a-z0-9]{1,10})")


@dataclass(frozen=True, slots=True)
class MetricsAt:
    """Its own endpoint listens there, as HOST:PORT."""

    address: str


@dataclass(frozen=True, slots=True)
class QuickUrl:
    """A quick tunnel got this address."""

    url: str


@dataclass(frozen=True, slots=True)
class Connected:
    """It has reached Cloudflare's network."""

    protocol: str = ""


@dataclass(frozen=True, slots=True)
class Trouble:
    """Something is wrong; the text is cloudflared's own, cut."""

    kind: TroubleKind
    text: str

    def or_worse(self, other: Trouble | None) -> Trouble:
        """Return whichever of two explains more."""
        return other if other is not None and RANKS[other.kind] < RANKS[self.kind] else self


Told = MetricsAt | QuickUrl | Connected | Trouble


def is_wanted(line: bytes) -> bool:
    """Tell, quickly, whether a line may mean something to us."""
    if any(part in line for part in OF_REQUESTS):
        return False
    return b" ERR " in line or b" FTL " in line or line[:2] != b"20" or any(part in line for part in WANTED)


def read_line(line: bytes, secrets: tuple[str, ...] = ()) -> Told | None:
    """Return what a line tells, without the secrets in it; None for one that tells nothing."""
    text = plain(line.decode("utf-8", "replace")).strip()
    if found := METRICS.search(text):
        return MetricsAt(found[1])
    if found := QUICK_URL.search(text):
        return QuickUrl(found[1])
    if CONNECTED.search(text):
        protocol = PROTOCOL.search(text)
        return Connected(protocol[1] if protocol else "")
    return _trouble(text, secrets)


def _trouble(text: str, secrets: tuple[str, ...]) -> Trouble | None:
    levelled = LEVELLED.match(text)
    said = without(text[levelled.end() :] if levelled else text, secrets)  # before it is cut, maybe within one
    for kind, sentences in TROUBLES:
        if any(sentence in text for sentence in sentences) and not (kind == "blocked" and "quic" in text):
            return Trouble(kind, said[:LONGEST])
    is_error = levelled is None or levelled[1] in ("ERR", "FTL", "PNC")
    return Trouble("other", said[:LONGEST]) if is_error and said else None


def without(text: str, secrets: tuple[str, ...]) -> str:
    """Return a text in which no secret stands."""
    for secret in secrets:
        text = text.replace(secret, "*****")
    return text
