"""Says which kind of tunnel the settings ask for. Pure.

Nothing but an explicit word starts cloudflared: CLOUDFLARE_API_TOKEN and TUNNEL_TOKEN are names that other programs
use as well, and a second connector on somebody's tunnel would take half of its visitors away.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from node.state import TunnelKind

HOSTNAME = re.compile(r"(?=.{4,253}\Z)(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z][a-z0-9-]{1,62}")
UNUSED = (
    "TUNNEL_TOKEN or CLOUDFLARE_API_TOKEN is set, but no tunnel is opened with it unless the node is started with "
    "--tunnel cloudflared."
)


@dataclass(frozen=True, slots=True)
class Wish:
    """What was asked for. Secrets are not shown when it is printed."""

    kind: TunnelKind = "none"
    url: str = ""  # as the volunteer told it
    token: str = field(default="", repr=False)  # of a tunnel that was made elsewhere
    api_token: str = field(default="", repr=False)
    account_id: str = ""
    hostname: str = ""  # wished for a managed tunnel
    text: str = ""  # why none is opened, where that may surprise

    @property
    def secrets(self) -> tuple[str, ...]:
        return tuple(secret for secret in (self.token, self.api_token) if secret)


def wish_of(
    *,
    tunnel: str,
    use_tunnel: bool | None = None,
    url: str = "",
    token: str = "",
    api_token: str = "",
    account_id: str = "",
    hostname: str = "",
) -> Wish:
    """Return what to open: `tunnel` is auto, relay, cloudflared or off, and USE_TUNNEL its older name."""
    if tunnel in ("off", "relay") or use_tunnel is False:
        return Wish()
    if tunnel != "cloudflared" and not use_tunnel:
        if url:
            return Wish("own", url=url)
        return Wish(text=UNUSED if token or api_token else "")
    if token:
        return Wish("token", url=url, token=token)
    if api_token:
        return Wish("managed", url=url, api_token=api_token, account_id=account_id, hostname=hostname)
    return Wish("own", url=url) if url else Wish("quick")
