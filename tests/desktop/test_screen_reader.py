"""What a screen reader is told of the real app, over the desktop's own bus for that (AT-SPI)."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from jeepney import DBusAddress, DBusErrorResponse, new_method_call
from jeepney.io.blocking import DBusConnection, open_dbus_connection

from tests.desktop.conftest import DesktopApp
from tests.support.dbus import bus_daemon
from tests.support.desktop import Desktop, wait_until

LAUNCHER = "/usr/libexec/at-spi-bus-launcher"
ACCESSIBLE = "org.a11y.atspi.Accessible"
DEEPEST = 30

pytestmark = [
    pytest.mark.needs("Xvfb", "openbox", "dbus-daemon", "/usr/libexec/at-spi-bus-launcher"),
    pytest.mark.processes,
    pytest.mark.timeout(300),
]


class Reader:
    """Asks what programs tell of their windows."""

    def __init__(self, connection: DBusConnection) -> None:
        self._connection = connection

    def ask(self, bus: str, path: str, interface: str, method: str, *arguments: str) -> Any:
        address = DBusAddress(path, bus_name=bus, interface=interface)
        message = new_method_call(address, method, "s" * len(arguments) or None, arguments)
        answer = self._connection.send_and_get_reply(message, timeout=60)
        if answer.header.message_type.name != "method_return":
            raise DBusErrorResponse(answer)
        return answer.body[0]

    def programs(self) -> list[tuple[str, str]]:
        root = "/org/a11y/atspi/accessible/root"
        return list(self.ask("org.a11y.atspi.Registry", root, ACCESSIBLE, "GetChildren"))

    def walk(self, bus: str, path: str, depth: int = 0) -> Iterator[tuple[str, str]]:
        """Return role and name of everything, the outermost first."""
        properties = "org.freedesktop.DBus.Properties"
        _, name = self.ask(bus, path, properties, "Get", ACCESSIBLE, "Name")
        yield self.ask(bus, path, ACCESSIBLE, "GetRoleName"), name
        for child_bus, child in self.ask(bus, path, ACCESSIBLE, "GetChildren") if depth < DEEPEST else ():
            yield from self.walk(child_bus, child, depth + 1)

    def told(self) -> set[tuple[str, str]]:
        """Return what all programs tell; nothing while one of them changes what it tells."""
        try:
            return {one for bus, path in self.programs() for one in self.walk(bus, path)}
        except DBusErrorResponse:
            return set()


@pytest.fixture
def reader(tmp_path: Path, screen: Desktop, app: DesktopApp) -> Iterator[Reader]:
    own = {"XDG_RUNTIME_DIR": str(tmp_path), "XDG_CACHE_HOME": str(tmp_path)}  # where its bus is put
    app.environment.update(own, QT_LINUX_ACCESSIBILITY_ALWAYS_ON="1")
    with bus_daemon(tmp_path) as daemon:
        screen.bus = daemon.address
        launcher = screen.start(LAUNCHER, "--launch-immediately", **own)
        with open_dbus_connection(daemon.address) as session:
            address = wait_until(lambda: bus_address(Reader(session)), "the bus of screen readers", 60)
        with open_dbus_connection(address) as connection:
            yield Reader(connection)
        launcher.terminate()
        launcher.wait(60)


def bus_address(session: Reader) -> str:
    try:
        return str(session.ask("org.a11y.Bus", "/org/a11y/bus", "org.a11y.Bus", "GetAddress"))
    except DBusErrorResponse:
        return ""


def test_a_screen_reader_hears_the_window_in_the_readers_language(app: DesktopApp, reader: Reader) -> None:
    app.start("--attach-only", "--language", "de")
    app.open_window()
    expected = {
        ("list", "Seiten"), ("list item", "Übersicht"), ("list item", "Einstellungen"),
        ("column header", "Rechner"), ("table", "Andere Rechner, die dieser Knoten kennt"),
        ("label", "Wie lange Antworten dauerten"),
    }  # fmt: skip
    told = wait_until(lambda: found if expected <= (found := reader.told()) else set(), "what is needed", 120)
    nameless = {role for role, name in told if not name}
    assert not nameless & {"push button", "check box", "text", "combo box", "list", "list item", "table"}
