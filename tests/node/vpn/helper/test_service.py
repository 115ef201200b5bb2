"""The life of the Windows service, as its manager is told of it; the manager is played."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field

import pytest

from node.vpn.helper.service import (
    ACCEPT_SHUTDOWN,
    ACCEPT_STOP,
    CALL_NOT_IMPLEMENTED,
    CONTROL_INTERROGATE,
    CONTROL_SHUTDOWN,
    CONTROL_STOP,
    NO_ERROR,
    RUNNING,
    SERVICE_SPECIFIC_ERROR,
    START_PENDING,
    STOP_PENDING,
    STOPPED,
    Service,
    Status,
)


@dataclass
class Manager:
    """Remembers what it was told."""

    told: list[Status] = field(default_factory=list)
    control: Callable[[int], int] = lambda _: -1
    name: str = ""

    def register(self, name: str, on_control: Callable[[int], int]) -> None:
        self.name, self.control = name, on_control

    def report(self, status: Status) -> None:
        self.told.append(status)

    @property
    def states(self) -> list[int]:
        return [status.state for status in self.told]


@pytest.mark.parametrize("control", [CONTROL_STOP, CONTROL_SHUTDOWN])
def test_it_starts_runs_and_stops_when_it_is_told_to(control: int) -> None:
    manager = Manager()

    def body(ended: threading.Event, ready: Callable[[], None]) -> int:
        assert manager.states == [START_PENDING]
        ready()
        assert manager.told[-1] == Status(RUNNING, ACCEPT_STOP | ACCEPT_SHUTDOWN)
        assert manager.control(CONTROL_INTERROGATE) == NO_ERROR
        assert manager.control(control) == NO_ERROR
        assert ended.is_set()
        ready()
        return 0

    Service("x", manager, body).main()
    assert manager.name == "x"
    assert manager.states == [START_PENDING, RUNNING, RUNNING, STOP_PENDING, STOPPED]
    assert manager.told[-1] == Status(STOPPED), "no error: it is not started again"


def test_what_it_does_not_know_it_says() -> None:
    manager = Manager()

    def body(_ended: threading.Event, _ready: Callable[[], None]) -> int:
        assert manager.control(200) == CALL_NOT_IMPLEMENTED
        return 0

    Service("x", manager, body).main()
    assert manager.states == [START_PENDING, STOPPED]


def test_a_failure_is_told_so_that_it_is_started_again() -> None:
    def fails(_ended: threading.Event, _ready: Callable[[], None]) -> int:
        return 3

    def breaks(_ended: threading.Event, _ready: Callable[[], None]) -> int:
        raise ValueError("broken")

    for body, code in ((fails, 3), (breaks, 1)):
        manager = Manager()
        Service("x", manager, body).main()
        assert manager.told[-1] == Status(STOPPED, 0, SERVICE_SPECIFIC_ERROR, code)
