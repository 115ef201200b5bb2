"""Puts the bundle together: files with bounds, each cleaned, and a page that says what is in it and what is not."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import msgspec

from node.diagnostics.redaction import Redactor

FOLDER = "rma-mesh-diagnostics"
CONTENTS = "WHAT IS INSIDE.txt"
LARGEST_FILE = 256 * 1024  # bytes; of a longer one the end is kept
LARGEST = 4 * 1024 * 1024  # bytes of all files together
MOST_FILES = 64
OF_SERVICES = "services/"  # what they wrote may tell of people who asked them: nobody can take that out for sure
CUT = "[The beginning was left out.]\n"
INTRODUCTION = """\
This was made by RMA Mesh to find out what is wrong on one computer.

Taken out before it was written: tokens, keys, credentials, invites, passwords, the name of the user and the home
directory, mail addresses, and the second half of public IP addresses. Nothing that was asked of a service is in it,
unless a service wrote it into its own log: logs of services are in here only where somebody has chosen them.
Have a look all the same before you give it to somebody: every file is plain text.
"""


@dataclass(frozen=True, slots=True)
class Source:
    """Something to put in: where it will stand, what it is in a sentence, and the document or text itself."""

    name: str
    about: str
    content: Any


@dataclass(frozen=True, slots=True)
class BundleFile:
    """One file as it will be in the bundle, clean and bounded."""

    name: str
    about: str
    text: str

    @property
    def size(self) -> int:
        """Bytes."""
        return len(self.text.encode("utf-8", "replace"))

    @property
    def to_be_chosen(self) -> bool:
        """Whether it goes to others only where somebody wants that."""
        return self.name.startswith(OF_SERVICES)


def cleaned(source: Source, redactor: Redactor) -> BundleFile:
    """Return what may be given away of a source."""
    if isinstance(source.content, str):
        text = redactor.text(source.content)
    else:
        document = redactor.document(msgspec.to_builtins(source.content, str_keys=True))
        text = msgspec.json.format(msgspec.json.encode(document), indent=2).decode() + "\n"
    return BundleFile(
        _safe_name(redactor.text(source.name)), redactor.text(source.about), _end_of(text, LARGEST_FILE)
    )


def bounded(files: Iterable[BundleFile]) -> tuple[BundleFile, ...]:
    """Return as many files as fit, in order."""
    kept: list[BundleFile] = []
    left = LARGEST
    for file in list(files)[:MOST_FILES]:
        shorter = BundleFile(file.name, file.about, _end_of(file.text, left)) if file.size > left else file
        left -= shorter.size
        if shorter.text:
            kept.append(shorter)
    return tuple(kept)


def contents_page(files: Sequence[BundleFile], made_at: float) -> BundleFile:
    """Return the page that lists the files; `made_at` is Unix seconds."""
    made = datetime.fromtimestamp(made_at, UTC).strftime("%Y-%m-%d %H:%M UTC")
    width = max((len(file.name) for file in files), default=0)
    lines = [f"{file.name:<{width}}  {file.size:>8} bytes  {file.about}" for file in files]
    return BundleFile(CONTENTS, "", "\n".join([INTRODUCTION, f"Made on {made}.", "", *lines]) + "\n")


def zipped(files: Sequence[BundleFile], made_at: float) -> bytes:
    """Return the bundle as it is written to disk."""
    buffer = io.BytesIO()
    moment = datetime.fromtimestamp(made_at, UTC).timetuple()[:6]
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for file in (contents_page(files, made_at), *files):
            info = zipfile.ZipInfo(f"{FOLDER}/{file.name}", moment)
            info.compress_type = zipfile.ZIP_DEFLATED
            info.external_attr = 0o600 << 16
            archive.writestr(info, file.text.encode("utf-8", "replace"))
    return buffer.getvalue()


def default_name(made_at: float) -> str:
    """Return what the file is called unless somebody wants another name."""
    return f"{FOLDER}-{datetime.fromtimestamp(made_at, UTC):%Y-%m-%d}.zip"


def _end_of(text: str, most: int) -> str:
    """Return the end of a text that is too long, from the beginning of a line; `most` is bytes."""
    data = text.encode("utf-8", "replace")
    if len(data) <= most:
        return text
    if most <= len(CUT):
        return ""
    end = data[len(data) - most + len(CUT) :]
    return CUT + end[end.find(b"\n") + 1 :].decode("utf-8", "ignore")


def _safe_name(name: str) -> str:
    """Return a name that leads nowhere else when the bundle is unpacked."""
    parts = ["".join(c if c.isalnum() or c in "-_. " else "_" for c in part) for part in name.split("/")]
    return "/".join(part for part in parts if part.strip(".")) or "file"
