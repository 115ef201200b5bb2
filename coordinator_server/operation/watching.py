"""Keeps the overview on a terminal: drawn anew each second and when its size changes, until q or Ctrl-C."""

from __future__ import annotations

import contextlib
import os
import select
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any, TextIO

from coordinator_server.operation.screen import Paper, draw
from node.program.errors import UserFacingError

PAUSE = 1.0  # seconds
ENTER, LEAVE = "\x1b[?1049h\x1b[?25l\x1b[?7l", "\x1b[?7h\x1b[?25h\x1b[?1049l"
Ask = Callable[[], Mapping[str, Any]]


def is_screen(stream: TextIO) -> bool:
    """Say whether this is a terminal on which text can be placed."""
    return stream.isatty() and os.environ.get("TERM", "dumb") != "dumb"


def paper_for(stream: TextIO, *, whole: bool) -> Paper:
    """Return what a stream can show; `whole` leaves out its height."""
    if not stream.isatty():
        return Paper()
    try:
        size = os.get_terminal_size(stream.fileno())
    except OSError:
        return Paper()
    colour = is_screen(stream) and not os.environ.get("NO_COLOR")
    return Paper(max(20, size.columns), None if whole else max(5, size.lines), colour)


def watch(ask: Ask, stream: TextIO) -> None:
    """Show the overview until somebody ends it; where there is no screen, print it again and again."""
    feed = Feed(ask)
    feed.start()
    try:
        with _screen(stream, feed) as keys:
            while True:
                feed.wait_for_news(keys)
                if _ended(keys):
                    return
                _show(feed, stream)
    except KeyboardInterrupt:
        return
    finally:
        feed.stop()


class Feed(threading.Thread):
    """Asks for the overview once a second, beside whoever draws; remembers the last answer, or why none came."""

    def __init__(self, ask: Ask) -> None:
        super().__init__(name="overview", daemon=True)
        self.last: Mapping[str, Any] | None = None
        self.trouble = ""
        self._ask = ask
        self._enough = threading.Event()
        self._news, self._teller = os.pipe()
        os.set_blocking(self._teller, False)

    def run(self) -> None:
        since = 0.0
        while not self._enough.is_set():
            try:
                self.last, self.trouble = self._ask(), ""
            except (UserFacingError, OSError) as error:
                since = since if self.trouble else time.time()
                clock = time.strftime("%H:%M:%S", time.localtime(since))
                self.trouble = f"No answer since {clock}: {error}"
            self.tell()
            self._enough.wait(PAUSE)

    def tell(self, *_: object) -> None:
        """Have it drawn anew; also where a signal says that the size has changed."""
        with contextlib.suppress(OSError):  # full, or closed at the end
            os.write(self._teller, b".")

    def wait_for_news(self, keys: int | None) -> None:
        found, _, _ = select.select([self._news, *([] if keys is None else [keys])], [], [])
        if self._news in found:
            os.read(self._news, 4096)

    def stop(self) -> None:
        self._enough.set()


def _show(feed: Feed, stream: TextIO) -> None:
    placed = is_screen(stream)
    if feed.last is None:
        lines = [feed.trouble] if feed.trouble else []
    else:
        lines = draw(feed.last, paper_for(stream, whole=not placed), feed.trouble)
    if placed:
        stream.write("\x1b[H" + "".join(line + "\x1b[K\r\n" for line in lines[:-1]))
        stream.write("".join(lines[-1:]) + "\x1b[K\x1b[J")
    else:
        stream.write("\n".join(lines) + "\n\n")
    stream.flush()


def _ended(keys: int | None) -> bool:
    if keys is None or not select.select([keys], [], [], 0)[0]:
        return False
    typed = os.read(keys, 64)
    return not typed or b"q" in typed.lower() or b"\x03" in typed


@contextlib.contextmanager
def _screen(stream: TextIO, feed: Feed) -> Iterator[int | None]:
    """Take the screen, and give it back as it was, whatever ends us; yield where keys are read, if anywhere."""
    if not is_screen(stream) or sys.platform == "win32":
        yield None
        return
    with contextlib.ExitStack() as back:
        back.callback(stream.flush)
        back.callback(stream.write, LEAVE)
        stream.write(ENTER)
        for number, handler in (
            (signal.SIGWINCH, feed.tell),
            (signal.SIGTERM, _end),
            (signal.SIGHUP, _end),
            (signal.SIGTSTP, signal.SIG_IGN),  # who stops us would find the screen taken
        ):
            back.callback(signal.signal, number, signal.signal(number, handler))
        yield _keys(back)


def _keys(back: contextlib.ExitStack) -> int | None:
    import termios
    import tty

    if not sys.stdin.isatty():
        return None
    number = sys.stdin.fileno()
    back.callback(termios.tcsetattr, number, termios.TCSADRAIN, termios.tcgetattr(number))
    tty.setcbreak(number)
    return number


def _end(*_: object) -> None:
    raise KeyboardInterrupt
