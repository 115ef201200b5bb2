"""Splits `/service/NAME/rest` without decoding it, and refuses a rest that could climb out of its service."""

from __future__ import annotations

import re
from functools import lru_cache
from urllib.parse import unquote_to_bytes

from node.wire.problems import Problem

MAX_PATH = 8192
SAFE = re.compile(r"/[\x21-\x7e\x80-\U0010ffff]*")
SEPARATORS = re.compile(rb"[/\\]")
CONTROLS = re.compile(rb"[\x00-\x1f\x7f]")


def split_path(raw_path: str, prefix: str = "/service/") -> tuple[str, str | None]:
    """Split a raw path (percent-encoded, no query) into service and rest; the rest is None or begins with "/".

    Raises Problem where the path does not begin with the prefix.
    """
    if not raw_path.startswith(prefix):
        raise Problem("not-found", f"{raw_path[:80]} is not below {prefix}")
    service, slash, rest = raw_path.removeprefix(prefix).partition("/")
    return service, slash + rest if slash else None


@lru_cache(512)
def check_path(path: str) -> str:
    """Return a raw path that is safe to append to a service's address; raise Problem for any other."""
    if len(path) > MAX_PATH or not SAFE.fullmatch(path) or "?" in path or "#" in path:
        raise Problem("invalid-request", "The path is too long or holds characters that a path cannot have.")
    if CONTROLS.search(unquote_to_bytes(path)) or has_dots(path):
        raise Problem("invalid-request", "The path may not hold '.' or '..' segments or control characters.")
    return path


@lru_cache(512)
def has_dots(path: str) -> bool:
    """Tell whether a raw path holds a segment that leads elsewhere, in any spelling that somebody may read so."""
    parts = SEPARATORS.split(unquote_to_bytes(path))
    return any(part.partition(b";")[0] in (b".", b"..") for part in parts)  # some servers drop what is behind ";"


def resolved(path: str) -> str:
    """Return where a raw path leads for those who decode it, resolve its dots and read backslashes as slashes."""
    steps: list[str] = []
    for part in SEPARATORS.split(unquote_to_bytes(path)):
        step = part.partition(b";")[0].decode("latin-1")
        if step == "..":
            del steps[-1:]
        elif step not in ("", "."):
            steps.append(step)
    return "".join(f"/{step}" for step in steps) + "/"
