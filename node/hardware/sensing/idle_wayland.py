"""How long nobody used a Wayland desktop, told by its compositor: a client of ext-idle-notify-v1 and nothing else.

KWin, Sway and other wlroots desktops, Hyprland, COSMIC and niri have this protocol. Playing a film counts as use,
for players say so to the compositor. Sources: Wayland protocol (core), ext-idle-notify-v1 of wayland-protocols.
"""

from __future__ import annotations

import asyncio
import os
import struct
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from node.hardware.sensing.told import Unknown
from node.program.tasks import TaskSet

LIMIT = 3.0  # seconds until a compositor has told what it has
IDLE_AFTER = 5.0  # seconds without use after which the compositor tells us
ABSENT_FOR = 300.0  # seconds until we look again on a desktop that has no such protocol
RETRY = 10.0  # seconds until we connect again
MAX_SEATS = 8
MAX_BUFFERED = 2**17  # bytes; a message has at most 65,535
DISPLAY, REGISTRY, CALLBACK = 1, 2, 3  # numbers of objects; the rest is counted on from 4
NO_PROTOCOL = Unknown("this Wayland desktop has no ext-idle-notify-v1")


class Seats:
    """The conversation without its socket: bytes in, bytes out, and since when each seat is idle."""

    def __init__(self) -> None:
        self.complete = False  # the compositor has told all that it has
        self.error = ""
        self._buffer = b""
        self._next = 4
        self._notifier = 0
        self._waiting: list[tuple[int, int]] = []  # name and number of seats that were told of before the notifier
        self._idle: dict[int, float | None] = {}  # notification: when it began, or None while its seat is used
        self._of_seat: dict[int, int] = {}  # a seat's name: its notification

    @staticmethod
    def hello() -> bytes:
        """Return what a client says first: tell me what there is, and when that was all."""
        return _message(DISPLAY, 1, struct.pack("=I", REGISTRY)) + _message(DISPLAY, 0, struct.pack("=I", CALLBACK))

    def idle_seconds(self, now: float) -> float | Unknown:
        """Return for how long no seat was used; a pause of less than IDLE_AFTER counts as use."""
        if not self._idle:
            return NO_PROTOCOL
        return min(0.0 if since is None else max(0.0, now - since) for since in self._idle.values())

    def feed(self, data: bytes, now: float) -> bytes:
        """Take what the compositor said at a time, and return what is to be answered."""
        self._buffer += data
        if len(self._buffer) > MAX_BUFFERED:
            raise ValueError("a message is too long")
        return b"".join(self._take(*message, now) for message in self._messages())

    def _messages(self) -> Iterator[tuple[int, int, bytes]]:
        while len(self._buffer) >= 8:
            sender, word = struct.unpack_from("=II", self._buffer)
            size = word >> 16
            if size < 8:
                raise ValueError("a message has no length")
            if len(self._buffer) < size:
                return
            body, self._buffer = self._buffer[8:size], self._buffer[size:]
            yield sender, word & 0xFFFF, body

    def _take(self, sender: int, event: int, body: bytes, now: float) -> bytes:
        if sender == DISPLAY and event == 0:
            self.error = _string(body, 8)
        elif sender == CALLBACK:
            self.complete = True
        elif sender == REGISTRY and event == 0:
            return self._found(struct.unpack_from("=I", body)[0], _string(body, 4))
        elif sender == REGISTRY and event == 1:
            self._idle.pop(self._of_seat.pop(struct.unpack_from("=I", body)[0], 0), None)
        elif sender in self._idle:
            self._idle[sender] = now - IDLE_AFTER if event == 0 else None
        return b""

    def _found(self, name: int, interface: str) -> bytes:
        """Bind what we need, and ask for notifications as soon as there are a notifier and a seat."""
        if interface == "ext_idle_notifier_v1" and not self._notifier:
            self._notifier = self._new()
            seats, self._waiting = self._waiting, []
            return _bind(name, interface, self._notifier) + b"".join(self._watch(*seat) for seat in seats)
        if interface == "wl_seat" and len(self._idle) + len(self._waiting) < MAX_SEATS:
            seat = self._new()
            bound = _bind(name, interface, seat)
            if self._notifier:
                return bound + self._watch(name, seat)
            self._waiting.append((name, seat))
            return bound
        return b""

    def _watch(self, name: int, seat: int) -> bytes:
        notification = self._new()
        self._idle[notification] = None
        self._of_seat[name] = notification
        return _message(self._notifier, 1, struct.pack("=III", notification, int(IDLE_AFTER * 1000), seat))

    def _new(self) -> int:
        self._next += 1
        return self._next - 1


