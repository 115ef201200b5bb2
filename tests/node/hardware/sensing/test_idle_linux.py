"""Which of Linux' ways is believed, and when the others are tried again."""

from __future__ import annotations

from node.hardware.sensing.idle_linux import AGAIN, WATCHING, IdleLinux
from node.hardware.sensing.idle_logind import Logind
from node.hardware.sensing.told import Unknown

NONE = Unknown("it is not there")


async def nobody() -> bool:
    return False


class Way(Logind):
    """A way that tells what a test says; also plays logind."""

    def __init__(self, value: float | Unknown = NONE) -> None:
        self.value = value
        self.other: float | None = None
        self.asked = 0
        self.closed = False

    async def read(self) -> float | Unknown:
        self.asked += 1
        return self.value

    async def others(self) -> float | None:
        return self.other

    def close(self) -> None:
        self.closed = True


async def test_the_first_way_that_tells_is_kept_until_it_tells_no_more() -> None:
    first, second, logind = Way(), Way(5.0), Way()
    idle = IdleLinux((first, second), logind, nobody, lambda: 0.0)
    assert [await idle.read(), await idle.read()] == [5.0, 5.0]
    assert (first.asked, second.asked, logind.asked) == (1, 2, 0)
    first.value, second.value = 7.0, NONE
    assert await idle.read() == 7.0
    idle.close()
    assert (first.closed, second.closed) == (True, True)


async def test_without_a_desktop_logind_tells_and_the_desktop_is_looked_for_again() -> None:
    now = [0.0]
    desktop, logind = Way(), Way(30.0)
    idle = IdleLinux((desktop,), logind, nobody, lambda: now[0])
    assert [await idle.read(), await idle.read()] == [30.0, 30.0]
    assert desktop.asked == 1
    desktop.value, now[0] = 1.0, AGAIN
    assert await idle.read() == 1.0


async def test_whoever_used_the_computer_last_counts() -> None:
    desktop, logind = Way(300.0), Way(0.0)
    idle = IdleLinux((desktop,), logind, nobody)
    assert await idle.read() == 300.0
    logind.other = 12.0
    assert await idle.read() == 12.0
    desktop.value = 2.0
    assert await idle.read() == 2.0


async def test_who_watches_a_film_uses_the_computer() -> None:
    asked = []

    async def somebody() -> bool:
        asked.append(True)
        return True

    desktop = Way(WATCHING - 1)
    idle = IdleLinux((desktop,), Way(), somebody)
    assert await idle.read() == WATCHING - 1
    assert not asked, "short pauses need no question"
    desktop.value = WATCHING
    assert await idle.read() == 0.0


async def test_where_nobody_tells_the_reason_is_logind_s() -> None:
    assert await IdleLinux((Way(),), Way(Unknown("why")), nobody).read() == Unknown("why")
