"""What differs between systems: the program's name, where installers put it, and the release that is pinned.

Only what is for Linux on x86-64 has been looked at on a machine of its kind; Windows and macOS were never run.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from node.program.download import Pin
from node.program.errors import UserFacingError

VERSION = "2026.9.3"
RELEASE = f"https://github.com/cloudflare/cloudflared/releases/download/{VERSION}"
PROGRAM = "cloudflared"


def name_on(system: str) -> str:
    return "cloudflared.exe" if system.lower() == "windows" else "cloudflared"


def usual_places(system: str) -> tuple[Path, ...]:
    """Return where the program's own installers put it, which a tray app's PATH may not name."""
    if system.lower() == "windows":
        return (
            Path(r"C:\Program Files (x86)\cloudflared\cloudflared.exe"),
            Path(r"C:\Program Files\cloudflared\cloudflared.exe"),
        )
    if system.lower() == "darwin":
        return (Path("/opt/homebrew/bin/cloudflared"), Path("/usr/local/bin/cloudflared"))
    return (Path("/usr/local/bin/cloudflared"), Path("/usr/bin/cloudflared"))


def _plain(asset: str, sha256: str, system: str = "") -> Pin:
    return Pin(VERSION, f"{RELEASE}/{asset}", sha256, (name_on(system),), PROGRAM, plain=True)


def _archive(asset: str, sha256: str) -> Pin:
    return Pin(VERSION, f"{RELEASE}/{asset}", sha256, ("cloudflared",), PROGRAM)


# System and machine, in lower case as `platform` names them -> the release. Each sum is recorded by at least
# seven public repositories with downloads of their own, among them microsoft/winget-pkgs for Windows, and several
# of them give it as GitHub's digest of the asset. The sums in the release's notes are the same but for macOS,
# where they are those of the program before Apple's notarization, which no download has.
LINUX_X86 = _plain("cloudflared-linux-amd64", "77e26d8d900e0b8469f416239d14b5f296525fdf79fee6f511ef55609e3fbac2")
LINUX_ARM = _plain("cloudflared-linux-arm64", "aaeb2d7d0da3614634c7e03ab13487a1522c2e79165ed2929cfe23d5e95b326d")
WINDOWS = _plain(
    "cloudflared-windows-amd64.exe", "f096265ec2fcbe9bb6e2d64268db167ced3fcbb83d894bdb9e2fcdb26f2ea7e2", "windows"
)
PINS: Mapping[tuple[str, str], Pin] = {
    ("linux", "x86_64"): LINUX_X86,
    ("linux", "aarch64"): LINUX_ARM,
    ("windows", "amd64"): WINDOWS,
    ("darwin", "x86_64"): _archive(
        "cloudflared-darwin-amd64.tgz", "d1155d0837487f261183b15c1eab6c4ebcad9dc49b94675f1524c3564cea3977"
    ),
    ("darwin", "arm64"): _archive(
        "cloudflared-darwin-arm64.tgz", "587c2cfb1c230fe36c7fa7727da78be459dae028cabe8c001291999350f07095"
    ),
}


def pin_for(system: str, machine: str) -> Pin:
    """Return the pinned release for a platform; raise UserFacingError where there is none."""
    pin = PINS.get((system.lower(), machine.lower()))
    if pin is None:
        raise UserFacingError(
            f"No cloudflared is pinned for {system} on {machine}.",
            "So it cannot be fetched.",
            "Install cloudflared from Cloudflare, or name it with --cloudflared.",
        )
    return pin
