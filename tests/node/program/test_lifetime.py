from __future__ import annotations

import asyncio
import io
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from node.program.errors import EXIT_IN_USE, UserFacingError
from node.program.lifetime import guarded, make_loop, print_error, print_json, run_program

ROOT = Path(__file__).parents[3]
PROGRAM = """
import sys
from node.program.errors import UserFacingError
from node.program.lifetime import guarded, print_json, run_program

async def main(stop):
    print_json({"event": "ready"})
    if "fail" in sys.argv:
        raise UserFacingError("It broke.", "The disk is full.", "Free some space.", 4)
    await stop.wait()
    if "patient" in sys.argv:
        sys.stdin.read()
    print_json({"event": "ended"})
    return 7

sys.exit(guarded(lambda: run_program(main)))
"""


def start(*words: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", PROGRAM, *words],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=ROOT,
    )


@pytest.mark.skipif(os.name != "posix", reason="these signals are POSIX")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_a_program_in_order(number: signal.Signals) -> None:
    with start() as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == '{"event":"ready"}\n'
            process.send_signal(number)
            output, errors = process.communicate(timeout=60)
        finally:
            process.kill()
    assert (output, errors, process.returncode) == ('{"event":"ended"}\n', "", 7)


def test_an_error_that_a_person_shall_read_is_sentences_and_a_code() -> None:
    with start("fail") as process:
        try:
            _, errors = process.communicate(timeout=60)
        finally:
            process.kill()
    assert errors.splitlines() == ["It broke.", "The disk is full.", "Free some space."]
    assert process.returncode == 4


def test_a_program_gives_back_its_code() -> None:
    async def main(stop: asyncio.Event) -> int:
        assert not stop.is_set()
        return 5

    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    assert run_program(main) == 5
    assert {number: signal.getsignal(number) for number in before} == before


def test_the_loop_is_the_fastest_there_is() -> None:
    loop = make_loop()
    try:
        if sys.platform == "win32":
            assert isinstance(loop, asyncio.SelectorEventLoop)
        else:
            assert type(loop).__module__.startswith("uvloop")
    finally:
        loop.close()


def test_without_uvloop_asyncios_own_loop_serves(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "uvloop", None)
    loop = make_loop()
    try:
        assert type(loop).__module__.startswith("asyncio")
    finally:
        loop.close()


def test_guarded_turns_endings_into_codes() -> None:
    def ending(error: BaseException | None) -> int:
        def body() -> int:
            if error is not None:
                raise error
            return 9

        return guarded(body, io.StringIO())

    assert ending(None) == 9
    assert ending(UserFacingError("x", exit_code=EXIT_IN_USE)) == 3
    assert ending(KeyboardInterrupt()) == 130
    assert ending(BrokenPipeError()) == 0
    with pytest.raises(ValueError, match="a bug"):
        ending(ValueError("a bug"))


def test_empty_sentences_are_not_printed() -> None:
    stream = io.StringIO()
    print_error(UserFacingError("It broke.", "", "Mend it."), stream)
    assert stream.getvalue() == "It broke.\nMend it.\n"


def test_json_is_one_flushed_line() -> None:
    stream = io.StringIO()
    print_json({"event": "ready", "at": [1, 2]}, stream)
    assert stream.getvalue() == '{"event":"ready","at":[1,2]}\n'


@pytest.mark.skipif(os.name != "posix", reason="these signals are POSIX")
def test_several_signals_are_one() -> None:
    with start("patient") as process:
        try:
            assert process.stdin is not None and process.stdout is not None
            process.stdout.readline()
            for _ in range(3):
                process.send_signal(signal.SIGTERM)
            process.stdin.close()
            process.wait(60)
        finally:
            process.kill()
    assert process.returncode == 7
