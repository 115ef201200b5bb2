"""One run of cloudflared, and what it has said of itself so far."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping, Sequence
from pathlib import Path

from node.program.child_process import ChildProcess
from node.program.orphans import note_run
from node.tunnel.cloudflared.arguments import GRACE
from node.tunnel.cloudflared.lines import Connected, MetricsAt, QuickUrl, Trouble, is_wanted, read_line

STOP_LIMIT = GRACE + 3.0  # seconds that it may take to end before it is killed
log = logging.getLogger(__name__)


class Connector:
    """A cloudflared that is running, or has ended with `code`."""

    def __init__(self, secrets: tuple[str, ...] = ()) -> None:
        self._secrets = secrets
        self._process: ChildProcess | None = None
        self._note: Path | None = None
        self._noting: asyncio.Future[None] | None = None
        self._has_ended = asyncio.Event()
        self.address = ""  # of its own endpoint
        self.url = ""  # of its quick tunnel
        self.protocol = ""
        self.trouble: Trouble | None = None  # what explains most since it was connected last
        self.code: int | None = None

    async def start(self, command: Sequence[str], folder: Path, environment: Mapping[str, str], note: Path) -> None:
        """Start it, and write down who it is; raise OSError."""
        self._note = note
        self._process = await ChildProcess.spawn(
            command, folder, self.hear, self._end, is_wanted, environment=environment
        )
        self._noting = asyncio.get_running_loop().run_in_executor(None, note_run, note, self._process.pid)
        await asyncio.shield(self._noting)

    async def ends_within(self, seconds: float) -> bool:
        """Wait for so long, and say whether it has ended."""
        try:
            async with asyncio.timeout(seconds):
                await self._has_ended.wait()
        except TimeoutError:
            return False
        return True

    async def stop(self) -> None:
        """End it; once more harms nobody."""
        if self._process is not None:
            await self._process.stop(STOP_LIMIT)
        if self._noting is not None:  # whoever is stopped while it is written down shall not stand there
            await asyncio.shield(self._noting)
        if self._note is not None:
            self._note.unlink(missing_ok=True)

    def hear(self, line: bytes) -> None:
        """Take in a line of its output."""
        told = read_line(line, self._secrets)
        if isinstance(told, MetricsAt):
            self.address = self.address or told.address  # said once: a later line would be somebody else's
        elif isinstance(told, QuickUrl):
            self.url = self.url or told.url
        elif isinstance(told, Connected):
            self.protocol, self.trouble = told.protocol, None
        elif isinstance(told, Trouble):
            self.trouble = told.or_worse(self.trouble)
        if told is not None:
            log.debug("cloudflared: %s", told)

    def _end(self, code: int) -> None:
        self.code = code
        self._has_ended.set()
