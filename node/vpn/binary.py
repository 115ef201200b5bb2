"""Finds the Nebula program and reads its version: bundled beside us, told by a setting, or on the PATH."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

from node.program.errors import UserFacingError
from node.vpn.configuration import UnknownVersionError, check_version

NAME = "nebula.exe" if sys.platform == "win32" else "nebula"
LIMIT = 10.0  # seconds that it may take to say its version
DRIVERS, DRIVER = Path("dist/windows/wintun/bin"), "wintun.dll"  # below Nebula's own folder
SAID = re.compile(r"Version:\s*([0-9A-Za-z.+-]{1,40})")


@dataclass(frozen=True, slots=True)
class NebulaBinary:
    """A Nebula whose version we know; `stamp` tells whether the file is still the one that was asked."""

    path: Path
    version: str
    stamp: tuple[int, int, int] | None = field(default=None, compare=False)  # file number, bytes, nanoseconds

    @property
    def logs_blocklist(self) -> bool:
        """Whether its log names every blocked certificate when it reloads; of the others we do not know."""
        return check_version(self.version)[:2] == (1, 6)


def bundled() -> Path:
    """Return where an installer puts Nebula: beside the program that it made."""
    return Path(sys.executable).parent / "nebula" / NAME


def find_binary(setting: str = "", path: str | None = None, known: NebulaBinary | None = None) -> NebulaBinary:
    """Return the Nebula to use; raise UserFacingError where there is none, or one that we do not know. Blocks.

    One that is `known` is not run again to hear its version: without rights we look every few seconds, for ever.
    """
    found = _find(setting, path)
    if sys.platform == "win32":
        check_driver(found)
    stamp = _stamp(found)
    if known is not None and stamp is not None and (known.path, known.stamp) == (found, stamp):
        return known
    version = read_version(found)
    try:
        check_version(version)
    except UnknownVersionError as error:
        hint = "Install one of these versions, or name another Nebula in the settings."
        raise UserFacingError(f"The Nebula in {found} is not used.", str(error), hint) from None
    return NebulaBinary(found, version, stamp)


def _stamp(path: Path) -> tuple[int, int, int] | None:
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_ino, status.st_size, status.st_mtime_ns


def _find(setting: str, path: str | None) -> Path:
    if setting:
        if os.access(setting, os.X_OK):
            return Path(setting).resolve()
        raise UserFacingError(f"There is no program {setting}.", "It was named as the Nebula to use.", "")
    if os.access(bundled(), os.X_OK):
        return bundled()
    on_path = shutil.which(NAME, path=path)
    if on_path is None:
        hint = "On Debian and Ubuntu an administrator installs it with: apt-get install nebula."
        raise UserFacingError("There is no Nebula on this computer.", "It makes the private network.", hint)
    return Path(on_path).resolve()


def check_driver(program: Path) -> None:
    """Raise UserFacingError unless the driver that Nebula needs on Windows lies where it looks for it."""
    around = program.parent / DRIVERS
    if not any(around.glob(f"*/{DRIVER}")):
        raise UserFacingError(
            f"The Nebula in {program} lacks its driver, {DRIVER}.",
            f"It is looked for in {around}, in a folder that is named after the processor.",
            "Unpack Nebula's release for Windows whole, with all its folders, or install this program again.",
        )


def read_version(path: Path) -> str:
    """Return what `nebula -version` says; raise UserFacingError where it says nothing of use."""
    try:
        done = subprocess.run(
            [path, "-version"], capture_output=True, timeout=LIMIT, check=False, stdin=subprocess.DEVNULL
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise UserFacingError(f"The program {path} cannot be run.", f"{error}.") from None
    said = SAID.search(done.stdout.decode("utf-8", "replace"))
    if said is None:
        raise UserFacingError(f"The program {path} does not say its version.", "Is it Nebula?")
    return said[1]
