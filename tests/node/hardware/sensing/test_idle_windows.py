"""What we ask of Windows and make of its answer; the functions are played, with structures of the right size."""

from __future__ import annotations

from typing import Any

import pytest

from node.hardware.sensing.idle_windows import idle_seconds
from node.hardware.sensing.told import Unknown


class Played:
    """user32 and kernel32 of a session, at a tick count, with the last input at another."""

    def __init__(self, now: int, last: int, session: int = 1, works: int = 1) -> None:
        self.now, self.last, self.session, self.works = now, last, session, works

    def GetLastInputInfo(self, place: Any) -> int:
        assert place._obj.cbSize == 8
        place._obj.dwTime = self.last
        return self.works

    def GetTickCount(self) -> int:
        return self.now - (2**32 if self.now >= 2**31 else 0)  # ctypes reads a DWORD as an int

    def ProcessIdToSessionId(self, pid: int, place: Any) -> int:
        assert pid > 0
        place._obj.value = self.session
        return 1


@pytest.mark.parametrize(
    ("now", "last", "expected"),
    [(10_000, 4_000, 6.0), (10_000, 10_000, 0.0), (2_000, 2**32 - 1_000, 3.0), (2**32 - 1, 2**32 - 501, 0.5)],
)
def test_the_ticks_since_the_last_input_are_seconds_even_where_they_begin_again(
    now: int, last: int, expected: float
) -> None:
    played = Played(now, last)
    assert idle_seconds(played, played) == expected


def test_a_service_and_a_failing_call_are_reasons() -> None:
    service = idle_seconds(*[Played(10, 5, session=0)] * 2)
    assert isinstance(service, Unknown)
    assert "service" in service.why
    assert isinstance(idle_seconds(*[Played(10, 5, works=0)] * 2), Unknown)
