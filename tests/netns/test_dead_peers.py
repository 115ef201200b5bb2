"""A peer whose cable is pulled says nothing: a WebSocket with it ends all the same, at both ends."""

from __future__ import annotations

import sys
import time

import pytest

from tests.support.namespaces import Guest
from tests.support.netlab import Machine, NetLab

pytestmark = pytest.mark.needs("ip", "nft", "unshare", "nsenter")
# Switches protocols and keeps silent; says when the connection begins and when it has ended.
WORKER = """
import socket
with socket.create_server(("", 8000)) as listener:
    print("ready", flush=True)
    while True:
        with listener.accept()[0] as one:
            one.recv(65536)
            one.sendall(b"HTTP/1.1 101 Go\\r\\nConnection: upgrade\\r\\nUpgrade: websocket\\r\\n\\r\\n")
            print("switched", flush=True)
            try:
                while one.recv(65536):
                    pass
            except OSError:
                pass
            print("over", flush=True)
"""
BROWSER = """
import socket, sys
with socket.create_connection((sys.argv[1], 8000), timeout=60) as one:
    one.sendall(b"GET / HTTP/1.1\\r\\nHost: g\\r\\nConnection: upgrade\\r\\nUpgrade: websocket\\r\\n\\r\\n")
    assert one.recv(65536).startswith(b"HTTP/1.1 101 ")
    print("switched", flush=True)
    try:
        while one.recv(65536):
            pass
    except OSError:
        pass
    print("over", flush=True)
"""


def started(machine: Machine, *argv: str, first: str) -> Guest:
    guest = machine.space.spawn(sys.executable, *argv, talk=True)
    assert guest.read_line() == first
    return guest


def say_until(guest: Guest, last: str) -> None:
    end = time.monotonic() + 60.0
    while guest.read_line() != last:
        assert time.monotonic() < end


@pytest.mark.parametrize("vanishes", ["browser", "worker"])
def test_a_websocket_ends_when_one_of_its_ends_vanishes(lab: NetLab, vanishes: str) -> None:
    gateway, browser, worker = lab.public("gateway"), lab.public("browser"), lab.public("worker")
    there = started(worker, "-c", WORKER, first="ready")
    program = ("-m", "tests.support.http1_proxy_program", gateway.ip, worker.ip)
    proxy = started(gateway, *program, first="ready")
    here = started(browser, "-c", BROWSER, gateway.ip, first="switched")
    assert there.read_line() == "switched"
    say_until(proxy, "1, 1")
    lab.isolate(browser if vanishes == "browser" else worker)
    say_until(proxy, "0, 0")  # without a word from it
    say_until(there if vanishes == "browser" else here, "over")
