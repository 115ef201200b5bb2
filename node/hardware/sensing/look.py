"""One question to the computer, asked so that nobody waits long for the answer, even if it never comes."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import threading
import time
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from node.hardware.sensing.told import Unknown
from node.program.tasks import TaskSet

T = TypeVar("T")
log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Pace:
    """How long is waited (seconds): by whoever reads, by the question itself, and how long an answer holds."""

    patience: float = 0.8
    limit: float = 20.0
    holds: float = 0.0  # an answer this young is given again without asking
    lasts: float = 60.0  # an answer this young is given while the next one does not come


class Look(Generic[T]):
    """Asks in a task of its own, one at a time; readers get its answer, or an older one, or why there is none.

    `subject` is a clause: this computer does not tell "when it was used last".
    """

    def __init__(
        self,
        subject: str,
        ask: Callable[[], Awaitable[T | Unknown]],
        tasks: TaskSet,
        pace: Pace = Pace(),
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._subject = subject
        self._ask = ask
        self._tasks = tasks
        self._pace = pace
        self._clock = clock
        self._task: asyncio.Task[None] | None = None
        self._answer: T | Unknown = self._unknown("nobody has asked yet")
        self._answered_at: float | None = None

    async def read(self) -> T | Unknown:
        """Return the newest answer; never raises, and takes no longer than the pace's patience."""
        if self._age() < self._pace.holds:
            return self._answer
        if self._task is None or self._task.done():
            self._task = self._tasks.start(self._run(), self._subject)
        done, _ = await asyncio.wait({self._task}, timeout=self._pace.patience)
        if done or self._age() < self._pace.lasts:
            return self._answer
        return self._unknown("it does not answer")

    def _unknown(self, why: str) -> Unknown:
        return Unknown(f"this computer does not tell {self._subject}: {why}")

    def _age(self) -> float:
        return self._clock() - self._answered_at if self._answered_at is not None else float("inf")

    async def _run(self) -> None:
        try:
            async with asyncio.timeout(self._pace.limit):
                answer = await self._ask()
        except TimeoutError:
            answer = self._unknown(f"it did not answer within {self._pace.limit:.0f} s")
        except Exception as error:  # drivers and desktops say all kinds of things; a rule is no reason to end
            log.debug("not told: %s", self._subject, exc_info=True)
            answer = self._unknown(str(error) or type(error).__name__)
        self._answer, self._answered_at = answer, self._clock()


def in_thread(ask: Callable[[], T]) -> Callable[[], Coroutine[Any, Any, T]]:
    """Make a question that blocks one that does not: one thread at a time, which keeps nobody from ending.

    While it hangs, whoever asks waits for the same thread. One of the loop's own threads would be lost to others,
    and the program would wait for it at its end.
    """
    running: asyncio.Future[T] | None = None

    async def asked() -> T:
        nonlocal running
        if running is None or running.done():
            running = asyncio.get_running_loop().create_future()
            threading.Thread(target=_work, args=(ask, running), name="sensor", daemon=True).start()
        return await asyncio.shield(running)

    return asked


def _work(ask: Callable[[], T], answer: asyncio.Future[T]) -> None:
    """Have the loop told what `ask` returns or raises, if there still is a loop."""
    value: T | Exception
    try:
        value = ask()
    except Exception as error:
        value = error
    with contextlib.suppress(RuntimeError):
        answer.get_loop().call_soon_threadsafe(_tell, answer, value)


def _tell(answer: asyncio.Future[T], value: T | Exception) -> None:
    if answer.done():
        return
    if isinstance(value, Exception):
        answer.set_exception(value)
        answer.exception()  # maybe nobody waits for it any more
    else:
        answer.set_result(value)
