"""The helper's Unix socket: lets in members of one group, one at a time, known by what the kernel says of them."""

from __future__ import annotations

import asyncio
import contextlib
import grp
import os
import pwd
import socket
import struct
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Self

from node.program.accepting import accept_no_more
from node.program.tasks import TaskSet
from node.vpn.helper.messages import MAX_LINE
from node.vpn.helper.policy import Policy
from node.vpn.helper.reception import Reception
from node.vpn.helper.session import MakeEngine, Overlaps

assert sys.platform != "win32", "Windows has pipe_server in its place"

PEER_CREDENTIALS = struct.Struct("3i")  # Linux's struct ucred: pid, uid, gid
SO_PEERCRED = 17  # Linux's (asm-generic/socket.h)
MAX_WAITING = 8  # clients that are being turned away

Uid = int
LetIn = Callable[[Uid], bool]


class HelperServer:
    """Listens at a path; use as `async with`."""

    def __init__(
        self,
        path: Path,
        let_in: LetIn,
        make_engine: MakeEngine,
        policy: Policy,
        overlaps: Overlaps,
        *,
        peer_uid: Callable[[socket.socket], Uid] | None = None,
    ) -> None:
        self._path = path
        self._reception: Reception[Uid] = Reception(let_in, make_engine, policy, overlaps)
        self._peer_uid = peer_uid or linux_peer_uid
        self._tasks = TaskSet("helper")
        self._server: asyncio.Server | None = None

    async def __aenter__(self) -> Self:
        with contextlib.suppress(FileNotFoundError):
            self._path.unlink()  # of an earlier run; the folder is ours alone
        self._server = await asyncio.start_unix_server(self._connected, str(self._path), limit=MAX_LINE)
        self._path.chmod(0o660)  # who is let in, `let_in` decides; this only keeps strangers away earlier
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._server is not None:
            await accept_no_more(self._server.sockets)
            self._server.close()
        await self._tasks.stop()
        self._path.unlink(missing_ok=True)

    def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if len(self._tasks) >= MAX_WAITING:
            writer.transport.abort()
        else:
            self._tasks.start(self._serve(reader, writer), "client")

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await self._reception.receive(reader, writer, self._peer_uid(writer.get_extra_info("socket")))
        finally:
            writer.close()


def linux_peer_uid(connection: socket.socket) -> Uid:
    """Return who connected, as the kernel noted it at that moment (SO_PEERCRED, unix(7))."""
    packed = connection.getsockopt(socket.SOL_SOCKET, SO_PEERCRED, PEER_CREDENTIALS.size)
    _pid, uid, _gid = PEER_CREDENTIALS.unpack(packed)
    return int(uid)


def members_of(group: str) -> LetIn:
    """Return who may in: root, and users who are in the group now."""

    def let_in(uid: Uid) -> bool:
        if uid == 0:
            return True
        try:
            user = pwd.getpwuid(uid)
            return grp.getgrnam(group).gr_gid in os.getgrouplist(user.pw_name, user.pw_gid)
        except KeyError:
            return False

    return let_in
