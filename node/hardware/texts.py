"""Makes text from drivers and kernels fit for a message: valid Unicode, printable, of bounded length."""

from __future__ import annotations


def clean(text: object, limit: int = 200) -> str:
    """Return at most `limit` printable characters in one line."""
    valid = str(text).encode("utf-8", "replace").decode("utf-8")
    printable = "".join(character if character.isprintable() else " " for character in valid)
    return " ".join(printable.split())[:limit]


def clean_path(path: str, limit: int = 1024) -> str | None:
    """Return a path that can be sent and still names the same place, or None."""
    sendable = path.isprintable() and len(path) <= limit and path == path.encode("utf-8", "replace").decode("utf-8")
    return path if sendable else None