class Wayland:
    """The connection to the compositor; made when it is needed, kept, and made again when it was lost."""

    def __init__(
        self,
        tasks: TaskSet,
        environ: Mapping[str, str] = os.environ,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._tasks = tasks
        self._environ = environ
        self._clock = clock
        self._seats: Seats | None = None
        self._writer: asyncio.StreamWriter | None = None
        self._told = asyncio.Event()
        self._retry_at = 0.0
        self._trouble = NO_PROTOCOL

    async def read(self) -> float | Unknown:
        """Return seconds since keyboard, mouse or screen were used last."""
        if self._seats is None:
            if self._clock() < self._retry_at:
                return self._trouble
            await self._connect()
        if self._seats is None:
            return self._trouble
        return self._seats.idle_seconds(self._clock())

    def close(self) -> None:
        """Let the connection go."""
        if self._writer is not None:
            self._writer.close()
        self._seats = self._writer = None

    async def _connect(self) -> None:
        path = socket_path(self._environ)
        if path is None:
            return self._failed("there is no Wayland desktop here", RETRY)
        try:
            async with asyncio.timeout(LIMIT):
                reader, self._writer = await asyncio.open_unix_connection(path)
                self._told.clear()
                seats = Seats()
                self._writer.write(seats.hello())
                self._tasks.start(self._listen(seats, reader, self._writer), "read the Wayland desktop")
                await self._told.wait()
        except (OSError, TimeoutError) as error:
            return self._failed(f"the Wayland desktop cannot be asked: {str(error) or 'it does not answer'}", RETRY)
        except asyncio.CancelledError:
            self.close()
            raise
        if seats.error or isinstance(seats.idle_seconds(0.0), Unknown):
            return self._failed(seats.error or NO_PROTOCOL.why, ABSENT_FOR)
        if seats.complete:
            self._seats = seats
        return None

    def _failed(self, why: str, pause: float) -> None:
        self.close()
        self._trouble, self._retry_at = Unknown(why), self._clock() + pause

    async def _listen(self, seats: Seats, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Read to the end of the connection, and answer."""
        try:
            while (data := await reader.read(4096)) and not seats.error:
                writer.write(seats.feed(data, self._clock()))
                if seats.complete or seats.error:
                    self._told.set()
        except (OSError, ValueError, struct.error, UnicodeDecodeError) as error:
            seats.error = str(error)
        finally:
            writer.close()
            self._told.set()
            if self._writer is writer:
                self._failed("the Wayland desktop has hung up", RETRY)


def socket_path(environ: Mapping[str, str]) -> str | None:
    """Return where the compositor listens, also for a program that was started before it."""
    folder = Path(environ.get("XDG_RUNTIME_DIR", f"/run/user/{os.getuid()}"))
    if name := environ.get("WAYLAND_DISPLAY"):
        return str(folder / name)  # an absolute name stays as it is
    return next((str(path) for path in sorted(folder.glob("wayland-*")) if path.is_socket()), None)


def _message(receiver: int, request: int, body: bytes) -> bytes:
    return struct.pack("=II", receiver, (8 + len(body)) << 16 | request) + body


def _bind(name: int, interface: str, number: int) -> bytes:
    text = interface.encode() + b"\0"
    padded = text + bytes(-len(text) % 4)
    return _message(REGISTRY, 0, struct.pack("=II", name, len(text)) + padded + struct.pack("=II", 1, number))


def _string(body: bytes, position: int) -> str:
    length = struct.unpack_from("=I", body, position)[0]
    return body[position + 4 : position + 4 + length].rstrip(b"\0").decode("utf-8", "replace")
