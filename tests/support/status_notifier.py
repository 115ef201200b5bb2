"""A StatusNotifierWatcher and host as KDE's and others' panels have: it takes icons in, reads them, clicks them.

Sources: freedesktop.org's StatusNotifierItem draft as KDE implements it, and com.canonical.dbusmenu.
"""

from __future__ import annotations

import contextlib
import struct
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from jeepney import (
    DBusAddress,
    HeaderFields,
    Message,
    MessageType,
    message_bus,
    new_error,
    new_method_call,
    new_method_return,
    new_signal,
)
from jeepney.bus_messages import MatchRule
from jeepney.io.blocking import DBusConnection, open_dbus_connection
from jeepney.wrappers import DBusErrorResponse

WATCHER, WATCHER_PATH = "org.kde.StatusNotifierWatcher", "/StatusNotifierWatcher"
ITEM, ITEM_PATH = "org.kde.StatusNotifierItem", "/StatusNotifierItem"
MENU = "com.canonical.dbusmenu"
PROPERTIES = "org.freedesktop.DBus.Properties"
INTROSPECTABLE = "org.freedesktop.DBus.Introspectable"
NOTIFICATIONS, NOTIFICATIONS_PATH = "org.freedesktop.Notifications", "/org/freedesktop/Notifications"
LIMIT = 30.0  # seconds that a program gets for an answer
BREATH = 0.1  # seconds between two looks whether to stop

DESCRIPTION = f"""<!DOCTYPE node PUBLIC "-//freedesktop//DTD D-BUS Object Introspection 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/introspect.dtd">
<node><interface name="{WATCHER}">
 <method name="RegisterStatusNotifierItem"><arg name="service" type="s" direction="in"/></method>
 <method name="RegisterStatusNotifierHost"><arg name="service" type="s" direction="in"/></method>
 <property name="RegisteredStatusNotifierItems" type="as" access="read"/>
 <property name="IsStatusNotifierHostRegistered" type="b" access="read"/>
 <property name="ProtocolVersion" type="i" access="read"/>
 <signal name="StatusNotifierItemRegistered"><arg type="s"/></signal>
 <signal name="StatusNotifierItemUnregistered"><arg type="s"/></signal>
 <signal name="StatusNotifierHostRegistered"/>
</interface><interface name="{PROPERTIES}">
 <method name="Get">
  <arg type="s" direction="in"/><arg type="s" direction="in"/><arg type="v" direction="out"/>
 </method>
 <method name="GetAll"><arg type="s" direction="in"/><arg type="a{{sv}}" direction="out"/></method>
</interface></node>"""


@dataclass(frozen=True)
class Entry:
    """One line of a menu as it is offered now."""

    number: int
    label: str
    enabled: bool = True
    checked: bool | None = None  # None where it cannot be
    entries: tuple[Entry, ...] = ()

    def walk(self) -> Iterator[Entry]:
        """Yield every visible line below this one."""
        for entry in self.entries:
            yield entry
            yield from entry.walk()


