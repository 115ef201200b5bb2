"""Reader processes are kept, bounded in number and time, and replaced when they crash or hang."""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import psutil
import pytest

from node.services.builtin.document_processing.documents import DocumentError, Job, NotReadError
from node.services.builtin.document_processing.readers import Readers
from tests.support.builtin_services import DEMO, ROOT, make_pdf
from tests.support.processes import is_alive, living_children
from tests.support.waiting import eventually

pytestmark = pytest.mark.processes

HELLO = Job("pdf", make_pdf("Hello"))
# Works like a reader, but sleeps or works for ever or crashes where the text asks for it.
ODD = """
import os, sys, time
from node.services.builtin.document_processing import reader
def read(job):
    if job.data == b"hang": time.sleep(600)
    while job.data == b"burn": pass
    if job.data == b"crash": os.abort()
    return original(job)
original, reader._read = reader._read, read
reader.main()
"""


@pytest.fixture
async def odd(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Readers]:
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    readers = Readers(2, work_limit=60.0, patience=600.0, command=[sys.executable, "-c", ODD])
    yield readers
    await readers.stop()
    assert readers.pids == ()
    assert living_children() == []


async def test_one_reader_serves_many_documents(odd: Readers) -> None:
    await odd.start()
    pids = odd.pids
    for _ in range(5):
        assert (await odd.read(HELLO)).text == "Hello"
    assert odd.pids == pids


async def test_never_more_than_the_count(odd: Readers) -> None:
    documents = await asyncio.gather(*(odd.read(HELLO) for _ in range(8)))
    assert {document.text for document in documents} == {"Hello"}
    assert 1 <= len(odd.pids) <= 2


async def test_a_crash_is_a_reason_and_the_next_document_is_read(odd: Readers) -> None:
    with pytest.raises(DocumentError) as caught:
        await odd.read(Job("plain", b"crash"))
    assert caught.value.code == "broken" and "crashed its reader" in caught.value.reason
    assert (await odd.read(HELLO)).text == "Hello"


async def test_a_document_that_takes_too_long_is_given_up(odd: Readers) -> None:
    await odd.start()
    before = odd.pids
    odd._work_limit = 0.5
    with pytest.raises(DocumentError) as caught:
        await odd.read(Job("plain", b"burn"))
    odd._work_limit = 60.0
    assert caught.value.code == "too-complex" and "more than 0.5 s of processor time" in caught.value.reason
    assert (await odd.read(HELLO)).text == "Hello"
    assert set(odd.pids).isdisjoint(before)


async def test_time_that_a_machine_is_too_busy_for_is_not_the_documents_fault(odd: Readers) -> None:
    await odd.start()
    before = odd.pids
    odd._patience = 1.0
    for _ in range(3):  # as often as there are readers, and once more
        with pytest.raises(NotReadError, match="too busy"):
            await odd.read(Job("plain", b"hang"))
    odd._patience = 600.0
    assert (await odd.read(HELLO)).text == "Hello"
    assert set(odd.pids).isdisjoint(before)


async def test_waiting_for_a_reader_is_time_as_well(odd: Readers) -> None:
    odd._patience = 1.0
    hang = Job("plain", b"hang")
    ends = await asyncio.gather(*(odd.read(hang) for _ in range(3)), return_exceptions=True)
    assert [type(end) for end in ends] == [NotReadError] * 3


async def test_a_reader_killed_while_idle_is_replaced(odd: Readers) -> None:
    await odd.start()
    reader = psutil.Process(odd.pids[0])
    os.kill(reader.pid, signal.SIGKILL)
    await eventually(lambda: not is_alive(reader), "the reader's end")
    assert (await odd.read(HELLO)).text == "Hello"


@pytest.mark.skipif(os.name == "nt", reason="Windows does not tell who ended a process")
async def test_a_reader_that_is_killed_while_it_reads_says_nothing_of_the_document(odd: Readers) -> None:
    await odd.start()
    reading = asyncio.gather(odd.read(Job("plain", b"hang")), return_exceptions=True)
    await eventually(lambda: not odd._idle, "a reader that has work")
    os.kill(odd.pids[0], signal.SIGKILL)
    (end,) = await reading
    assert isinstance(end, NotReadError) and "short of memory" in str(end)


async def test_a_caller_who_goes_away_frees_the_reader(odd: Readers) -> None:
    await odd.start()
    before = odd.pids
    reading = asyncio.get_running_loop().create_task(odd.read(Job("plain", b"hang")))
    await asyncio.sleep(0)
    reading.cancel()
    with pytest.raises(asyncio.CancelledError):
        await reading
    await eventually(lambda: odd.pids != before, "the end of the abandoned reader")


async def test_the_real_reader_reads_the_real_letter(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    readers = Readers(1)
    try:
        document = await readers.read(Job("pdf", Path(DEMO / "debt-letter.pdf").read_bytes()))
        assert document.page_count == 3
    finally:
        await readers.stop()
