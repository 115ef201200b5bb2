"""How long nobody used an X11 screen, asked of the X server on a socket of our own.

Xlib would end this program together with the screen, so the few bytes that are needed are written here. Sources: X
Window System Protocol, version 11, appendix B; MIT-SCREEN-SAVER extension 1.1; Xauthority file format (Xau).
"""

from __future__ import annotations

import asyncio
import os
import re
import socket
import struct
import sys
from collections.abc import Mapping
from pathlib import Path

from node.hardware.sensing.told import Unknown

LIMIT = 3.0  # seconds for connecting or for one answer
MAX_REPLY = 2**20  # bytes; what the server says about itself has some thousands
COOKIE = b"MIT-MAGIC-COOKIE-1"
LOCAL, WILD = 256, 65535  # families of addresses in an Xauthority file
QUERY_EXTENSION, QUERY_INFO = 98, 1
ERROR, REPLY, GENERIC_EVENT = 0, 1, 35
LITTLE = sys.byteorder == "little"


class X11:
    """A connection to the local X server, made when it is needed and again when it was lost."""

    def __init__(self, environ: Mapping[str, str] = os.environ) -> None:
        self._environ = environ
        self._reader: asyncio.StreamReader | None = None
        self._writer: asyncio.StreamWriter | None = None
        self._root = self._saver = 0

    async def read(self) -> float | Unknown:
        """Return seconds since keyboard or mouse were used last."""
        if self._environ.get("WAYLAND_DISPLAY") or self._environ.get("XDG_SESSION_TYPE") == "wayland":
            return Unknown("a Wayland desktop does not tell its X11 programs who uses it")
        number = display_number(self._environ.get("DISPLAY", ""))
        if number is None:
            return Unknown("there is no X11 screen of this computer here")
        try:
            async with asyncio.timeout(LIMIT):
                if self._writer is None and not await self._connect(number):
                    return Unknown("this X11 screen does not tell when it was used last")
                reply = await self._ask(struct.pack("=BBHI", self._saver, QUERY_INFO, 2, self._root))
        except (OSError, EOFError, ValueError, struct.error) as error:
            self.close()
            return Unknown(f"the X11 screen cannot be asked: {str(error) or type(error).__name__}")
        except asyncio.CancelledError:
            self.close()  # its answer would come later, and be taken for another one
            raise
        return float(struct.unpack_from("=I", reply, 16)[0]) / 1000

    def close(self) -> None:
        """Let the connection go."""
        if self._writer is not None:
            self._writer.close()
        self._reader = self._writer = None

    async def _connect(self, number: int) -> bool:
        """Connect and look for the extension; say whether it is there."""
        self._reader, self._writer = await _open(number)
        self._writer.write(setup_request(cookie(self._environ, number)))
        head = await self._reader.readexactly(8)
        rest = await self._reader.readexactly(4 * struct.unpack_from("=H", head, 6)[0])
        if head[0] != 1:
            raise OSError("it does not let us in")
        self._root = root_window(head + rest)
        name = b"MIT-SCREEN-SAVER"
        reply = await self._ask(struct.pack("=BBHHH", QUERY_EXTENSION, 0, 2 + len(name) // 4, len(name), 0) + name)
        present, self._saver = reply[8], reply[9]
        if not present:
            self.close()
        return bool(present)

    async def _ask(self, request: bytes) -> bytes:
        """Send a request and return its reply; what comes unasked is read over."""
        assert self._reader is not None
        assert self._writer is not None
        self._writer.write(request)
        while True:
            message = await self._reader.readexactly(32)
            if message[0] in (REPLY, GENERIC_EVENT):
                more = 4 * struct.unpack_from("=I", message, 4)[0]
                if more > MAX_REPLY:
                    raise ValueError("it says too much")
                message += await self._reader.readexactly(more)
            if message[0] == REPLY:
                return message
            if message[0] == ERROR:
                raise ValueError(f"it refuses with error {message[1]}")


async def _open(number: int) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """Connect to the server of a display, but to nobody who only listens in its place: it is told the secret."""
    connection = socket.socket(socket.AF_UNIX)
    try:
        connection.setblocking(False)
        await asyncio.get_running_loop().sock_connect(connection, socket_path(number))
        if peer_uid(connection) not in (0, os.getuid()):
            raise OSError("another user listens there")
        return await asyncio.open_unix_connection(sock=connection)
    except BaseException:
        connection.close()
        raise


def socket_path(number: int) -> str:
    """Return where the X server of a display listens."""
    path = f"/tmp/.X11-unix/X{number}"  # noqa: S108 - where X servers listen, by definition
    return path if Path(path).exists() else "\0" + path


def peer_uid(connection: socket.socket) -> int:
    """Return whose process is at the other end."""
    credentials = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
    uid: int = struct.unpack("3i", credentials)[1]
    return uid


def display_number(display: str) -> int | None:
    """Return the number of a display of this computer, or None: a forwarded one is another computer's screen."""
    found = re.fullmatch(r"(?:unix|unix/[^:]*)?:(\d{1,5})(?:\.\d+)?", display)
    return int(found[1]) if found else None


def setup_request(secret: bytes) -> bytes:
    """Return what a client says first, with the secret from the Xauthority file, or none."""
    name = COOKIE if secret else b""
    head = struct.pack("=BxHHHHxx", ord("l") if LITTLE else ord("B"), 11, 0, len(name), len(secret))
    return head + _padded(name) + _padded(secret)


def root_window(setup: bytes) -> int:
    """Return the first screen's root window from the server's answer."""
    (vendor,), formats = struct.unpack_from("=H", setup, 24), setup[29]
    root: int = struct.unpack_from("=I", setup, 40 + vendor + -vendor % 4 + 8 * formats)[0]
    return root


def cookie(environ: Mapping[str, str], number: int) -> bytes:
    """Return the secret for a local display, or nothing where there is none."""
    path = environ.get("XAUTHORITY") or str(Path(environ.get("HOME") or Path.home(), ".Xauthority"))
    try:
        data = Path(path).read_bytes()[:MAX_REPLY]
    except OSError:
        return b""
    return find_cookie(data, number, socket.gethostname().encode())


def find_cookie(data: bytes, number: int, host: bytes) -> bytes:
    """Return the secret for a display of this host from an Xauthority file's entries; pure."""
    position = 0
    try:
        while position < len(data):
            family = struct.unpack_from(">H", data, position)[0]
            position += 2
            fields = []
            for _ in range(4):
                length = struct.unpack_from(">H", data, position)[0]
                fields.append(data[position + 2 : position + 2 + length])
                position += 2 + length
            address, display, name, secret = fields
            here = family == WILD or (family == LOCAL and address == host)
            if here and display in (b"", str(number).encode()) and name == COOKIE:
                return secret
    except struct.error:  # it ends in the middle
        pass
    return b""


def _padded(data: bytes) -> bytes:
    return data + bytes(-len(data) % 4)
