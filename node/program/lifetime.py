"""Runs a program's asyncio main until a signal, and turns what a person must read into a line and an exit code."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import sys
from collections.abc import Callable, Coroutine
from typing import Any, TextIO

import msgspec

from node.program.errors import UserFacingError
from node.program.open_files import allow_open_files


def run_program(main: Callable[[asyncio.Event], Coroutine[Any, Any, int]]) -> int:
    """Run `main(stop)`; `stop` is set by SIGINT, SIGTERM or Ctrl-Break. Return the exit code."""
    allow_open_files()
    with asyncio.Runner(loop_factory=make_loop) as runner:
        return runner.run(_until_signalled(main))


def make_loop() -> asyncio.AbstractEventLoop:
    """Make the fastest loop that suits: uvloop where there is one, the selector loop on Windows.

    The Proactor loop's UDP goes deaf on Windows after an ICMP port-unreachable.
    """
    if sys.platform == "win32":
        return asyncio.SelectorEventLoop()
    try:
        import uvloop
    except ImportError:
        return asyncio.new_event_loop()
    return uvloop.new_event_loop()


def guarded(body: Callable[[], int], stderr: TextIO | None = None) -> int:
    """Call `body`; print a UserFacingError as its sentences and return its exit code."""
    try:
        return body()
    except UserFacingError as error:
        print_error(error, stderr or sys.stderr)
        return error.exit_code
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        return 0


def print_error(error: UserFacingError, stream: TextIO) -> None:
    for sentence in filter(None, (error.title, error.message, error.hint)):
        print(sentence, file=stream)


def print_json(document: object, stream: TextIO | None = None) -> None:
    """Print one JSON document on one line and flush it, for scripts that wait for it."""
    print(msgspec.json.encode(document).decode(), file=stream or sys.stdout, flush=True)


async def _until_signalled(main: Callable[[asyncio.Event], Coroutine[Any, Any, int]]) -> int:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    with contextlib.ExitStack() as handlers:
        for name in ("SIGINT", "SIGTERM", "SIGBREAK"):
            number = getattr(signal, name, None)
            if number is not None:
                _handle(loop, number, stop, handlers)
        return await main(stop)


def _handle(
    loop: asyncio.AbstractEventLoop, number: signal.Signals, stop: asyncio.Event, handlers: contextlib.ExitStack
) -> None:
    """Let a signal set `stop`, and put back afterwards what was there: a closed loop would swallow it."""
    before = signal.getsignal(number) or signal.SIG_DFL  # None: it was not set from Python
    try:
        loop.add_signal_handler(number, stop.set)
        handlers.callback(signal.signal, number, before)
        handlers.callback(loop.remove_signal_handler, number)
    except NotImplementedError:  # Windows
        with contextlib.suppress(ValueError):
            signal.signal(number, lambda *_: loop.call_soon_threadsafe(stop.set))
            handlers.callback(signal.signal, number, before)
