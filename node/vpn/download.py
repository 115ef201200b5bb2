"""The pinned releases of Nebula, for the installers of volunteers; see `node.program.download` for what a pin is.

A pin of a version that the node does not know is refused.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from node.program import download
from node.program.download import Pin, Progress, RoomFor, failed
from node.program.errors import UserFacingError
from node.vpn.configuration import UnknownVersionError, check_version

RELEASE = "https://github.com/slackhq/nebula/releases/download/v1.9.5"
WINTUN = "dist/windows/wintun"  # where Nebula looks for its driver, below its own folder

# System and machine, in lower case as `platform` names them -> the release for bundles. These public repositories
# record the checksums, each after a download of its own:
# - linux: oomer/oomerfarm-flamenco (joinfarm.sh), bensku/container-ops (containerops/nebula.py);
# - windows: oomer/oomerfarm-flamenco, Scoop's main bucket as copied by lzwme/scoop-proxy-cn (bucket/nebula.json).
# For Linux on ARM no record was found and for macOS (nebula-darwin.zip) only one: neither is pinned.
PINS: Mapping[tuple[str, str], Pin] = {
    ("linux", "x86_64"): Pin(
        "1.9.5",
        f"{RELEASE}/nebula-linux-amd64.tar.gz",
        "af57ded8f3370f0486bb24011942924b361d77fa34e3478995b196a5441dbf71",
        ("nebula",),
        "Nebula",
    ),
    ("windows", "amd64"): Pin(
        "1.9.5",
        f"{RELEASE}/nebula-windows-amd64.zip",
        "5a42e4600e8a47db2b103c607d95509c7ae403f56e2952d05089f492e53bcebb",
        ("nebula.exe", f"{WINTUN}/bin/amd64/wintun.dll", f"{WINTUN}/LICENSE.txt"),
        "Nebula",
    ),
}


def pin_for(system: str, machine: str) -> Pin:
    """Return the pin for a platform; raise UserFacingError where there is none."""
    pin = PINS.get((system.lower(), machine.lower()))
    if pin is None:
        hint = "Fill in node/vpn/download.py from the release's own list of checksums, or bundle another Nebula."
        raise UserFacingError(f"No Nebula is pinned for {system} on {machine}.", "Its checksum is not known.", hint)
    return pin


def fetch(
    pin: Pin,
    folder: Path,
    progress: Progress = lambda _done, _all: True,
    room_for: RoomFor = lambda _size: "",
) -> tuple[Path, ...]:
    """Download, check and unpack a Nebula that we know into a folder; return its files. Blocks.

    They lie below the folder as they do in the archive: on Windows Nebula looks for its driver there.
    """
    try:
        check_version(pin.version)
    except UnknownVersionError as error:
        raise failed(pin, str(error), "Pin a version that this program knows.") from None
    return download.fetch(pin, folder, progress, room_for)
