"""So many clients at once, as one process: each asks once, stays, and asks again when a line comes on its input.

Arguments: the port, and how many. Prints how many were answered, both times.
"""

from __future__ import annotations

import socket
import struct
import sys

from tests.support.http1_program import raise_file_limit

GET = b"GET / HTTP/1.1\r\nHost: g\r\n\r\n"
AT_ONCE = 500  # so that nobody waits too long to be accepted


def asked(clients: list[socket.socket]) -> int:
    answered = 0
    for start in range(0, len(clients), AT_ONCE):
        some = clients[start : start + AT_ONCE]
        for client in some:
            client.sendall(GET)
        answered += sum(client.recv(4096).startswith(b"HTTP/1.1 200 ") for client in some)
    return answered


def main() -> None:
    raise_file_limit()
    clients: list[socket.socket] = []
    address = ("127.0.0.1", int(sys.argv[1]))
    while len(clients) < int(sys.argv[2]):
        clients.append(socket.create_connection(address, timeout=60))
        if len(clients) % AT_ONCE == 0:
            asked(clients[-1:])  # whoever came before has been accepted
    print(asked(clients), flush=True)
    sys.stdin.readline()
    print(asked(clients), flush=True)
    for client in clients:  # with a reset, so that no port is held for the minute after an ordinary end
        client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        client.close()


if __name__ == "__main__":
    main()
