"""The files of ours in a data directory, deleted by name, because the folder may hold other things as well.

Names such as `services` and `vpn` are those of many people's folders, too: they go whole only from a directory that
is ours alone, and never with a disk or another folder that somebody has mounted in them.
"""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Iterable
from pathlib import Path

import platformdirs
import psutil

from node.program.errors import EXIT_USAGE, UserFacingError

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
LITTER = frozenset({".directory", ".ds_store", "desktop.ini", "thumbs.db"})  # that desktops leave in any folder
COORDINATOR = frozenset({"admin.json", "admin.token", "coordinator.lock", "mesh.key"})
ASIDE = ".unreadable"  # follows the stem of a file that could not be read, with a number in some


def is_ours(name: str) -> bool:
    """Tell whether a file of this name is one that the app or its node makes in its data directory."""
    if name in FILES or name in HELD:
        return True
    if name.startswith("."):  # one that was being written when the power went
        return name[1:].rpartition(".")[0] in FILES
    stem, aside, _ = name.partition(ASIDE)
    return bool(aside) and any(file.rpartition(".")[0] == stem for file in FILES)


def refuse_shared_place(data_dir: Path, home: Path | None = None) -> None:
    """Raise UserFacingError for what can never be ours alone: somebody's whole home, or what that is in."""
    with contextlib.suppress(RuntimeError, OSError):
        place, home = data_dir.resolve(), (home or Path.home()).resolve()
        if place == Path(place.anchor) or place == home or place in home.parents:
            raise UserFacingError(
                f"The data directory cannot be {data_dir}.",
                "Everything of yours is in there, and RMA Mesh keeps its files in a folder of their own.",
                f"Choose another one with --data-dir, such as {place / 'rma-mesh'}.",
                EXIT_USAGE,
            )


def belongs_to_coordinator(data_dir: Path) -> bool:
    """Tell whether a coordinator keeps its keys in the same directory, under names that our files have, too."""
    return any((data_dir / name).exists() for name in COORDINATOR)


def is_ours_alone(data_dir: Path, names: Iterable[str]) -> bool:
    """Tell whether nobody else keeps anything in the directory: it is the usual one, or holds nothing else."""
    if data_dir == Path(platformdirs.user_data_dir("rma-mesh", appauthor=False)):
        return True
    return all(is_ours(name) or name in FOLDERS or name.lower() in LITTER for name in names)


def delete_files(data_dir: Path, *, held: bool = False) -> tuple[str, ...]:
    """Delete what is ours, and the directory with it if nothing else is in it; return the names of what is left.

    `held` is for when the app ends: else what it holds open stays, and is not told as left.
    """
    try:
        names = sorted(os.listdir(data_dir))  # noqa: PTH208 - names only
    except OSError:
        return ()
    if belongs_to_coordinator(data_dir):
        return tuple(names)
    alone = is_ours_alone(data_dir, names)
    for name in names:
        if (name in HELD and not held) or (name in FOLDERS and not alone):
            continue
        with contextlib.suppress(OSError):
            delete(data_dir / name)
    with contextlib.suppress(OSError):
        data_dir.rmdir()  # it goes only when it is empty
    with contextlib.suppress(OSError):
        return tuple(name for name in sorted(os.listdir(data_dir)) if held or name not in HELD)  # noqa: PTH208
    return ()


def delete(path: Path) -> None:
    """Delete a file or folder if it has a name of ours; raise OSError."""
    if path.is_symlink():  # what it leads to is not ours, but the link has our name
        if is_ours(path.name) or path.name in FOLDERS:
            path.unlink()
    elif path.is_dir():
        if path.name in FOLDERS and not _has_mounts(path):
            shutil.rmtree(path, onerror=lambda *_: None)  # follows no links; what cannot go is told as left
    elif is_ours(path.name):
        path.unlink()


def _has_mounts(folder: Path) -> bool:
    """Tell whether a disk, or a folder from elsewhere, is mounted at or below a folder; raise OSError."""
    place = folder.resolve()
    mounted = (Path(one.mountpoint) for one in psutil.disk_partitions(all=True))
    return os.path.ismount(place) or any(place == one or place in one.parents for one in mounted)
