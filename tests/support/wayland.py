"""A compositor that knows only who sits at it: ext-idle-notify-v1, on a socket, with requests read strictly."""

from __future__ import annotations

import asyncio
import struct
from pathlib import Path

from tests.support.waiting import eventually

GLOBALS = ["wl_compositor", "ext_idle_notifier_v1", "wl_seat"]
DISPLAY, SYNC, GET_REGISTRY = 1, 0, 1
BIND, GET_IDLE_NOTIFICATION, IDLED, RESUMED = 0, 1, 0, 1


def event(sender: int, code: int, body: bytes) -> bytes:
    return struct.pack("=II", sender, (8 + len(body)) << 16 | code) + body


def string(text: str) -> bytes:
    data = text.encode() + b"\0"
    return struct.pack("=I", len(data)) + data + bytes(-len(data) % 4)


class Compositor:
    """Serves one client after another; `globals` are told in their order, their names are their places in it."""

    def __init__(self, path: Path) -> None:
        self.globals = list(GLOBALS)
        self.silent = False
        self.greeting = b""  # said to whoever comes, instead of an answer
        self.connections = 0
        self.asked: list[tuple[int, str]] = []  # time limit (ms) and what was named as the seat
        self._path = path
        self._server: asyncio.Server | None = None
        self._writer: asyncio.StreamWriter | None = None
        self._objects: dict[int, str] = {}
        self._notifications: list[int] = []

    async def start(self) -> None:
        self._server = await asyncio.start_unix_server(self._serve, self._path)

    async def stop(self) -> None:
        if self._server is not None:
            self._server.close()
            if self._writer is not None:
                self._writer.close()
            await self._server.wait_closed()
            self._path.unlink(missing_ok=True)
            self._server = None

    async def idled(self, number: int = 0) -> None:
        await eventually(lambda: len(self._notifications) > number, "the wish to be told")
        await self._send(event(self._notifications[number], IDLED, b""))

    async def resumed(self, number: int = 0) -> None:
        await self._send(event(self._notifications[number], RESUMED, b""))

    async def remove_global(self, interface: str) -> None:
        """Remove the first one of a kind."""
        registry = next(number for number, kind in self._objects.items() if kind == "wl_registry")
        await self._send(event(registry, 1, struct.pack("=I", self.globals.index(interface))))

    async def _send(self, data: bytes) -> None:
        assert self._writer is not None
        self._writer.write(data)
        await self._writer.drain()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self._writer, self._objects, self._notifications = writer, {DISPLAY: "wl_display"}, []
        try:
            if self.greeting:
                writer.write(self.greeting)
            while not self.silent:
                receiver, word = struct.unpack("=II", await reader.readexactly(8))
                body = await reader.readexactly((word >> 16) - 8)
                if not self.greeting:
                    self._request(receiver, word & 0xFFFF, body)
            await reader.read()
        except (asyncio.IncompleteReadError, OSError):
            pass
        finally:
            writer.close()

    def _request(self, receiver: int, code: int, body: bytes) -> None:
        assert self._writer is not None
        kind = self._objects[receiver]
        if (kind, code) == ("wl_display", GET_REGISTRY):
            registry = self._add(struct.unpack("=I", body)[0], "wl_registry")
            for name, interface in enumerate(self.globals):
                version = struct.pack("=I", 2 if interface.startswith("ext") else 9)
                self._writer.write(event(registry, 0, struct.pack("=I", name) + string(interface) + version))
        elif (kind, code) == ("wl_display", SYNC):
            self._writer.write(event(self._add(struct.unpack("=I", body)[0], "wl_callback"), 0, bytes(4)))
        elif (kind, code) == ("wl_registry", BIND):
            name, length = struct.unpack_from("=II", body)
            interface = body[8 : 8 + length - 1].decode()
            version, number = struct.unpack("=II", body[8 + length + -length % 4 :])
            assert (self.globals[name], version) == (interface, 1)
            self._add(number, interface)
            if interface == "wl_seat":
                self._writer.write(event(number, 0, struct.pack("=I", 3)))  # it has a pointer and a keyboard
        elif (kind, code) == ("ext_idle_notifier_v1", GET_IDLE_NOTIFICATION):
            number, limit, seat = struct.unpack("=III", body)
            self._notifications.append(self._add(number, "ext_idle_notification_v1"))
            self.asked.append((limit, self._objects[seat]))
        else:
            raise AssertionError(f"{kind} has no request {code}")

    def _add(self, number: int, kind: str) -> int:
        """Take a new object's number, which must be the lowest one that is free."""
        assert number == max(self._objects) + 1, number
        self._objects[number] = kind
        return number