@dataclass
class StatusNotifierHost:
    """The panel's side of one bus: which icons are there, what they show, and hands to click on them.

    It shows notifications, too, as panels do.
    """

    watching: DBusConnection
    asking: DBusConnection
    items: list[tuple[str, str]] = field(default_factory=list)  # bus name and path
    notifications: list[tuple[str, str]] = field(default_factory=list)  # title and text
    _stopping: threading.Event = field(default_factory=threading.Event)
    _sending: threading.Lock = field(default_factory=threading.Lock)  # two threads send on one connection

    # --- what a person sees and does ------------------------------------------------------------------------

    def icon_size(self) -> int:
        """Return the width of the largest picture of the icon."""
        return max((int(width) for width, _, _ in self.read("IconPixmap")), default=0)

    def colours(self) -> dict[str, int]:
        """Return how often each colour is in the icon's largest picture, as `#rrggbb`, without transparent ones."""
        pictures = sorted(self.read("IconPixmap"), key=lambda picture: picture[0])
        counts: dict[str, int] = {}
        if pictures:
            width, height, data = pictures[-1]
            for alpha, red, green, blue in struct.iter_unpack("4B", bytes(data)[: width * height * 4]):
                if alpha == 255:
                    name = f"#{red:02x}{green:02x}{blue:02x}"
                    counts[name] = counts.get(name, 0) + 1
        return counts

    def tooltip(self) -> str:
        _, _, title, text = self.read("ToolTip")
        return str(title or text)

    def activate(self) -> None:
        """Click on the icon."""
        self._ask(self._item(), ITEM, "Activate", "ii", (5, 5))

    def menu(self) -> Entry:
        """Open the menu and read it whole, as a panel does."""
        self._ask(self._menu(), MENU, "AboutToShow", "i", (0,))
        return self.open_menu()

    def open_menu(self) -> Entry:
        """Read the menu that is open already."""
        _, layout = self._ask(self._menu(), MENU, "GetLayout", "iias", (0, -1, []))
        return entry_of(layout)

    def close_menu(self) -> None:
        self._ask(self._menu(), MENU, "Event", "isvu", (0, "closed", ("s", ""), 0))

    def labels(self) -> list[str]:
        return [entry.label for entry in self.menu().walk()]

    def entry(self, label: str) -> Entry:
        found = [entry for entry in self.menu().walk() if entry.label == label]
        assert found, f"no {label!r} in {self.labels()}"
        return found[0]

    def click(self, label: str) -> None:
        """Click on a line of the menu that is offered."""
        entry = self.entry(label)
        assert entry.enabled, f"{label!r} cannot be clicked"
        self.press(entry.number)

    def press(self, number: int) -> None:
        """Click on the line with this number."""
        self._ask(self._menu(), MENU, "Event", "isvu", (number, "clicked", ("s", ""), 0))

    def click_notification(self, number: int) -> None:
        """Click on a notification; the first one has number 1."""
        body = (number, "default")
        address = DBusAddress(NOTIFICATIONS_PATH, interface=NOTIFICATIONS)
        self._send(new_signal(address, "ActionInvoked", "us", body))

    def read(self, name: str) -> Any:
        """Return a property of the icon."""
        return self._ask(self._item(), PROPERTIES, "Get", "ss", (ITEM, name))[0][1]

    # --- the bus --------------------------------------------------------------------------------------------

    def stop(self) -> None:
        self._stopping.set()

    def serve(self) -> None:
        """Be the watcher until `stop`."""
        while not self._stopping.is_set():
            try:
                self._take(self.watching.receive(timeout=BREATH))
            except TimeoutError:
                continue
            except (OSError, EOFError):
                return

    def _take(self, message: Message) -> None:
        fields = message.header.fields
        if message.header.message_type is MessageType.method_call:
            self._send(self._answer(message))
        elif fields.get(HeaderFields.member) == "NameOwnerChanged" and not message.body[2]:
            for item in [one for one in self.items if one[0] == message.body[0]]:
                self.items.remove(item)
                self._tell("StatusNotifierItemUnregistered", "s", ("".join(item),))

    def _answer(self, message: Message) -> Message:
        fields = message.header.fields
        match fields.get(HeaderFields.interface), fields[HeaderFields.member]:
            case _, "Introspect":
                return new_method_return(message, "s", (DESCRIPTION,))
            case _, "RegisterStatusNotifierItem":
                said, sender = message.body[0], fields[HeaderFields.sender]
                item = (sender, said) if said.startswith("/") else (sender, ITEM_PATH)
                if item not in self.items:
                    self.items.append(item)
                    self._tell("StatusNotifierItemRegistered", "s", ("".join(item),))
                return new_method_return(message)
            case _, "RegisterStatusNotifierHost":
                return new_method_return(message)
            case _, "Notify":
                self.notifications.append((message.body[3], message.body[4]))
                return new_method_return(message, "u", (len(self.notifications),))
            case _, "Get" if message.body[1] in self._values():
                return new_method_return(message, "v", (self._values()[message.body[1]],))
            case _, "GetAll":
                return new_method_return(message, "a{sv}", (self._values(),))
        return new_error(message, "org.freedesktop.DBus.Error.UnknownMethod", "s", ("no such method",))

    def _values(self) -> dict[str, tuple[str, Any]]:
        return {
            "IsStatusNotifierHostRegistered": ("b", True),
            "ProtocolVersion": ("i", 0),
            "RegisteredStatusNotifierItems": ("as", ["".join(item) for item in self.items]),
        }

    def _tell(self, member: str, signature: str = "", body: tuple[Any, ...] = ()) -> None:
        address = DBusAddress(WATCHER_PATH, interface=WATCHER)
        self._send(new_signal(address, member, signature or None, body))

    def _send(self, message: Message) -> None:
        with self._sending:
            self.watching.send(message)

    def _item(self) -> DBusAddress:
        assert len(self.items) == 1, self.items
        name, path = self.items[0]
        return DBusAddress(path, name)

    def _menu(self) -> DBusAddress:
        return DBusAddress(self.read("Menu"), self._item().bus_name)

    def _ask(self, address: DBusAddress, interface: str, member: str, signature: str, body: tuple[Any, ...]) -> Any:
        call = new_method_call(address.with_interface(interface), member, signature, body)
        reply = self.asking.send_and_get_reply(call, timeout=LIMIT)
        if reply.header.message_type is MessageType.error:
            raise DBusErrorResponse(reply)
        return reply.body


def entry_of(layout: Any) -> Entry:
    """Read one node of dbusmenu's layout; lines that are not shown and separators are left out."""
    number, values, below = layout
    read = {name: value for name, (_, value) in values.items()}
    children = (child for _, child in below)
    return Entry(
        number,
        str(read.get("label", "")).replace("__", "\0").replace("_", "").replace("\0", "_"),
        bool(read.get("enabled", True)),
        bool(read["toggle-state"] == 1) if read.get("toggle-type") else None,
        tuple(entry_of(child) for child in children if is_line({n: v for n, (_, v) in child[1].items()})),
    )


def is_line(values: dict[str, Any]) -> bool:
    return bool(values.get("visible", True)) and values.get("type") != "separator"


@contextlib.contextmanager
def status_notifier_host(bus: str) -> Iterator[StatusNotifierHost]:
    """Be the panel of a session bus, until the context ends."""
    with open_dbus_connection(bus) as watching, open_dbus_connection(bus) as asking:
        gone = MatchRule(type="signal", interface="org.freedesktop.DBus", member="NameOwnerChanged")
        watching.send_and_get_reply(message_bus.AddMatch(gone), timeout=LIMIT)
        for name in (WATCHER, NOTIFICATIONS):
            watching.send_and_get_reply(message_bus.RequestName(name), timeout=LIMIT)
        host = StatusNotifierHost(watching, asking)
        host._tell("StatusNotifierHostRegistered")
        thread = threading.Thread(target=host.serve, name="status notifier host")
        thread.start()
        try:
            yield host
        finally:
            host.stop()
            thread.join(LIMIT)
