"""Takes one member out of an archive; nothing is ever extracted by the archive's own idea of a path."""

from __future__ import annotations

import io
import tarfile
import zipfile
from typing import IO


def read_member(archive: IO[bytes], member: str, most: int, *, zipped: bool) -> bytes:
    """Return at most so many bytes of a member of a ZIP file, else of a tar.gz; raise OSError or ValueError."""
    try:
        return _from_zip(archive, member, most) if zipped else _from_tar(archive, member, most)
    except (KeyError, tarfile.TarError, zipfile.BadZipFile) as error:
        raise ValueError(str(error)) from None


def _from_zip(archive: IO[bytes], member: str, most: int) -> bytes:
    with zipfile.ZipFile(archive) as opened, opened.open(member) as found:
        return found.read(most)


def _from_tar(archive: IO[bytes], member: str, most: int) -> bytes:
    with tarfile.open(fileobj=archive, mode="r:gz") as opened:
        found = opened.extractfile(opened.getmember(member))
        return (found or io.BytesIO()).read(most)
