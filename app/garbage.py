"""Has Python look for what nobody holds any more in the thread of the windows only.

By itself it looks in whichever thread makes an object when the time has come. A QObject that is freed in another
thread leaves its timers behind, and Qt then calls what is no more: the app is gone without a word.
"""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager

from PySide6.QtCore import QTimer

EVERY_MS = 5000


@contextmanager
def collected_here(every_ms: int = EVERY_MS) -> Iterator[None]:
    """Until the end, look from time to time in this thread, which runs Qt's loop, and in no other one."""
    before = gc.isenabled()
    gc.disable()
    timer = QTimer(interval=every_ms)
    timer.timeout.connect(collect)
    timer.start()
    try:
        yield
    finally:
        timer.stop()
        if before:
            gc.enable()


def collect() -> None:
    """Look through the oldest generation that is due, as Python itself does."""
    ages = zip(gc.get_count(), gc.get_threshold(), strict=True)
    due = [age for age, (made, most) in enumerate(ages) if made > most]
    if due:
        gc.collect(due[-1])
