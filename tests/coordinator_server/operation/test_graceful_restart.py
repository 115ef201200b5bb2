"""Restarts by a service manager that keeps the socket: nobody is refused meanwhile."""

from __future__ import annotations

import http.client
import os
import signal
import socket
import ssl
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from coordinator_server.config import CoordinatorConfig
from coordinator_server.gateway_processes.sockets import at_given_sockets, share_out
from node.program.errors import UserFacingError
from node.program.settings import SettingError
from tests.support.certificates import self_signed
from tests.support.real_mesh import wait_until
from tests.support.service_manager import StandIn, stand_in

pytestmark = pytest.mark.skipif(os.name != "posix", reason="systemd is for Linux")
PATIENCE = 120.0
BREATH = 0.002  # seconds between two requests of a client: who asks without end holds a whole core


class Clients(threading.Thread):
    """Asks again and again, each time on a new connection, or on one that is kept until it is told to close it."""

    def __init__(self, port: int, *, keep: bool) -> None:
        super().__init__(daemon=True)
        self._port, self._keep = port, keep
        self.enough = threading.Event()
        self.served = 0
        self.refused: list[str] = []

    def run(self) -> None:
        line: http.client.HTTPConnection | None = None
        while not self.enough.wait(BREATH):
            line = line or http.client.HTTPConnection("127.0.0.1", self._port, timeout=PATIENCE)
            try:
                line.request("GET", "/health")
                answer = line.getresponse()
                answer.read()
                assert answer.status == 200, answer.status
                self.served += 1
            except (OSError, http.client.HTTPException, AssertionError) as error:
                self.refused.append(repr(error))
            if not self._keep or answer.getheader("Connection") == "close":
                line.close()
                line = None
        if line is not None:
            line.close()


def wait_until_all_are_served(clients: list[Clients]) -> None:
    before = [client.served for client in clients]
    wait_until(lambda: all(one.served > n + 5 for one, n in zip(clients, before, strict=True)), "all served", 120)


@pytest.fixture
def manager(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[StandIn]:
    with stand_in(tmp_path, *getattr(request, "param", ())) as manager:
        yield manager


@pytest.mark.processes
@pytest.mark.parametrize("manager", [("--workers", "1"), ("--workers", "2")], indirect=True)
def test_nobody_is_refused_while_it_is_restarted(manager: StandIn) -> None:
    manager.start()
    clients = [Clients(manager.port, keep=number % 2 == 0) for number in range(4)]
    for client in clients:
        client.start()
    for _ in range(2):
        wait_until_all_are_served(clients)
        assert manager.stop() == 0, manager.log_text
        manager.start()
    wait_until_all_are_served(clients)
    for client in clients:
        client.enough.set()
    for client in clients:
        client.join(PATIENCE)
    assert [refused for client in clients for refused in client.refused] == []


@pytest.mark.processes
def test_it_tells_that_it_lives_and_reads_its_certificate_anew(tmp_path: Path) -> None:
    cert, key = self_signed(tmp_path)
    with stand_in(tmp_path, "--tls-cert", str(cert), "--tls-key", str(key)) as manager:
        program = manager.start()
        first = presented(manager.port)
        manager.wait_for("WATCHDOG=1")
        self_signed(tmp_path)
        program.send_signal(signal.SIGHUP)
        manager.wait_for("RELOADING=1")
        manager.wait_for("READY=1")
        assert presented(manager.port) != first
        assert program.poll() is None
        assert manager.stop() == 0


def presented(port: int) -> str:
    return ssl.get_server_certificate(("127.0.0.1", port), timeout=PATIENCE)


def test_its_address_is_the_one_that_counts() -> None:
    with socket.create_server(("127.0.0.1", 0)) as one, socket.create_server(("127.0.0.1", 0)) as two:
        config = at_given_sockets(CoordinatorConfig(host="0.0.0.0"), [one])
        assert (config.host, config.port) == one.getsockname()
        assert at_given_sockets(config, []) is config
        with pytest.raises(UserFacingError, match="several addresses"):
            at_given_sockets(config, [one, two])
    with socket.create_server(("0.0.0.0", 0)) as everywhere, pytest.raises(SettingError, match="anonymous"):
        at_given_sockets(CoordinatorConfig(anonymous=True), [everywhere])


def test_one_socket_serves_several_processes() -> None:
    with socket.create_server(("127.0.0.1", 0)) as one:
        shared = share_out([one], 3)
        assert len({each.fileno() for each in shared}) == 3
        assert len({each.getsockname() for each in shared}) == 1
        for each in shared[1:]:
            each.close()
        assert share_out([], 3) == []
