"""Pipes of Windows, played by pairs of sockets whose calls block, and a listener that tests connect to."""

from __future__ import annotations

import contextlib
import queue
import socket
from dataclasses import dataclass, field

from node.vpn.helper_windows import Client

SOMEBODY = Client("S-1-5-21-1-2-3-1001", frozenset({"S-1-5-4"}))


@dataclass
class SocketPipe:
    """One end; `who` is at the other one, which Windows tells only once something was read."""

    end: socket.socket
    who: Client = SOMEBODY
    heard: bool = False
    closed: int = 0
    broken: OSError | None = None  # what the next question for who it is meets

    def read(self, most: int) -> bytes:
        try:
            data = self.end.recv(most)
        except OSError:
            return b""
        self.heard = self.heard or bool(data)
        return data

    def write(self, data: bytes) -> None:
        self.end.sendall(data)

    def client(self) -> Client:
        if self.broken is not None:
            raise self.broken
        assert self.heard, "Windows cannot say it yet"
        return self.who

    def close(self) -> None:
        self.closed += 1
        with contextlib.suppress(OSError):
            self.end.shutdown(socket.SHUT_RDWR)  # wakes whoever reads or writes

    def free(self) -> None:
        self.close()
        self.end.close()


def pair() -> tuple[SocketPipe, SocketPipe]:
    one, other = socket.socketpair()
    return SocketPipe(one), SocketPipe(other)


@dataclass
class Listener:
    """Where tests connect as somebody."""

    waiting: queue.Queue[SocketPipe | OSError | None] = field(default_factory=queue.Queue)
    pipes: list[SocketPipe] = field(default_factory=list)

    def accept(self) -> SocketPipe | None:
        came = self.waiting.get()
        if isinstance(came, OSError):
            raise came
        return came

    def close(self) -> None:
        self.waiting.put(None)

    def connect(self, who: Client = SOMEBODY) -> SocketPipe:
        ours, theirs = pair()
        theirs.who = who
        self.pipes += [ours, theirs]
        self.waiting.put(theirs)
        return ours

    def free(self) -> None:
        for pipe in self.pipes:
            pipe.free()
