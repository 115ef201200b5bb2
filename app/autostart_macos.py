"""Start at login on macOS: a launch agent of the user. Never run on macOS so far.

The system reads it at the next login (`launchd.plist(5)`). What somebody switches off under Login Items in System
Settings is kept elsewhere and cannot be read by programs like ours; it counts before this file.
"""

from __future__ import annotations

import plistlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from xml.parsers.expat import ExpatError

LABEL = "org.rma-mesh.app"
LONGEST = 64 * 1024  # bytes of a file that are read


@dataclass(frozen=True, slots=True)
class LaunchAgent:
    """The app's file in ~/Library/LaunchAgents."""

    command: Sequence[str]
    folder: Path
    working_dir: Path | None = None

    @property
    def path(self) -> Path:
        return self.folder / f"{LABEL}.plist"

    def enabled(self) -> bool:
        try:
            with self.path.open("rb") as file:
                found = plistlib.loads(file.read(LONGEST))
        except FileNotFoundError:
            return False
        except (plistlib.InvalidFileException, ExpatError, ValueError):
            return False
        return isinstance(found, dict) and found.get("RunAtLoad") is True and found.get("Disabled") is not True

    def enable(self) -> None:
        document = {
            "Label": LABEL,
            "ProgramArguments": list(self.command),
            "RunAtLoad": True,
            "LimitLoadToSessionType": "Aqua",  # where there is a screen
            "ProcessType": "Interactive",
        }
        if self.working_dir is not None:
            document["WorkingDirectory"] = str(self.working_dir)
        self.folder.mkdir(mode=0o755, parents=True, exist_ok=True)
        temporary = self.path.with_suffix(".new")
        temporary.write_bytes(plistlib.dumps(document))
        temporary.replace(self.path)

    def disable(self) -> None:
        self.path.unlink(missing_ok=True)
