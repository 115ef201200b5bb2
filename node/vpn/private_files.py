"""The files that Nebula reads: in a folder that nobody else can change, and written only where they change."""

from __future__ import annotations

import os
import stat
import sys
from pathlib import Path

from node.program.data_dir import write_private_file


def make_private(folder: Path) -> None:
    """Make a folder that nobody else can change; raise OSError for one that somebody else has made there before.

    Nebula, which has more rights than others, does what the files in it say.
    """
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    if sys.platform != "win32":  # there, the folders around it keep others out
        status, around = folder.lstat(), folder.parent.stat()
        if not stat.S_ISDIR(status.st_mode) or status.st_uid not in (os.geteuid(), around.st_uid):
            raise PermissionError(f"{folder} is not a folder of this user's: remove it")
        if status.st_mode & 0o077:
            folder.chmod(0o700)


def keep(path: Path, text: str) -> None:
    """Write a file unless it is like that: a full disk shall not keep a network closed that was open before."""
    data = text.encode()
    if not path.is_file() or path.read_bytes() != data:
        write_private_file(path, data)
