"""What nobody holds any more is freed in the thread of the windows, whichever thread makes objects meanwhile."""

from __future__ import annotations

import asyncio
import gc
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from PySide6.QtCore import QObject
from pytestqt.qtbot import QtBot

from app import main
from app.application import Application
from app.compose import Options
from app.garbage import collected_here
from app.traces import Traces


class Cycle(QObject):
    """Holds itself, so that only the collector frees it; its timer is what must not be left behind."""

    def __init__(self, gone: Callable[[], None]) -> None:
        super().__init__()
        self.itself = self
        self.startTimer(1)
        self.gone = Last(gone)


class Last:
    """Tells when it is freed."""

    def __init__(self, gone: Callable[[], None]) -> None:
        self._gone = gone

    def __del__(self) -> None:
        self._gone()


@pytest.fixture
def enabled() -> Iterator[None]:
    """Let Python look by itself, as it does in a program that has just begun."""
    gc.collect()  # nothing of earlier tests is to be found
    gc.enable()
    yield
    gc.disable()


@contextmanager
def looks() -> Iterator[list[threading.Thread]]:
    """Write down the thread of every look for garbage."""
    heard: list[threading.Thread] = []

    def hear(_phase: str, _about: dict[str, int]) -> None:
        heard.append(threading.current_thread())

    gc.callbacks.append(hear)
    try:
        yield heard
    finally:
        gc.callbacks.remove(hear)


def make_objects() -> None:
    thread = threading.Thread(target=lambda: [[] for _ in range(50_000)])
    thread.start()
    thread.join(60)


@pytest.mark.usefixtures("enabled")
def test_by_itself_python_looks_in_any_thread() -> None:
    with looks() as heard:
        make_objects()
    assert {one.name for one in heard} - {threading.main_thread().name}


@pytest.mark.usefixtures("enabled")
def test_all_is_freed_in_the_thread_of_the_windows(qtbot: QtBot) -> None:
    gone: list[threading.Thread] = []
    with looks() as heard, collected_here(every_ms=10):
        Cycle(lambda: gone.append(threading.current_thread()))
        make_objects()
        assert not gone
        kept = [[] for _ in range(50_000)]  # type: ignore[var-annotated]  # so that it is time to look
        qtbot.waitUntil(lambda: bool(gone), timeout=60_000)
        assert len(kept) == 50_000
        assert set(gone) == {threading.main_thread()}
        assert set(heard) == {threading.main_thread()}
        assert not gc.isenabled()
    assert gc.isenabled()


@pytest.mark.usefixtures("enabled")
def test_the_app_runs_so(tmp_path: Path, qapp: Application, monkeypatch: pytest.MonkeyPatch) -> None:
    by_itself = []

    async def run(_options: Options, _application: Application, _traces: Traces) -> int:
        by_itself.append(await asyncio.to_thread(gc.isenabled))
        return 7

    monkeypatch.setattr(main, "run", run)
    assert main.start(Options(tmp_path), qapp) == 7
    assert by_itself == [False]
    assert gc.isenabled()
