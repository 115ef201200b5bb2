"""What a first run that is cancelled leaves behind, and how that goes: keys, locks, the directories themselves."""

from __future__ import annotations

import contextlib
from pathlib import Path

from node.identity.membership import has_membership
from node.program.data_dir import is_held

# Empty or worthless once nobody runs; rules, logs and whatever else somebody wanted here are not among them.
WORTHLESS = ("control.json", "embedded-node.json", "app.sock", "rma-mesh-node.lock", "app.lock")
PROGRAMS = ("rma-mesh-node", "app")


class Traces:
    """Made before the first file is; `unwanted` is set when the volunteer cancels."""

    def __init__(self, data_dir: Path) -> None:
        self.unwanted = False
        self._data_dir = data_dir
        self._made = tuple(one for one in (data_dir, *data_dir.parents) if not one.exists())

    async def forget_keys(self) -> None:
        """Delete the keys that nobody knows; for when the node has ended."""
        from node.identity.unused import forget_unused_keys

        if self.unwanted:
            await forget_unused_keys(self._data_dir)

    def remove(self) -> None:
        """Remove the rest; for when nothing of ours runs any more. What is in use stays, and so does a member's."""
        data_dir = self._data_dir
        if not self.unwanted or has_membership(data_dir):
            return
        with contextlib.suppress(OSError):
            if any(is_held(data_dir, program) for program in PROGRAMS):
                return
        for name in WORTHLESS:
            with contextlib.suppress(OSError):
                (data_dir / name).unlink(missing_ok=True)
        for made in self._made:
            try:
                made.rmdir()  # only an empty one goes
            except OSError:
                return
