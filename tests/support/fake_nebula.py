"""A stand-in for the program `nebula`, for what the real one does only by bad luck: hang, or keep its old settings.

What it shall do stands in the file `behaviour` beside it, and is read anew each time.
"""

from __future__ import annotations

import stat
import sys
from pathlib import Path

from node.vpn.binary import NebulaBinary

PROGRAM = """#!{python}
import json, os, pathlib, signal, sys, time
here = pathlib.Path(__file__).parent

def behaviour():
    return (here / "behaviour").read_text().strip()

def say(**line):
    print(json.dumps(line, separators=(",", ":")), flush=True)

if sys.argv[1:] == ["-version"]:
    print("Version: " + (here / "version").read_text().strip())
    sys.exit(0)
path = pathlib.Path(sys.argv[2])
config = json.loads(path.read_text())
with (here / "starts").open("a") as starts:
    starts.write(json.dumps(config) + "\\n")
fails = {{
    "port-taken": ("Failed to open udp listener", "unable to bind to socket: address already in use"),
    "permission": ("Failed to get a tun/tap device", "operation not permitted"),
    "busy": ("Failed to get a tun/tap device", "device or resource busy"),
    "expired": ("Failed to load certificate from config", "nebula certificate for this host is expired"),
}}
if behaviour() in fails:
    msg, error = fails[behaviour()]
    say(level="error", msg=msg, error=error)
    sys.exit(1)
if behaviour() == "panics":
    print("panic: runtime error: something is nil", flush=True)
    sys.exit(2)

def fingerprint():
    sys.path.insert(0, {root!r})
    from node.wire.nebula_pem import read_certificate
    return read_certificate(pathlib.Path(json.loads(path.read_text())["pki"]["cert"]).read_text()).fingerprint

def hang_up(*_):
    say(level="info", msg="Caught HUP, reloading config")
    if behaviour() == "hangs":
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        return
    if behaviour() == "keeps":
        say(level="error", msg="Could not refresh client cert", error="no such file")
        return
    blocked = json.loads(path.read_text())["pki"]["blocklist"]
    for one in blocked if behaviour() != "forgets" else []:
        say(level="info", msg="Blocklisting cert", fingerprint=one)
    say(level="info", msg="Client cert refreshed from disk", cert={{"fingerprint": fingerprint()}})

fingerprint()
signal.signal(signal.SIGHUP, hang_up)
signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
say(level="info", msg="Nebula interface is active", build="1.6.1", interface=config["tun"]["dev"],
    udpAddr={{"ip": "0.0.0.0", "port": config["listen"]["port"]}})
while behaviour() != "complains":
    time.sleep(0.05)
say(level="error", msg="Failed unmarshal handshake message", error="strange packet")
sys.exit(2)
"""


class FakeNebula:
    """The program in a folder, and what it did."""

    def __init__(self, folder: Path, version: str = "1.6.1") -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.path = folder / "nebula"
        self.version = version
        self._starts = folder / "starts"
        self._behaviour = folder / "behaviour"
        (folder / "version").write_text(version)
        self.will("work")
        root = str(Path(__file__).parents[2])
        self.path.write_text(PROGRAM.format(python=sys.executable, root=root))
        self.path.chmod(self.path.stat().st_mode | stat.S_IXUSR)

    @property
    def binary(self) -> NebulaBinary:
        return NebulaBinary(self.path, self.version)

    @property
    def starts(self) -> int:
        return len(self._starts.read_text().splitlines()) if self._starts.exists() else 0

    def will(self, behaviour: str) -> None:
        """Do this from now on: work, hangs, keeps, forgets, panics, complains, or fail to start.

        It fails with port-taken, permission, busy or expired.
        """
        self._behaviour.write_text(behaviour)
