"""The Date line of answers, made once a second."""

from __future__ import annotations

import time
from collections.abc import Callable
from email.utils import formatdate


class Dates:
    """Keeps the line for the current second."""

    __slots__ = ("_clock", "_line", "_second")

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock
        self._second = 0
        self._line = b""

    def line(self) -> bytes:
        second = int(self._clock())
        if second != self._second:
            self._second = second
            self._line = f"Date: {formatdate(second, usegmt=True)}\r\n".encode()
        return self._line
