"""Says how a tunnel is and what to do, in words for a volunteer. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from node.state import TunnelKind, TunnelPhase, TunnelStatus
from node.tunnel.cloudflared.lines import Trouble, TroubleKind

OWN_TUNNEL = "A tunnel of your own, with TUNNEL_TOKEN or CLOUDFLARE_API_TOKEN, has no such limit."
PORT = "Ask for outgoing port 7844 (TCP and UDP) where you are; at home, look at the router's firewall."
KINDS: Mapping[TunnelKind, str] = {
    "none": "No tunnel",
    "own": "Your own address",
    "token": "The tunnel of your token",
    "managed": "The tunnel in your Cloudflare account",
    "quick": "A quick tunnel",
}
TROUBLES: Mapping[TroubleKind, tuple[TunnelPhase, str, str]] = {
    "token": (
        "refused",
        "Cloudflare does not accept the tunnel's token.",
        "Copy the token anew from the tunnel's page in Cloudflare's dashboard into TUNNEL_TOKEN.",
    ),
    "rate-limited": (
        "rate-limited",
        "Cloudflare gives your internet address no more quick tunnels for now (status 429).",
        OWN_TUNNEL,
    ),
    "no-dns": ("failed", "Cloudflare's name cannot be looked up.", "Check the internet connection and its DNS."),
    "service": ("failed", "Cloudflare's service for quick tunnels gives none now.", OWN_TUNNEL),
    "blocked": ("failed", "Cloudflare's network cannot be reached on port 7844.", PORT),
    "quic": ("failed", "UDP to Cloudflare's port 7844 is blocked.", f"It is tried with TCP next. {PORT}"),
    "other": (
        "failed",
        "cloudflared ended.",
        "Look into the node's log, with --log-level debug.",
    ),
}


# Where our sentence says all of it: what cloudflared prints then is for its programmers (--log-level debug has it).
CLEAR: frozenset[TroubleKind] = frozenset({"token", "rate-limited", "no-dns"})


@dataclass(frozen=True, slots=True)
class Ending:
    """Why a tunnel does not carry: its phase, and what a person shall read; `wait` is seconds that we were told."""

    phase: TunnelPhase
    text: str
    hint: str = ""
    kind: TroubleKind = "other"
    wait: float = 0.0


def ending_of(trouble: Trouble | None) -> Ending:
    """Tell of what cloudflared complained about last."""
    if trouble is None:
        return Ending("failed", "cloudflared ended and did not say why.", TROUBLES["other"][2])
    phase, text, hint = TROUBLES[trouble.kind]
    quoted = "" if trouble.kind in CLEAR else f" It says: {trouble.text}"
    return Ending(phase, f"{text}{quoted}", hint, trouble.kind)


def phase_of_refusal(*, is_limit: bool, is_refusal: bool) -> TunnelPhase:
    """Return the phase after the API said no, or nothing."""
    return "rate-limited" if is_limit else "refused" if is_refusal else "failed"


def off(text: str = "") -> TunnelStatus:
    return TunnelStatus(text=text or "Not wanted: nobody asked for one.")


def starting(kind: TunnelKind) -> TunnelStatus:
    return TunnelStatus(kind=kind, state="starting", text=f"{KINDS[kind]} is being opened.")


def fetching(kind: TunnelKind, version: str) -> TunnelStatus:
    return TunnelStatus(kind=kind, state="starting", text=f"cloudflared {version} is being fetched, some 40 MB.")


def up(kind: TunnelKind, url: str, protocol: str = "") -> TunnelStatus:
    by = f" It is carried over {'TCP' if protocol == 'http2' else 'UDP'} ({protocol})." if protocol else ""
    more = " It is for trying out: Cloudflare promises nothing, and takes 200 requests at once."
    text = f"{KINDS[kind]} leads here.{by}{more if kind == 'quick' else ''}"
    return TunnelStatus(kind=kind, state="up", url=url, text=text)


def nameless(kind: TunnelKind, origin: str) -> TunnelStatus:
    return TunnelStatus(
        kind=kind,
        state="down",
        text=f"{KINDS[kind]} is open, but no public name of it leads to {origin}.",
        hint=f"Add a public hostname with the service {origin} to the tunnel in Cloudflare's dashboard, or give its"
        " address as TUNNEL_URL.",
    )


def interrupted(kind: TunnelKind) -> TunnelStatus:
    return TunnelStatus(
        kind=kind,
        state="down",
        text=f"{KINDS[kind]} has lost its connection to Cloudflare.",
        hint="It connects again by itself; other ways to this machine are not touched by that.",
    )


def unreached(url: str, why: str, kind: TunnelKind = "own") -> TunnelStatus:
    return TunnelStatus(
        kind=kind,
        state="down",
        text=f"{url} does not lead to this machine. {why}",
        hint="Look whether the tunnel runs, and leads to this node's port. It is looked for again by itself.",
    )


def ended(kind: TunnelKind, ending: Ending, pause: float) -> TunnelStatus:
    again = f" It is tried again in {duration(pause)}; other ways to this machine are not touched by that."
    return TunnelStatus(
        kind=kind, state=ending.phase, text=ending.text.rstrip(". ") + "." + again, hint=ending.hint
    )


def duration(seconds: float) -> str:
    """Say roughly how long something is."""
    if seconds < 90:
        return f"{max(1, round(seconds))} s"
    return f"{round(seconds / 60)} minutes" if seconds < 5400 else f"{seconds / 3600:.0f} hours"
