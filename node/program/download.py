"""Fetches a pinned release of another program, and believes only its checksum.

A pin is the checksum of the release's own list, or one that two sources agree on which do not copy one another.
Without a pin there is no download.
"""

from __future__ import annotations

import hashlib
import os
import tempfile
import time
import urllib.parse
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO
from urllib.request import Request, urlopen

from node.program.errors import UserFacingError

CHUNK = 64 * 1024
MAX_ARCHIVE = 64 * 1024 * 1024  # bytes; releases have about 20 MB
MAX_MEMBER = 128 * 1024 * 1024
TIME_LIMIT = 30.0  # seconds without a byte
LONGEST = 3600.0  # seconds for all of it: some bytes now and then are no download

Progress = Callable[[int, int | None], bool]  # bytes so far and in all, where known; False cancels
RoomFor = Callable[[int], str]  # says why so many bytes may not be stored here, or nothing


@dataclass(frozen=True, slots=True)
class Pin:
    """One file of one release: where it is, what it must be, and what is taken out of it."""

    version: str
    url: str
    sha256: str
    members: tuple[str, ...]  # paths inside the archive, and below the folder that they are put into
    program: str  # as people know it
    plain: bool = False  # no archive but the program itself, which gets the name of the only member


class CancelledError(Exception):
    """Whoever watches the progress does not want it any more."""


def fetch(
    pin: Pin,
    folder: Path,
    progress: Progress = lambda _done, _all: True,
    room_for: RoomFor = lambda _size: "",
) -> tuple[Path, ...]:
    """Download, check and unpack into a folder; return the files, in the order of the pin's members. Blocks.

    They lie below the folder as they do in the archive. `room_for` is asked before anything is sent, as soon as it
    is known how much will be, and once more for what is unpacked; it may be called in any thread.
    """
    _check_room(pin, room_for, 0)
    with tempfile.TemporaryFile() as archive:
        digest = _download(pin, archive, progress, room_for)
        if digest != pin.sha256.lower():
            raise failed(pin, f"Its SHA-256 is {digest} and should be {pin.sha256}.", "Do not use it: ask why.")
        unpacked = [_unpack(pin, archive, member) for member in pin.members]
        _check_room(pin, room_for, sum(len(data) for data in unpacked))
        return tuple(_place(folder, member, data) for member, data in zip(pin.members, unpacked, strict=True))


def _check_room(pin: Pin, room_for: RoomFor, size: int) -> None:
    if why := room_for(size):
        title = f"{pin.program} {pin.version} is not fetched: there is no room for it on this disk."
        raise UserFacingError(title, why, "Make room, or allow more of the disk in the rules.")


def _download(pin: Pin, into: IO[bytes], progress: Progress, room_for: RoomFor) -> str:
    url = pin.url
    if urllib.parse.urlsplit(url).scheme not in ("http", "https"):
        raise ValueError(f"not a web address: {url}")
    digest, done, begun = hashlib.sha256(), 0, time.monotonic()
    try:
        with urlopen(Request(url, headers={"User-Agent": "rma-mesh"}), timeout=TIME_LIMIT) as answer:  # noqa: S310  # http or https, see above
            length = answer.headers.get("Content-Length", "")
            total = int(length) if length.isdigit() else None
            _check_room(pin, room_for, min(total or 0, MAX_ARCHIVE))
            while chunk := answer.read1(CHUNK):  # what is there: whoever waits for more cannot be told to stop
                done += len(chunk)
                if done > MAX_ARCHIVE:
                    raise OSError(f"it is larger than {MAX_ARCHIVE} bytes")
                if time.monotonic() - begun > LONGEST:
                    raise OSError(f"it took longer than {LONGEST:.0f} s")
                into.write(chunk)
                digest.update(chunk)
                if not progress(done, total):
                    raise CancelledError
            if total is not None and done < total:
                raise OSError(f"the connection ended after {done} of {total} bytes")
    except OSError as error:
        raise UserFacingError(f"{url} could not be downloaded.", f"{error}.", "Try again later.") from None
    return digest.hexdigest()


def _unpack(pin: Pin, archive: IO[bytes], member: str) -> bytes:
    """Read one member, or the whole file where it is no archive."""
    archive.seek(0)
    try:
        if pin.plain:
            return archive.read()
        from node.program.archives import read_member  # a node needs it once in its life, if at all

        data = read_member(archive, member, MAX_MEMBER + 1, zipped=pin.url.endswith(".zip"))
    except (OSError, ValueError) as error:
        raise failed(pin, f"There is no {member} in it: {error}.", "Is the pin right?") from None
    if not data or len(data) > MAX_MEMBER:
        raise failed(pin, f"{member} in it is empty or too large.", "Is the pin right?")
    return data


def _place(folder: Path, member: str, data: bytes) -> Path:
    """Write a file whole or not at all."""
    inside = PurePosixPath(member)
    if inside.is_absolute() or ".." in inside.parts:
        raise ValueError(f"{member} leads out of the folder")
    path = folder / inside
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with temporary.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())  # or a crash leaves a file of that name that is empty
        temporary.chmod(0o755)
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
    return path


def failed(pin: Pin, why: str, hint: str) -> UserFacingError:
    """Say why what was downloaded is not used."""
    return UserFacingError(f"The {pin.program} {pin.version} from {pin.url} is not used.", why, hint)
