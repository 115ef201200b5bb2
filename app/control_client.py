"""Talks to a node's local control API: reads control.json, follows the stream, sends intents."""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import logging
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Protocol, Self
from urllib.parse import urlsplit

import msgspec
from PySide6.QtCore import QCoreApplication

from app import control_wire
from app.intents import NodeRefused, NodeUnreachable
from node.state import View
from node.wire.problems import kind_of

log = logging.getLogger(__name__)

CONTROL_FILE = "control.json"
MAX_FILE = 64 * 1024  # bytes
FIRST_PAUSE, LONGEST_PAUSE = 0.1, 2.0  # seconds between two tries to connect
PROBE_TIMEOUT = 2.0  # seconds


class ControlAddress(msgspec.Struct, frozen=True):
    """What a running node writes into its data directory."""

    url: str
    token: str
    pid: int


class Listener(Protocol):
    """Who wants to know what the stream says."""

    def view_arrived(self, view: View) -> None: ...

    def connection_lost(self) -> None: ...

    def version_differs(self) -> None: ...


def read_address(data_dir: Path) -> ControlAddress | None:
    """Return what control.json says; None where there is none that may be trusted with a token."""
    try:
        with (data_dir / CONTROL_FILE).open("rb") as file:
            address = msgspec.json.decode(file.read(MAX_FILE), type=ControlAddress)
    except (OSError, msgspec.MsgspecError):
        return None
    return address if _is_loopback(address.url) else None


def _is_loopback(url: str) -> bool:
    try:
        parts = urlsplit(url)
        return parts.scheme == "http" and ipaddress.ip_address(parts.hostname or "").is_loopback
    except ValueError:
        return False


class ControlClient:
    """A connection to whichever node runs in one data directory, now or later."""

    def __init__(self, data_dir: Path) -> None:
        self._data_dir = data_dir
        self.connected = False
        self._again = asyncio.Event()
        self._leash: asyncio.Timeout | None = None  # of the connection that is followed
        self.closing = False  # we asked the node to stop: once its stream ends, it is not followed any more

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        self.closing = True  # nobody is to follow from here on

    async def follow(self, listener: Listener) -> None:
        """Tell the listener every view, and connect again whenever the connection ends, until `closing`."""
        pause = FIRST_PAUSE
        while not self.closing:
            address = read_address(self._data_dir)
            if address is not None and await self._follow_one(address, listener):
                pause = FIRST_PAUSE
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(pause):
                    await self._again.wait()
                    pause = FIRST_PAUSE
            self._again.clear()
            pause = min(LONGEST_PAUSE, pause * 1.5)

    def reconnect(self) -> None:
        """Connect anew at once, since what was heard may be old and a connection dead, as after sleep."""
        self._again.set()
        if self._leash is not None and not self._leash.expired():
            self._leash.reschedule(asyncio.get_running_loop().time())

    async def answers(self, address: ControlAddress) -> bool:
        """Whether a node is alive behind this address, and is the one that wrote it."""
        try:
            async with asyncio.timeout(PROBE_TIMEOUT):
                answer = await control_wire.exchange("GET", f"{address.url}/view", _bearer(address))
        except OSError:
            return False
        return answer.status == 200

    async def send(self, path: str, body: object = None, *, wait: float = 10.0) -> bytes:
        """POST an intent and return the answer's body; raise NodeUnreachable or NodeRefused. `wait` is seconds."""
        return await self.ask("POST", path, {} if body is None else body, wait=wait)

    async def ask(self, method: str, path: str, body: object, *, wait: float = 10.0) -> bytes:
        """Send a request and return the answer's body; raise NodeUnreachable or NodeRefused. `wait` is seconds."""
        address = read_address(self._data_dir)
        if address is None:
            raise NodeUnreachable
        data, url = msgspec.json.encode(body), address.url + path
        headers = {**_bearer(address), "Content-Type": "application/json"}
        try:
            async with asyncio.timeout(wait):
                answer = await control_wire.exchange(method, url, headers, data)
        except OSError as error:
            raise NodeUnreachable from error
        if answer.status >= 400:
            raise _refusal(answer.status, answer.body)
        return answer.body

    async def listen(self, path: str) -> AsyncGenerator[bytes]:
        """Yield what the node says on one of its streams, to its end; raise NodeUnreachable or NodeRefused."""
        address = None if self.closing else read_address(self._data_dir)
        if address is None:
            raise NodeUnreachable
        try:
            async with contextlib.aclosing(control_wire.messages(address.url + path, _bearer(address))) as stream:
                async for told in stream:
                    for message in told:
                        yield message
        except control_wire.NoStreamError as error:
            raise NodeRefused("", _bare_status(error.status)) from None
        except OSError as error:
            raise NodeUnreachable from error

    async def _follow_one(self, address: ControlAddress, listener: Listener) -> bool:
        """Follow one connection to its end; return whether it said anything."""
        sequence = -1
        try:
            stream = control_wire.messages(f"{address.url}/stream", _bearer(address))
            async with asyncio.timeout(None) as self._leash, contextlib.aclosing(stream):
                async for told in stream:
                    view = msgspec.json.decode(told[-1], type=View)  # each says all, so only the newest counts
                    if view.sequence > sequence:
                        sequence = view.sequence
                        self.connected = True
                        listener.view_arrived(view)
                    if view.state.stopping and not view.state.in_flight:
                        break  # nothing more to see, and a node that ends waits for its followers
        except (control_wire.NoStreamError, OSError) as error:
            log.debug("control stream: %s", error)
        except msgspec.MsgspecError as error:
            log.warning("The node's control stream cannot be read: %s", error)
            listener.version_differs()
        finally:
            self._leash = None
            if self.connected:
                self.connected = False
                listener.connection_lost()
        return sequence >= 0


def _bearer(address: ControlAddress) -> dict[str, str]:
    return {"Authorization": f"Bearer {address.token}"}


def _bare_status(status: int) -> str:
    return QCoreApplication.translate("NodeLife", "It answered with HTTP status {status}.").format(status=status)


def _refusal(status: int, text: bytes) -> NodeRefused:
    try:
        document = msgspec.json.decode(text, type=dict[str, object])
    except msgspec.MsgspecError:
        return NodeRefused("", _bare_status(status))
    told = {name: str(document.get(name, "")) for name in ("cause", "why", "hint")}
    retry_after = document.get("retry_after")
    wait = float(retry_after) if isinstance(retry_after, int | float) else None
    return NodeRefused(kind_of(document), str(document.get("detail", "")), retry_after=wait, **told)
