"""What a node keeps in its data directory beside keys and membership: pause, assignment, overlay, blocklist.

A file that cannot be read is set aside under another name and reported in the log: the node starts without it.
"""

from __future__ import annotations

import logging
from pathlib import Path
from typing import TypeVar

import msgspec

from node.program.data_dir import write_private_file
from node.wire.blocklists import PutOut
from node.wire.manifests import SignedCatalogue
from node.wire.messages import Assignment, VpnGrant

T = TypeVar("T")
log = logging.getLogger(__name__)


class KeptPause(msgspec.Struct, frozen=True):
    """The volunteer's pause; `until` is Unix seconds or None for no end."""

    paused: bool = False
    until: float | None = None
    gpu_paused: bool = False  # of what uses the GPU only
    gpu_until: float | None = None


class KeptAssignment(msgspec.Struct, frozen=True):
    """What a coordinator wanted last, and the signed catalogue that it was taken from."""

    assignment: Assignment
    catalogue: SignedCatalogue


class KeptPlace(msgspec.Struct, frozen=True):
    """Our place in the overlay, as the mesh granted it last."""

    grant: VpnGrant


class KeptBlocklist(msgspec.Struct, frozen=True):
    """Who was put out, as we have verified, and the number of the mesh's key that has signed it."""

    key: int = 0
    listed: PutOut = PutOut()


class KeptFiles:
    """Reads and writes the files of one data directory."""

    def __init__(self, data_dir: Path) -> None:
        self._pause = data_dir / "pause.json"
        self._assignment = data_dir / "assignment.json"
        self._place = data_dir / "overlay.json"
        self._blocklist = data_dir / "blocklist.json"

    def pause(self) -> KeptPause:
        return _read(self._pause, KeptPause) or KeptPause()

    def save_pause(self, pause: KeptPause) -> None:
        write_private_file(self._pause, msgspec.json.encode(pause))

    def assignment(self) -> KeptAssignment | None:
        return _read(self._assignment, KeptAssignment)

    def save_assignment(self, kept: KeptAssignment) -> None:
        write_private_file(self._assignment, msgspec.json.encode(kept))

    def place(self) -> KeptPlace | None:
        return _read(self._place, KeptPlace)

    def save_place(self, place: KeptPlace) -> None:
        write_private_file(self._place, msgspec.json.encode(place))

    def blocklist(self) -> KeptBlocklist | None:
        return _read(self._blocklist, KeptBlocklist)

    def save_blocklist(self, kept: KeptBlocklist) -> None:
        write_private_file(self._blocklist, msgspec.json.encode(kept))

    def forget(self) -> None:
        for path in (self._pause, self._assignment, self._place, self._blocklist):
            path.unlink(missing_ok=True)


def _read(path: Path, cls: type[T]) -> T | None:
    try:
        return msgspec.json.decode(path.read_bytes(), type=cls)
    except FileNotFoundError:
        return None
    except (OSError, msgspec.MsgspecError, UnicodeDecodeError) as error:
        aside = path.with_suffix(".unreadable")
        log.warning("%s cannot be read (%s); it is set aside as %s", path, error, aside.name)
        try:
            path.replace(aside)
        except OSError as failure:
            log.warning("%s cannot be set aside: %s", path, failure)
        return None
