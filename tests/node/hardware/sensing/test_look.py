"""One question asked in a task: who reads waits little, whatever the answer does."""

from __future__ import annotations

import asyncio
import threading

import pytest

from node.hardware.sensing.look import Look, Pace, in_thread
from node.hardware.sensing.told import Unknown
from node.program.tasks import TaskSet
from tests.support.waiting import eventually

SOON = Pace(patience=0.05)
ENDLESS = 3600.0


class Subject:
    """Answers with what it has, when it may."""

    def __init__(self) -> None:
        self.value: int | Unknown | Exception = 1
        self.may_answer = asyncio.Event()
        self.may_answer.set()
        self.asked = 0
        self.now = 100.0

    async def ask(self) -> int | Unknown:
        self.asked += 1
        await self.may_answer.wait()
        if isinstance(self.value, Exception):
            raise self.value
        return self.value


async def test_an_answer_is_given_and_asked_anew_each_time(tasks: TaskSet) -> None:
    subject = Subject()
    look = Look("what the weather is", subject.ask, tasks)
    assert await look.read() == 1
    subject.value = 2
    assert await look.read() == 2


async def test_a_young_answer_is_given_again_without_asking(tasks: TaskSet) -> None:
    subject = Subject()
    look = Look("what the weather is", subject.ask, tasks, Pace(holds=5.0), lambda: subject.now)
    assert await look.read() == 1
    subject.value, subject.now = 2, 104.0
    assert await look.read() == 1
    subject.now = 105.0
    assert await look.read() == 2
    assert subject.asked == 2


async def test_while_an_answer_does_not_come_the_last_one_holds_and_then_nobody_knows(tasks: TaskSet) -> None:
    subject = Subject()
    look = Look("what the weather is", subject.ask, tasks, SOON, lambda: subject.now)
    assert await look.read() == 1
    subject.may_answer.clear()
    subject.now += SOON.lasts - 1
    assert await look.read() == 1
    subject.now += 2
    assert await look.read() == Unknown("this computer does not tell what the weather is: it does not answer")
    assert subject.asked == 2, "the question that hangs is not asked a second time"
    subject.may_answer.set()
    subject.value = 3
    assert await look.read() == 3


async def test_a_question_that_hangs_for_ever_is_given_up_and_asked_anew(tasks: TaskSet) -> None:
    subject = Subject()
    subject.may_answer.clear()
    look = Look("what the weather is", subject.ask, tasks, Pace(patience=ENDLESS, limit=0.01))
    told = await look.read()
    assert isinstance(told, Unknown)
    assert "did not answer" in told.why
    subject.may_answer.set()
    assert await look.read() == 1


@pytest.mark.parametrize(
    ("error", "why"), [(OSError("broken"), "broken"), (ValueError(), "ValueError"), (KeyError("x"), "x")]
)
async def test_an_error_is_a_reason_not_to_know(tasks: TaskSet, error: Exception, why: str) -> None:
    subject = Subject()
    subject.value = error
    told = await Look("what the weather is", subject.ask, tasks).read()
    assert isinstance(told, Unknown)
    assert why in told.why


async def test_a_reader_that_is_cancelled_leaves_the_question_alone(tasks: TaskSet) -> None:
    subject = Subject()
    subject.may_answer.clear()
    look = Look("what the weather is", subject.ask, tasks, Pace(patience=ENDLESS))
    reader = tasks.start(look.read(), "read")
    await eventually(lambda: subject.asked, "the question")
    reader.cancel()
    await asyncio.gather(reader, return_exceptions=True)
    subject.may_answer.set()
    assert await look.read() == 1
    assert subject.asked == 1


async def test_a_question_that_blocks_runs_beside_the_loop_and_only_once_at_a_time(tasks: TaskSet) -> None:
    may_answer = threading.Event()
    threads: list[threading.Thread] = []

    def block() -> int:
        threads.append(threading.current_thread())
        may_answer.wait()
        return len(threads)

    ask = in_thread(block)
    first, second = tasks.start(ask(), "first"), tasks.start(ask(), "second")
    await eventually(lambda: threads, "the thread")
    first.cancel()
    may_answer.set()
    assert await second == 1
    assert await ask() == 2
    assert all(thread.daemon for thread in threads)


async def test_what_a_blocking_question_raises_is_raised() -> None:
    def fail() -> int:
        raise OSError("broken")

    ask = in_thread(fail)
    for _ in range(2):
        with pytest.raises(OSError, match="broken"):
            await ask()
