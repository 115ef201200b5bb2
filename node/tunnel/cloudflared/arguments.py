"""How cloudflared is started: no secret in its arguments, and nothing of the volunteer's own cloudflared.

It reads `TUNNEL_...` variables and `~/.cloudflared/config.yml` by itself. `TUNNEL_URL` is to it what to forward
to, and a file of the volunteer's would add tunnels of his: so it gets neither, but a file of ours, which also
tells its process from all others.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from pathlib import Path

KEEPS_IDLE = 90.0  # seconds for which it keeps a connection to us for the next request
GRACE = 5  # seconds for requests in flight when it is told to end
CONFIG = "# Of rma-mesh: keeps cloudflared from reading any other file.\nno-autoupdate: true\n"
PASSED_ON = (
    "HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy", "NO_PROXY", "no_proxy",
    "SSL_CERT_FILE", "SSL_CERT_DIR",
)  # fmt: skip


def command_of(program: Path, config: Path, origin: str, *, named: bool, protocol: str = "auto") -> tuple[str, ...]:
    """Return the arguments for a tunnel to `origin`: a quick one, or the one that the token names."""
    return (
        str(program), "tunnel", "--config", str(config), "--no-autoupdate", "--loglevel", "info",
        "--metrics", "127.0.0.1:0", "--grace-period", f"{GRACE}s", "--protocol", protocol, "--url", origin,
        *(("run",) if named else ()),
    )  # fmt: skip


def environment_of(folder: Path, token: str = "") -> Mapping[str, str]:
    """Return what its environment has besides PATH; the token is there because arguments can be read by all."""
    home = "USERPROFILE" if sys.platform == "win32" else "HOME"
    passed = {name: os.environ[name] for name in PASSED_ON if name in os.environ}
    # An argument for this would stop older versions; they do not know the variable, and start.
    return {**passed, home: str(folder), "TUNNEL_NO_PRECHECKS": "true"} | ({"TUNNEL_TOKEN": token} if token else {})
