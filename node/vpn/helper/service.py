"""The life of a Windows service, told to the service manager step by step; who the manager is, is an argument."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

# winsvc.h
STOPPED, START_PENDING, STOP_PENDING, RUNNING = 1, 2, 3, 4
CONTROL_STOP, CONTROL_INTERROGATE, CONTROL_SHUTDOWN = 1, 4, 5
ACCEPT_STOP, ACCEPT_SHUTDOWN = 1, 4
NO_ERROR, CALL_NOT_IMPLEMENTED, SERVICE_SPECIFIC_ERROR = 0, 120, 1066  # winerror.h
PATIENCE = 30_000  # milliseconds that starting and ending may take
log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Status:
    """What the manager is told of the service (SERVICE_STATUS)."""

    state: int
    accepts: int = 0
    error: int = NO_ERROR
    own_error: int = 0  # where `error` is SERVICE_SPECIFIC_ERROR
    wait_hint: int = 0  # milliseconds


class Manager(Protocol):
    """The system's service manager."""

    def register(self, name: str, on_control: Callable[[int], int]) -> None:
        """Have controls come to a function, which returns an error of Windows; raise OSError."""
        ...

    def report(self, status: Status) -> None: ...


Body = Callable[[threading.Event, Callable[[], None]], int]  # (to end, call when ready) -> exit code


class Service:
    """Runs a body between the manager's start and its stop."""

    def __init__(self, name: str, manager: Manager, body: Body) -> None:
        self._name = name
        self._manager = manager
        self._body = body
        self._ended = threading.Event()
        self._status = Status(STOPPED)

    def main(self) -> None:
        """Do what the manager's thread is there for; return when the service has stopped."""
        self._manager.register(self._name, self._control)
        self._report(Status(START_PENDING, wait_hint=PATIENCE))
        try:
            code = self._body(self._ended, self._ready)
        except Exception:
            log.exception("the service ends")
            code = 1
        # With an error the manager starts it again (`sc failureflag`).
        self._report(Status(STOPPED) if code == 0 else Status(STOPPED, 0, SERVICE_SPECIFIC_ERROR, code))

    def _ready(self) -> None:
        if not self._ended.is_set():
            self._report(Status(RUNNING, ACCEPT_STOP | ACCEPT_SHUTDOWN))

    def _control(self, control: int) -> int:
        if control in (CONTROL_STOP, CONTROL_SHUTDOWN):
            self._report(Status(STOP_PENDING, wait_hint=PATIENCE))
            self._ended.set()
            return NO_ERROR
        if control == CONTROL_INTERROGATE:
            self._manager.report(self._status)
            return NO_ERROR
        return CALL_NOT_IMPLEMENTED

    def _report(self, status: Status) -> None:
        self._status = status
        self._manager.report(status)
