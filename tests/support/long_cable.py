"""Carries frames between two network interfaces, late and with losses: `tc netem` for kernels that lack it.

Good for some thousand packets a second: for latency and loss, not for throughput.
"""

from __future__ import annotations

import random
import select
import socket
import sys
import time
from collections import deque

SOL_PACKET, PACKET_VNET_HDR, ETH_P_ALL = 263, 15, 3  # linux/if_packet.h, linux/if_ether.h
MOST_LATE = 20_000  # frames under way; what is over it is lost, as in a full queue

Late = deque[tuple[float, socket.socket, bytes]]  # due at, to, frame; in order of time


def open_port(device: str) -> socket.socket:
    port = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETH_P_ALL))
    port.setsockopt(SOL_PACKET, PACKET_VNET_HDR, 1)  # keeps hints about checksums and segments
    port.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8 << 20)
    port.bind((device, ETH_P_ALL))
    port.setblocking(False)
    return port


def take_in(port: socket.socket, to: socket.socket, late: Late, delay: float, loss: float) -> None:
    """Read everything that waits at a port."""
    while True:
        try:
            frame, address = port.recvfrom(1 << 17)
        except BlockingIOError:
            return
        lost = loss and random.random() < loss
        if address[2] != socket.PACKET_OUTGOING and not lost and len(late) < MOST_LATE:
            late.append((time.monotonic() + delay, to, frame))


def give_out(late: Late) -> None:
    """Send everything that is due."""
    while late and late[0][0] <= time.monotonic():
        _, to, frame = late.popleft()
        try:
            to.send(frame)
        except OSError:  # unplugged, or a full queue
            continue


def carry(near: str, far: str, delay: float, loss: float) -> None:
    """Carry for ever; `delay` is one way and in seconds, `loss` a share."""
    ports = [open_port(near), open_port(far)]
    late: Late = deque()
    print("ready", flush=True)
    while True:
        wait = max(0.0, late[0][0] - time.monotonic()) if late else None
        for port in select.select(ports, [], [], wait)[0]:
            take_in(port, ports[port is ports[0]], late, delay, loss)
        give_out(late)


if __name__ == "__main__":
    carry(sys.argv[1], sys.argv[2], float(sys.argv[3]), float(sys.argv[4]))
