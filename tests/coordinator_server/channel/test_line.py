"""One channel whose worker does not do its part: it holds one message at most, and is cut."""

from __future__ import annotations

import asyncio
import base64
import socket
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from coordinator_server.channel import line
from coordinator_server.enrolment.blocklist import Blocklist
from node.wire.channel import PATH, Close
from tests.support.channels import channels, close_code, hear, open_channel, signed
from tests.support.coordinators import Room, Worker, coordinator_room, put_out
from tests.support.waiting import eventually

MANY = {f"{number:064d}": 2e12 for number in range(100_000)}  # 7 MB: more than systems take on their own


def open_and_never_read(worker: Worker) -> socket.socket:
    """Ask for a channel with a small window, and leave it at that."""
    address = urlsplit(worker.url)
    end = socket.socket()
    end.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    end.connect((address.hostname, address.port))
    lines = (
        f"GET {PATH} HTTP/1.1", f"Host: {address.netloc}", "Upgrade: websocket", "Connection: Upgrade",
        "Sec-WebSocket-Version: 13", f"Sec-WebSocket-Key: {base64.b64encode(b'k' * 16).decode()}",
        *(f"{name}: {value}" for name, value in signed(worker).items()),
    )  # fmt: skip
    end.sendall("".join(text + "\r\n" for text in (*lines, "")).encode())
    return end


def block(room: Room, version: int) -> None:
    """Have a blocklist that is long, as another coordinator might have written it."""
    room.coordinator.workers.out.current = Blocklist(version, MANY)
    channels(room).mark(list(channels(room)._lines))


def is_connected(room: Room, end: socket.socket) -> bool:
    own = end.getsockname()
    connections = room.site.server._server.connections
    return any(one.transport.get_extra_info("peername") == own for one in connections)


async def test_who_does_not_read_holds_one_message_at_most_and_is_cut(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(line, "SEND_LIMIT", 3600.0)
    async with coordinator_room(tmp_path / "c", vpn="off") as room:
        slow, good = await room.worker("slow"), await room.worker("good")
        for worker in (slow, good):
            await worker.register()
        with open_and_never_read(slow):
            await eventually(lambda: len(channels(room)) == 1, "it has a channel")
            (held_up,) = channels(room)._lines.values()
            block(room, 5)
            await eventually(lambda: held_up.sending and held_up.told, "a message is under way")
            before = channels(room).pushes
            for version in range(6, 12):
                block(room, version)
                await eventually(lambda: not channels(room)._marked, "it was looked at")
            assert channels(room).pushes == before, "nothing is put behind it"
            assert held_up.behind
            async with open_channel(good) as socket_:
                assert len(put_out(await hear(socket_)).workers) == len(MANY), "others are told meanwhile"
        monkeypatch.setattr(line, "SEND_LIMIT", 0.2)
        before = channels(room).pushes
        with open_and_never_read(slow) as end:
            await eventually(lambda: channels(room).pushes > before, "a message is under way again")
            await eventually(lambda: not len(channels(room)), "it was cut")
            await eventually(lambda: not is_connected(room, end), "its connection, too")


async def test_who_is_slow_hears_the_newest_next(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(line, "SEND_LIMIT", 3600.0)
    async with coordinator_room(tmp_path / "c", vpn="off") as room:
        worker = await room.worker()
        await worker.register()
        async with open_channel(worker) as end:
            begun = (await hear(end)).blocklist_version
            (held_up,) = channels(room)._lines.values()
            for version in range(5, 25):
                block(room, begun + version)
                await asyncio.sleep(0.01)
            heard = [(await hear(end)).blocklist_version]
            while heard[-1] < begun + 24:
                heard.append((await hear(end)).blocklist_version)
            assert heard == sorted(set(heard))
            assert not held_up.behind


async def test_who_does_not_confirm_a_goodbye_is_cut(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(line, "CLOSE_LIMIT", 0.2)
    async with coordinator_room(tmp_path / "c", vpn="off") as room:
        worker = await room.worker()
        await worker.register()
        with open_and_never_read(worker) as end:
            await eventually(lambda: len(channels(room)) == 1, "it has a channel")
            block(room, 5)
            (held_up,) = channels(room)._lines.values()
            await eventually(lambda: held_up.sending, "a message is under way")
            await room.coordinator.workers.revoke(worker.worker_id)
            await eventually(lambda: not len(channels(room)), "it is out")
            await eventually(lambda: not is_connected(room, end), "its connection, too")


async def test_a_goodbye_says_why(tmp_path: Path) -> None:
    async with coordinator_room(tmp_path / "c", vpn="off") as room:
        worker = await room.worker()
        await worker.register()
        async with open_channel(worker) as end:
            await hear(end)
            (it,) = channels(room)._lines.values()
            it.close(Close.REPLACED, "for " + "long " * 100)
            it.close(Close.EXPIRED, "said once only")
            assert await close_code(end) == Close.REPLACED
