"""A D-Bus of its own for a test, and services on it that answer as the real ones do, or hang, or go away."""

from __future__ import annotations

import asyncio
import contextlib
import subprocess
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, TypeAlias

from jeepney import DBusAddress, HeaderFields, MessageType, message_bus, new_error, new_method_return, new_signal
from jeepney.io.asyncio import DBusConnection, open_dbus_connection

from node.program.tasks import TaskSet

PROPERTIES = "org.freedesktop.DBus.Properties"
Values: TypeAlias = dict[str, tuple[str, Any]]  # name: signature and value
Method: TypeAlias = Callable[..., tuple[str, tuple[Any, ...]]]  # arguments -> signature and body of the answer

CONFIGURATION = """<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig>
  <type>{kind}</type><listen>unix:path={path}</listen><auth>EXTERNAL</auth>
  <policy context="default">
    <allow send_destination="*"/><allow receive_sender="*"/><allow own="*"/>
  </policy>
</busconfig>
"""


class BusDaemon:
    """A real dbus-daemon; a test may end it and start it again."""

    def __init__(self, folder: Path, kind: str) -> None:
        self._socket = folder / f"{kind}.socket"
        self._configuration = folder / f"{kind}.conf"
        self._configuration.write_text(CONFIGURATION.format(kind=kind, path=self._socket))
        self._process: subprocess.Popen[bytes] | None = None
        self.address = f"unix:path={self._socket}"

    def start(self) -> None:
        command = [
            "dbus-daemon",
            f"--config-file={self._configuration}",
            "--nofork",
            "--nopidfile",
            "--print-address",
        ]
        self._process = subprocess.Popen(
            command,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )
        assert self._process.stdout is not None
        assert self._process.stdout.readline(), "the bus did not start"

    def stop(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.communicate()
            self._socket.unlink(missing_ok=True)
            self._process = None


@contextlib.contextmanager
def bus_daemon(folder: Path, kind: str = "session") -> Iterator[BusDaemon]:
    daemon = BusDaemon(folder, kind)
    daemon.start()
    try:
        yield daemon
    finally:
        daemon.stop()


class StandIn:
    """One service: objects with properties and methods. While `hangs`, it reads questions and answers none."""

    def __init__(self, connection: DBusConnection, name: str) -> None:
        self.hangs = False
        self.asked: list[tuple[str, str]] = []  # path and member of every call
        self._connection = connection
        self._name = name
        self._properties: dict[tuple[str, str], Values] = {}
        self._methods: dict[tuple[str, str, str], Method] = {}

    def has(self, path: str, interface: str, properties: Values) -> None:
        """Have an object with properties, told of to nobody."""
        self._properties[path, interface] = properties

    def answers(self, path: str, interface: str, member: str, method: Method) -> None:
        self._methods[path, interface, member] = method

    async def change(self, path: str, interface: str, changed: Mapping[str, tuple[str, Any]]) -> None:
        """Change properties, and tell it as `PropertiesChanged`."""
        self._properties[path, interface].update(changed)
        await self.tell(path, PROPERTIES, "PropertiesChanged", "sa{sv}as", (interface, dict(changed), []))

    async def tell(self, path: str, interface: str, member: str, signature: str, body: tuple[Any, ...]) -> None:
        address = DBusAddress(path, self._name, interface)
        await self._connection.send(new_signal(address, member, signature, body))

    async def serve(self) -> None:
        """Answer until the connection ends."""
        with contextlib.suppress(EOFError, OSError):
            while True:
                message = await self._connection.receive()
                if message.header.message_type is MessageType.method_call:
                    await self._answer(message)

    async def _answer(self, message: Any) -> None:
        fields = message.header.fields
        path, interface, member = (
            fields[HeaderFields.path], fields.get(HeaderFields.interface, ""), fields[HeaderFields.member],
        )  # fmt: skip
        self.asked.append((path, member))
        if self.hangs:
            return
        if interface == PROPERTIES and (found := self._properties.get((path, message.body[0]))) is not None:
            reply = new_method_return(message, "a{sv}", (found,))
        elif method := self._methods.get((path, interface, member)):
            reply = new_method_return(message, *method(*message.body))
        else:
            reply = new_error(message, "org.freedesktop.DBus.Error.UnknownMethod", "s", ("no such method",))
        await self._connection.send(reply)


@contextlib.asynccontextmanager
async def stand_in(daemon: BusDaemon, name: str) -> AsyncIterator[StandIn]:
    """Have a service of a name on a bus, until the context ends."""
    tasks = TaskSet(name)
    connection = await open_dbus_connection(daemon.address)
    service = StandIn(connection, name)
    try:
        await connection.send(message_bus.RequestName(name))
        while (await connection.receive()).header.message_type is not MessageType.method_return:
            pass  # NameAcquired may come before the answer
        tasks.start(service.serve(), "serve")
        yield service
    finally:
        await tasks.stop()
        connection.writer.close()
        with contextlib.suppress(OSError):
            await connection.writer.wait_closed()


UPOWER, UPOWER_PATH = "org.freedesktop.UPower", "/org/freedesktop/UPower"
DISPLAY_DEVICE = f"{UPOWER_PATH}/devices/DisplayDevice"


def upower(service: StandIn, *, on_battery: bool, percentage: float | None) -> None:
    """Give it the objects of UPower 1.90; no percentage is a computer without a battery."""
    service.has(
        UPOWER_PATH, UPOWER,
        {"DaemonVersion": ("s", "1.90.0"), "OnBattery": ("b", on_battery), "LidIsClosed": ("b", False),
         "LidIsPresent": ("b", True)},
    )  # fmt: skip
    service.has(
        DISPLAY_DEVICE, f"{UPOWER}.Device",
        {"Type": ("u", 0 if percentage is None else 2), "IsPresent": ("b", percentage is not None),
         "Percentage": ("d", percentage or 0.0), "State": ("u", 2 if on_battery else 4), "Energy": ("d", 31.2),
         "TimeToEmpty": ("x", 7200), "IconName": ("s", "battery-good-symbolic")},
    )  # fmt: skip


NETWORK_MANAGER, NETWORK_MANAGER_PATH = "org.freedesktop.NetworkManager", "/org/freedesktop/NetworkManager"


def network_manager(service: StandIn, metered: int) -> None:
    """Give it the object of NetworkManager 1.42."""
    service.has(
        NETWORK_MANAGER_PATH, NETWORK_MANAGER,
        {"Version": ("s", "1.42.4"), "State": ("u", 70), "Connectivity": ("u", 4), "Metered": ("u", metered),
         "PrimaryConnectionType": ("s", "802-11-wireless"),
         "Devices": ("ao", [f"{NETWORK_MANAGER_PATH}/Devices/1"])},
    )  # fmt: skip


LOGIND, LOGIND_PATH = "org.freedesktop.login1", "/org/freedesktop/login1"


def logind(service: StandIn, sessions: Mapping[str, Values]) -> None:
    """Give it the sessions of systemd 252 by their ids; one without a `Seat` is at another computer's screen."""
    listed = []
    for number, properties in sessions.items():
        path = f"{LOGIND_PATH}/session/_3{number}"
        uid = properties["User"][1][0]
        listed.append((number, uid, f"user{uid}", properties["Seat"][1][0], path))
        service.has(path, f"{LOGIND}.Session", properties)
    service.answers(LOGIND_PATH, f"{LOGIND}.Manager", "ListSessions", lambda: ("a(susso)", (listed,)))


def login(
    uid: int, *, kind: str = "x11", seat: str = "seat0", active: bool = True, idle: bool = False, since: float = 0.0
) -> Values:
    """Return the properties of one session; `since` is Unix seconds."""
    return {
        "Id": ("s", "2"), "User": ("(uo)", (uid, f"{LOGIND_PATH}/user/_{uid}")), "Name": ("s", f"user{uid}"),
        "Seat": ("(so)", (seat, f"{LOGIND_PATH}/seat/{seat or '_'}")), "Remote": ("b", not seat),
        "Type": ("s", kind),
        "Class": ("s", "user"), "Active": ("b", active), "State": ("s", "active" if active else "online"),
        "IdleHint": ("b", idle), "IdleSinceHint": ("t", int(since * 1e6)),
        "IdleSinceHintMonotonic": ("t", 0), "LockedHint": ("b", False),
    }  # fmt: skip


async def becomes(read: Callable[[], Awaitable[object]], wanted: object, deadline: float = 60.0) -> None:
    """Read again and again until what is read is wanted."""
    end = time.monotonic() + deadline
    while (value := await read()) != wanted:
        assert time.monotonic() < end, f"{value} did not become {wanted} within {deadline:.0f} s"
        await asyncio.sleep(0.01)
