"""Finds cloudflared: named in the settings, bundled, on the PATH, where installers put it, or fetched."""

from __future__ import annotations

import hashlib
import os
import platform
import shutil
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from node.program.download import Pin, RoomFor, fetch
from node.program.errors import UserFacingError
from node.tunnel.cloudflared.platforms import VERSION, name_on, pin_for, usual_places

HINT = "Install cloudflared from Cloudflare, name one with --cloudflared, or allow it to be fetched."


class Binary:
    """Where cloudflared is on this computer, and where a fetched one is put: below `folder`."""

    def __init__(
        self,
        folder: Path,
        *,
        setting: str = "",
        may_fetch: bool = True,
        path: str | None = None,
        places: Sequence[Path] | None = None,
        pin: Callable[[], Pin] | None = None,
        room_for: RoomFor = lambda _size: "",
    ) -> None:
        """`room_for` is asked before anything is fetched."""
        self._folder = folder
        self._setting = setting
        self._may_fetch = may_fetch
        self._path = path
        self._places = usual_places(platform.system()) if places is None else places
        self._pin = pin or (lambda: pin_for(platform.system(), platform.machine()))
        self._room_for = room_for
        self._stopped = False

    def find(self) -> Path | None:
        """Return the program, None where it is to be fetched; raise UserFacingError where there is none. Blocks."""
        if self._setting:
            if os.access(self._setting, os.X_OK):
                return Path(self._setting).resolve()
            raise UserFacingError(f"There is no program {self._setting}.", "It was named as cloudflared.", HINT)
        name = name_on(platform.system())
        bundled = Path(sys.executable).parent / "cloudflared" / name
        on_path = shutil.which(name, path=self._path)
        places: tuple[Path, ...] = (bundled, *((Path(on_path),) if on_path else ()), *self._places)
        for place in places:
            if place.is_file() and os.access(place, os.X_OK):
                return place.resolve()
        if self._fetched.is_file() and self._is_what_was_fetched():
            return self._fetched.resolve()
        if not self._may_fetch:
            raise UserFacingError("There is no cloudflared on this computer.", "It makes the tunnel.", HINT)
        self._pin()
        return None

    def fetch(self) -> Path:
        """Fetch the pinned release; raise UserFacingError where that cannot be. Blocks, maybe for minutes."""
        fetch(self._pin(), self._fetched.parent, lambda _done, _all: not self._stopped, self._room_for)
        return self._fetched

    def _is_what_was_fetched(self) -> bool:
        """Look at a release that is one file once more: a disk that was full or broken may have changed it."""
        pin = self._pin()
        if not pin.plain:
            return os.access(self._fetched, os.X_OK)
        with self._fetched.open("rb") as file:
            return (
                os.access(self._fetched, os.X_OK) and hashlib.file_digest(file, "sha256").hexdigest() == pin.sha256
            )

    @property
    def _fetched(self) -> Path:
        return self._folder / VERSION / name_on(platform.system())

    def stop(self) -> None:
        """Give up a fetch that is under way."""
        self._stopped = True
