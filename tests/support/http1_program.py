"""A server as a process of its own: answers everything itself a moment later, and drains when it is told to end.

Prints its port, and at the end how many requests it had. Arguments: "uvloop" or "asyncio", seconds before an
answer, and seconds that a head may take.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from node.forwarding.http1.exchange import Exchange
from node.forwarding.http1.limits import ServerLimits
from node.forwarding.http1.server import Http1Server
from node.forwarding.http1.sweep import Sweep
from tests.support.http1 import DEADLINE, listening

ROOT = Path(__file__).parents[2]
PATIENT = 600.0  # seconds: a slow machine is not what is tested


class Answering:
    """Answers after a while."""

    def __init__(self, pause: float) -> None:
        self.pause = pause
        self.count = 0

    def begin(self, exchange: Exchange) -> None:
        self.count += 1
        if self.pause:
            asyncio.get_running_loop().call_later(self.pause, functools.partial(exchange.answer, 200, b"", b"ok"))
        else:
            exchange.answer(200, b"", b"ok")

    def finished(self, exchange: Exchange) -> None:
        """Keep nothing."""


async def serve(pause: float) -> None:
    """Serve until SIGTERM."""
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    handler, listener = Answering(pause), listening(1024)
    limits = ServerLimits(head_time=float(sys.argv[3]), keepalive=PATIENT, drain_grace=DEADLINE)
    server = Http1Server(handler, [listener], sweep=Sweep(), limits=limits)
    port = listener.getsockname()[1]
    await server.start()
    print(port, flush=True)
    await stop.wait()
    await server.drain(DEADLINE)
    await server.stop()
    print(handler.count, flush=True)


def main() -> None:
    raise_file_limit()
    if sys.argv[1] == "uvloop":
        import uvloop

        uvloop.run(serve(float(sys.argv[2])))
    else:
        asyncio.run(serve(float(sys.argv[2])))


def raise_file_limit() -> int:
    """Let this process have as many files as it may; return how many."""
    if sys.platform == "win32":
        return sys.maxsize
    import resource

    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return sys.maxsize if hard == resource.RLIM_INFINITY else hard


@contextlib.contextmanager
def served(
    loop: str, *, pause: float = 0.0, head_time: float = PATIENT
) -> Iterator[tuple[subprocess.Popen[str], int]]:
    """Run the program; give it and its port."""
    command = [sys.executable, "-m", "tests.support.http1_program", loop, str(pause), str(head_time)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield process, int(process.stdout.readline())
        finally:
            process.kill()


if __name__ == "__main__":
    main()
