"""What a first run that is cancelled leaves behind, and how that goes: keys, files, the directories themselves."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

from app.data_files import belongs_to_coordinator, delete
from node.identity.membership import has_membership
from node.program.data_dir import is_held

# Empty or worthless once nobody runs, also where an earlier run that was killed has left them.
WORTHLESS = ("control.json", "embedded-node.json", "app.sock", "rma-mesh-node.lock", "app.lock")
PROGRAMS = ("rma-mesh-node", "app")


class Traces:
    """Made before the first file is; `unwanted` is set when the volunteer cancels."""

    def __init__(self, data_dir: Path) -> None:
        self.unwanted = False
        self._data_dir = data_dir
        self._made = tuple(one for one in (data_dir, *data_dir.parents) if not one.exists())
        self._there = frozenset(_names(data_dir)) - {*WORTHLESS}

    async def forget_keys(self) -> None:
        """Delete the keys that nobody knows; for when the node has ended."""
        from node.identity.unused import forget_unused_keys

        if self.unwanted:
            await forget_unused_keys(self._data_dir)

    def remove(self) -> None:
        """Remove the rest, for when nothing of ours runs any more; what was there before or is not ours stays."""
        data_dir = self._data_dir
        if not self.unwanted or has_membership(data_dir):
            return
        with contextlib.suppress(OSError):
            if any(is_held(data_dir, program) for program in PROGRAMS):
                return
        if belongs_to_coordinator(data_dir):
            return
        for name in _names(data_dir):
            if name not in self._there:  # so a folder that has a name of ours came with this run
                with contextlib.suppress(OSError):
                    delete(data_dir / name)
        for made in self._made:
            try:
                made.rmdir()  # only an empty one goes
            except OSError:
                return


def _names(data_dir: Path) -> list[str]:
    try:
        return os.listdir(data_dir)  # noqa: PTH208 - names only
    except OSError:
        return []
