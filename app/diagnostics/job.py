"""Collects a bundle in a thread, so that the window goes on; says how far it is, and may be called off."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Signal

from app.picture import Picture
from node.program.tasks import TaskSet

if TYPE_CHECKING:
    from node.diagnostics.bundle import BundleFile, Source

log = logging.getLogger(__name__)

Collect = Callable[[Callable[[int, int, str], None], Callable[[], bool]], "tuple[BundleFile, ...]"]


class BundleJob(QObject):
    """One bundle: `progressed` carries steps done and in all, `collected` files, `failed` why there are none."""

    progressed = Signal(int, int)
    collected = Signal(object)
    failed = Signal(str)

    def __init__(self, collect: Collect, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._collect = collect
        self._unwanted = threading.Event()
        self._tasks = TaskSet("app-diagnostics")

    def start(self) -> None:
        self._tasks.start(self._run(), "collect")

    def call_off(self) -> None:
        """Have it end soon, without a word."""
        self._unwanted.set()

    async def _run(self) -> None:
        loop = asyncio.get_running_loop()

        def progress(done: int, of: int, _what: str) -> None:
            loop.call_soon_threadsafe(self._progress, done, of)

        try:
            files = await asyncio.to_thread(self._collect, progress, self._unwanted.is_set)
        except Exception as error:
            if not self._unwanted.is_set():
                log.exception("The bundle was not collected.")
                self.failed.emit(f"{error}" or type(error).__name__)
            return
        if not self._unwanted.is_set():
            self.collected.emit(files)

    def _progress(self, done: int, of: int) -> None:
        if not self._unwanted.is_set():
            self.progressed.emit(done, of)


def collector(data_dir: Path, picture: Picture) -> Collect:
    """Return what collects the bundle of a node, alive or dead, with what the window knows of it."""

    def collect(progress: Callable[[int, int, str], None], cancelled: Callable[[], bool]) -> tuple[BundleFile, ...]:
        from node.diagnostics import sources  # of no use before

        return sources.collect(data_dir, extra=window_sources(picture), progress=progress, cancelled=cancelled)

    return collect


def window_sources(picture: Picture) -> Sequence[Source]:
    """Return what the window knows: how the node's process fares, and what it said last if it says nothing now."""
    from node.diagnostics.bundle import Source

    life = picture.life
    document = {
        "connected": picture.connected,
        "stage": life.stage,
        "started_by_us": life.ours,
        "restarts": life.restarts,
        "trouble": life.trouble,
        "notices": [f"{notice.title}: {notice.text}" for notice in picture.notices],
    }
    sources = [Source("window.json", "How the node's process fares, as the window sees it", document)]
    if picture.view is not None and not picture.connected:
        about = "What the node said last, before it was out of reach"
        sources.append(Source("last-status.json", about, picture.view))
    return sources


def write_bundle(path: Path, files: Sequence[BundleFile], now: float) -> None:
    """Write the files to a place that somebody chose; raise OSError."""
    from node.diagnostics.bundle import zipped
    from node.program.data_dir import write_private_file

    write_private_file(path, zipped(files, now))
