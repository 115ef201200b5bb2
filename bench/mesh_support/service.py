"""A server that costs next to nothing: bodies down and up, and small answers. A node's service, or alone.

    python -m bench.mesh_support.service [--port 9000]

As a node's service it says on which port it listens, and ends when its stdin closes.
"""

from __future__ import annotations

import argparse
import asyncio
import re
from collections.abc import Callable
from typing import cast

from node.program.lifetime import make_loop, print_json
from node.services.builtin.server import end_with_stdin

PIECE = bytes(256 * 1024)
BUFFER = 1 << 20  # bytes that may wait to be sent
SMALL = b'{"ok":true}'
REQUEST = re.compile(rb"(GET|POST) [^ ]*?(?:/down\?bytes=([0-9]+))? HTTP/1\.1\r\n")
LENGTH = re.compile(rb"\r\ncontent-length: *([0-9]+)", re.IGNORECASE)
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/octet-stream\r\nContent-Length: %d\r\n\r\n"


class Answering(asyncio.Protocol):
    """One connection: GET .../down?bytes=N gets N bytes, everything else is read and gets a small answer."""

    def __init__(self) -> None:
        self._transport = cast("asyncio.Transport", None)
        self._head = b""
        self._coming = 0  # bytes of a body that are still to come
        self._going = 0
        self._paused = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self._transport.set_write_buffer_limits(BUFFER)

    def data_received(self, data: bytes) -> None:
        if self._coming:
            self._coming -= len(data)
            if not self._coming:
                self._transport.write(HEAD % len(SMALL) + SMALL)
            return
        self._head += data
        head, end, rest = self._head.partition(b"\r\n\r\n")
        if end:
            self._head = b""
            self._answer(head + b"\r\n", len(rest))

    def _answer(self, head: bytes, have: int) -> None:
        request, length = REQUEST.match(head), LENGTH.search(head)
        if request is None:
            self._transport.abort()
            return
        self._coming = (int(length[1]) if length else 0) - have
        if request[2]:
            self._going = int(request[2])
            self._transport.write(HEAD % self._going)
            self._go_on()
        elif not self._coming:
            self._transport.write(HEAD % len(SMALL) + SMALL)

    def _go_on(self) -> None:
        while self._going and not self._paused:
            piece = PIECE if self._going >= len(PIECE) else PIECE[: self._going]
            self._going -= len(piece)
            self._transport.write(piece)

    def pause_writing(self) -> None:
        self._paused = True

    def resume_writing(self) -> None:
        self._paused = False
        self._go_on()


async def serve(host: str, port: int, until: Callable[[asyncio.Event], None]) -> None:
    """Listen, say where, and go on until the event is set."""
    stop = asyncio.Event()
    until(stop)
    server = await asyncio.get_running_loop().create_server(Answering, host, port)
    print_json({"event": "ready", "port": server.sockets[0].getsockname()[1]})
    await stop.wait()
    server.close()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, default=0, help="TCP port on all addresses (0: any, on loopback)")
    port = parser.parse_args().port
    with asyncio.Runner(loop_factory=make_loop) as runner:
        loop = runner.get_loop()
        host = "0.0.0.0" if port else "127.0.0.1"
        runner.run(serve(host, port, lambda stop: end_with_stdin(loop, stop)))


if __name__ == "__main__":
    main()
