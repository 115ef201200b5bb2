"""A D-Bus as a client of few words needs it: calls with a limit, signals as hints, a new connection after a break.

The format of messages is jeepney's; the connection is ours, for a call that was given up must not harm the next. A
signal may come from anybody on the bus, so it only makes us ask again: answers come from whom we asked.
Source: D-Bus specification 0.43.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import logging
import os
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jeepney import DBusAddress, HeaderFields, Message, MessageFlag, MessageType, Parser, new_method_call
from jeepney.auth import BEGIN, Authenticator
from jeepney.bus import get_connectable_addresses

from node.hardware.sensing.told import Unknown
from node.program.tasks import TaskSet

CALL_LIMIT = 3.0  # seconds, connecting included
RETRY_FIRST, RETRY_MOST = 2.0, 60.0  # seconds between connections that fail
MAX_BUFFERED = 4 * 2**20  # bytes of one message; what we ask for has some hundreds
MAX_WAITING = 100
DAEMON = DBusAddress("/org/freedesktop/DBus", "org.freedesktop.DBus", "org.freedesktop.DBus")
ABSENT = frozenset({"org.freedesktop.DBus.Error.ServiceUnknown", "org.freedesktop.DBus.Error.NameHasNoOwner"})
# What jeepney raises for bytes that are no messages, addresses that are none, and a wire that breaks.
BROKEN = (OSError, EOFError, ValueError, RuntimeError, StopIteration, LookupError, AssertionError)
log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Signal:
    """Which signal is wanted; `argument` is its first argument, where that matters."""

    path: str
    interface: str
    member: str
    argument: str = ""
    sender: str = ""

    def rule(self) -> str:
        parts = {
            "type": "signal", "path": self.path, "interface": self.interface, "member": self.member,
            "arg0": self.argument, "sender": self.sender,
        }  # fmt: skip
        return ",".join(f"{key}='{value}'" for key, value in parts.items() if value)

    def matches(self, message: Message) -> bool:
        fields = message.header.fields
        return (
            fields.get(HeaderFields.path) == self.path
            and fields.get(HeaderFields.interface) == self.interface
            and fields.get(HeaderFields.member) == self.member
            and (not self.argument or message.body[:1] == (self.argument,))
        )


def session_address(environ: Mapping[str, str] = os.environ) -> str | None:
    """Return where the bus of our own desktop session is, or None without one."""
    if given := environ.get("DBUS_SESSION_BUS_ADDRESS"):
        return given
    folder = environ.get("XDG_RUNTIME_DIR") or f"/run/user/{os.getuid()}"
    return f"unix:path={folder}/bus" if Path(folder, "bus").is_socket() else None


def system_address(environ: Mapping[str, str] = os.environ) -> str | None:
    """Return where the bus of the whole computer is, or None without one."""
    if given := environ.get("DBUS_SYSTEM_BUS_ADDRESS"):
        return given
    place = Path("/run/dbus/system_bus_socket")
    return f"unix:path={place}" if place.is_socket() else None


class Bus:
    """One bus, connected when it is first needed; `name` is what a sentence calls it."""

    def __init__(
        self,
        name: str,
        address: Callable[[], str | None],
        tasks: TaskSet,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.generation = 0  # grows with every connection: what was known from the one before may be stale
        self._name = name
        self._address = address
        self._tasks = tasks
        self._clock = clock
        self._connection: _Connection | None = None
        self._connecting = asyncio.Lock()
        self._retry_at, self._pause = 0.0, RETRY_FIRST
        self._trouble = Unknown(f"there is no {name} here")
        self._listeners: list[tuple[Signal, Callable[[tuple[Any, ...]], None]]] = []

    @property
    def connected(self) -> bool:
        return self._connection is not None and self._connection.alive

    async def call(
        self,
        service: str,
        path: str,
        interface: str,
        member: str,
        *,
        signature: str = "",
        body: tuple[Any, ...] = (),
    ) -> tuple[Any, ...] | Unknown:
        """Return what a method answers, or why nothing came; no service is started for it."""
        message = _call(DBusAddress(path, service, interface), member, signature, body)
        try:
            async with asyncio.timeout(CALL_LIMIT):
                connection = await self._connect()
                if isinstance(connection, Unknown):
                    return connection
                reply = await connection.ask(message)
        except TimeoutError:
            return Unknown(f"{service} does not answer")
        except BROKEN as error:
            return Unknown(f"the {self._name} was lost: {str(error) or type(error).__name__}")
        return _answer(service, reply)

    async def listen(self, signal: Signal, heard: Callable[[tuple[Any, ...]], None]) -> None:
        """Call `heard` with the signal's arguments from now on, on later connections too."""
        self._listeners.append((signal, heard))
        if self._connection is not None and self._connection.alive:
            with contextlib.suppress(*BROKEN):
                await self._connection.send(_match(signal))

    async def ready(self) -> bool:
        """Connect if that is not done, so that signals come; say whether there is a connection."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(CALL_LIMIT):
                return not isinstance(await self._connect(), Unknown)
        return False

    def close(self) -> None:
        """Let the connection go; may be called any number of times."""
        if self._connection is not None:
            self._connection.close()

    async def _connect(self) -> _Connection | Unknown:
        async with self._connecting:
            if self._connection is not None and self._connection.alive:
                return self._connection
            if self._clock() < self._retry_at:
                return self._trouble
            try:
                return await self._open()
            except BROKEN as error:
                return self._failed(f"the {self._name} cannot be used: {str(error) or type(error).__name__}")
            except asyncio.CancelledError:  # by a limit: the bus itself hangs
                self._failed(f"the {self._name} does not answer")
                raise

    async def _open(self) -> _Connection | Unknown:
        address = self._address()
        if address is None:
            return self._failed(f"there is no {self._name} here")
        reader, writer = await asyncio.open_unix_connection(next(iter(get_connectable_addresses(address))))
        connection = _Connection(reader, writer, self._heard)
        try:
            await connection.authenticate()
            self._tasks.start(connection.run(), f"read the {self._name}")
            await connection.ask(_call(DAEMON, "Hello"))
            for signal, _ in self._listeners:
                await connection.send(_match(signal))
        except BaseException:
            connection.close()
            raise
        self._connection = connection
        self._pause = RETRY_FIRST
        self.generation += 1
        return connection

    def _failed(self, why: str) -> Unknown:
        self._retry_at = self._clock() + self._pause
        self._pause = min(RETRY_MOST, self._pause * 2)
        self._trouble = Unknown(why)
        return self._trouble

    def _heard(self, message: Message) -> None:
        for signal, heard in self._listeners:
            if signal.matches(message):
                heard(message.body)


class _Connection:
    """One connection: serial numbers, who waits for which reply, and a reader that ends with it."""

    def __init__(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, on_signal: Callable[[Message], None]
    ) -> None:
        self.alive = True
        self._reader = reader
        self._writer = writer
        self._on_signal = on_signal
        self._serials = itertools.count(1)
        self._waiting: dict[int, asyncio.Future[Message]] = {}

    async def authenticate(self) -> None:
        handshake = Authenticator()
        for request in handshake:
            self._writer.write(request)
            data = await self._reader.read(1024)
            if not data:
                raise EOFError("it hung up")
            handshake.feed(data)
        self._writer.write(BEGIN)

    async def send(self, message: Message) -> None:
        """Write a message; a bus that reads nothing is cut off by the caller's limit."""
        self._writer.write(message.serialise(next(self._serials)))
        await self._writer.drain()

    async def ask(self, message: Message) -> Message:
        if len(self._waiting) >= MAX_WAITING:
            raise OSError("too many questions wait for an answer")
        reply: asyncio.Future[Message] = asyncio.get_running_loop().create_future()
        serial = next(self._serials)
        self._waiting[serial] = reply
        try:
            self._writer.write(message.serialise(serial))
            await self._writer.drain()
            return await reply
        finally:
            self._waiting.pop(serial, None)

    async def run(self) -> None:
        """Read until the connection ends, and tell everybody who waits."""
        parser = Parser()
        why = "it hung up"
        try:
            while data := await self._reader.read(64 * 1024):
                for message in parser.feed(data):
                    self._take(message)
                if parser.buf.bytes_buffered > MAX_BUFFERED:
                    raise ValueError("a message is too long")
        except BROKEN as error:
            why = str(error)
        finally:
            self.close()
            for reply in self._waiting.values():
                if not reply.done():
                    reply.set_exception(EOFError(why))

    def close(self) -> None:
        self.alive = False
        with contextlib.suppress(RuntimeError):  # the loop may be closed
            self._writer.close()

    def _take(self, message: Message) -> None:
        reply = self._waiting.get(message.header.fields.get(HeaderFields.reply_serial, 0))
        if message.header.message_type is MessageType.signal:
            self._on_signal(message)
        elif reply is not None and not reply.done():
            reply.set_result(message)


def _call(address: DBusAddress, member: str, signature: str = "", body: tuple[Any, ...] = ()) -> Message:
    message = new_method_call(address, member, signature or None, body)
    message.header.flags |= MessageFlag.no_auto_start
    return message


def _match(signal: Signal) -> Message:
    message = _call(DAEMON, "AddMatch", "s", (signal.rule(),))
    message.header.flags |= MessageFlag.no_reply_expected
    return message


def _answer(service: str, reply: Message) -> tuple[Any, ...] | Unknown:
    if reply.header.message_type is MessageType.method_return:
        return tuple(reply.body)
    name = reply.header.fields.get(HeaderFields.error_name, "")
    if name in ABSENT:
        return Unknown(f"{service} does not run")
    return Unknown(f"{service} refuses: {name}")
