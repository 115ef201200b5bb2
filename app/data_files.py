"""The files of ours in a data directory, deleted by name, because the folder may hold other things as well."""

from __future__ import annotations

import contextlib
import os
import shutil
from pathlib import Path

FILES = frozenset(
    {
        "activity.1.jsonl", "activity.jsonl", "assignment.json", "blocklist.json", "contacts-vpn.json",
        "contacts.json", "contribution.json", "control.json", "embedded-node.json", "identity.json", "identity.key",
        "language",
        "membership.json", "nebula.key", "node.log", "node.log.1", "notified.json", "overlay.json", "pause.json",
        "rma-mesh-node.lock", "rules.json",
    }
)  # fmt: skip
HELD = frozenset({"app.lock", "app.sock"})  # by the app itself, for as long as it runs
FOLDERS = frozenset({"cloudflared", "services", "vpn"})
ASIDE = ".unreadable"  # follows the stem of a file that could not be read, with a number in some


def is_ours(name: str) -> bool:
    """Tell whether a file of this name is one that the app or its node makes in its data directory."""
    if name in FILES or name in HELD:
        return True
    if name.startswith("."):  # one that was being written when the power went
        return name[1:].rpartition(".")[0] in FILES
    stem, aside, _ = name.partition(ASIDE)
    return bool(aside) and any(file.rpartition(".")[0] == stem for file in FILES)


def delete_files(data_dir: Path, *, held: bool = False) -> tuple[str, ...]:
    """Delete what is ours, and the directory with it if nothing else is in it; return the names of what is left.

    `held` is for when the app ends: else what it holds open stays, and is not told as left.
    """
    try:
        names = sorted(os.listdir(data_dir))  # noqa: PTH208 - names only
    except OSError:
        return ()
    for name in names:
        if name in HELD and not held:
            continue
        with contextlib.suppress(OSError):
            _delete(data_dir / name)
    with contextlib.suppress(OSError):
        data_dir.rmdir()  # it goes only when it is empty
    with contextlib.suppress(OSError):
        return tuple(name for name in sorted(os.listdir(data_dir)) if held or name not in HELD)  # noqa: PTH208
    return ()


def _delete(path: Path) -> None:
    if path.is_symlink():  # what it leads to is not ours, but the link has our name
        if is_ours(path.name) or path.name in FOLDERS:
            path.unlink()
    elif path.is_dir():
        if path.name in FOLDERS:
            shutil.rmtree(path)  # follows no links
    elif is_ours(path.name):
        path.unlink()
