"""Start at login on Linux: an entry in the desktop's autostart folder.

After the freedesktop.org Desktop Application Autostart Specification 0.5 and Desktop Entry Specification 1.5: the
user's own entry counts before the system's of the same name, and `Hidden=true` is as if there were none.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

NAME = "rma-mesh.desktop"
LONGEST = 64 * 1024  # bytes of an entry that are read
RESERVED = re.compile(r"[\s\"'\\><~|&;$*?#()`]")
NO_LINES = re.compile(r"[\x00-\x1f\x7f]")


@dataclass(frozen=True, slots=True)
class DesktopEntry:
    """The entry of the app; `folders` are autostart folders, the user's own first."""

    command: Sequence[str]
    folders: Sequence[Path]
    working_dir: Path | None = None

    @classmethod
    def of(
        cls, command: Sequence[str], environ: Mapping[str, str], working_dir: Path | None = None
    ) -> DesktopEntry:
        """Make it for the user of this environment (XDG Base Directory Specification)."""
        own = Path(environ.get("XDG_CONFIG_HOME", ""))
        home = own if own.is_absolute() else Path(environ.get("HOME") or Path.home()) / ".config"
        others = [Path(part) for part in (environ.get("XDG_CONFIG_DIRS") or "/etc/xdg").split(":") if part]
        folders = [folder / "autostart" for folder in (home, *(one for one in others if one.is_absolute()))]
        return cls(command, folders, working_dir)

    def enabled(self) -> bool:
        for folder in self.folders:
            text = _read(folder / NAME)
            if text is not None:
                return starts(text)
        return False

    def enable(self) -> None:
        self._write(entry(self.command, self.working_dir))

    def disable(self) -> None:
        """Delete the user's entry; where the system has one, too, write that it does not count for this user."""
        if any((folder / NAME).exists() for folder in self.folders[1:]):
            self._write("[Desktop Entry]\nType=Application\nName=RMA Mesh\nHidden=true\n")
        else:
            (self.folders[0] / NAME).unlink(missing_ok=True)

    def _write(self, text: str) -> None:
        folder = self.folders[0]
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        temporary = folder / f".{NAME}.new"
        temporary.write_text(text, "utf-8")
        temporary.replace(folder / NAME)


def entry(command: Sequence[str], working_dir: Path | None = None) -> str:
    """Return the file that starts a command; raise ValueError for one that no entry can hold."""
    lines = [
        "[Desktop Entry]",
        "Type=Application",
        "Name=RMA Mesh",
        "Comment=Lets this computer help, from an icon in the tray",
        f"Exec={exec_line(command)}",
        f"TryExec={_escaped(command[0])}",  # an app that was removed starts no more, and nothing complains
        "Terminal=false",
        "X-GNOME-Autostart-enabled=true",
    ]
    if working_dir is not None:
        lines.append(f"Path={_escaped(str(working_dir))}")
    return "\n".join(lines) + "\n"


def exec_line(command: Sequence[str]) -> str:
    """Return a command as the value of Exec: each word quoted by its rules, and the whole escaped as any string."""
    return _escaped(" ".join(_quoted(word) for word in command))


def _quoted(word: str) -> str:
    if NO_LINES.search(word):
        raise ValueError(f"{word!r} cannot be started at login: it has a line break or another control character")
    doubled = word.replace("%", "%%")
    if doubled and not RESERVED.search(doubled):
        return doubled
    return '"' + re.sub(r'(["`$\\])', r"\\\1", doubled) + '"'


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\")


def starts(text: str) -> bool:
    """Say whether an entry lets its program start."""
    values: dict[str, str] = {}
    group = ""
    for line in text.splitlines():
        stripped = line.strip()
        if stripped.startswith("["):
            group = stripped
        elif group == "[Desktop Entry]" and "=" in stripped and not stripped.startswith("#"):
            key, _, value = stripped.partition("=")
            values.setdefault(key.strip(), value.strip())
    hidden = values.get("Hidden", "").lower() == "true"
    switched_off = values.get("X-GNOME-Autostart-enabled", "").lower() == "false"
    return bool(values.get("Exec")) and not hidden and not switched_off


def _read(path: Path) -> str | None:
    try:
        with path.open("rb") as file:
            return file.read(LONGEST).decode("utf-8", "replace")
    except FileNotFoundError:
        return None
