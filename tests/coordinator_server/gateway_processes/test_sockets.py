"""One port for several sockets of ours, and nobody else's."""

from __future__ import annotations

import os
import socket
import sys

import pytest

from coordinator_server.gateway_processes.sockets import bind_all, check_shareable
from node.forwarding.http1.server import shared_socket
from node.program.errors import EXIT_IN_USE, EXIT_USAGE, UserFacingError

linux = pytest.mark.skipif(sys.platform != "linux", reason="needs SO_REUSEPORT as Linux has it")


@linux
def test_all_sockets_have_one_port_and_no_program_inherits_them() -> None:
    bound = bind_all("127.0.0.1", 0, 3)
    try:
        assert len({one.getsockname() for one in bound}) == 1
        assert not any(os.get_inheritable(one.fileno()) for one in bound)
    finally:
        for one in bound:
            one.close()


@linux
@pytest.mark.parametrize("count", [1, 2])
def test_a_port_on_which_somebody_listens_is_refused_even_if_they_would_share_it(count: int) -> None:
    theirs = bind_all("127.0.0.1", 0, 2)
    try:
        with pytest.raises(UserFacingError) as caught:
            bind_all("127.0.0.1", theirs[0].getsockname()[1], count)
        assert caught.value.exit_code == EXIT_IN_USE
    finally:
        for one in theirs:
            one.close()


@linux
def test_a_failure_half_way_closes_what_was_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[socket.socket] = []

    def fail_at_third(host: str, port: int) -> socket.socket:
        if len(made) == 2:
            raise OSError(24, "Too many open files")
        made.append(shared_socket(host, port))
        return made[-1]

    monkeypatch.setattr("coordinator_server.gateway_processes.sockets.shared_socket", fail_at_third)
    with pytest.raises(UserFacingError, match="3 processes"):
        bind_all("127.0.0.1", 0, 3)
    assert [one.fileno() for one in made] == [-1, -1]


def test_a_system_that_cannot_share_a_port_says_so_in_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(socket, "SO_REUSEPORT", raising=False)
    check_shareable(1)
    with pytest.raises(UserFacingError) as caught:
        check_shareable(2)
    assert caught.value.exit_code == EXIT_USAGE
    assert "--workers" in str(caught.value)
    assert "\n" not in str(caught.value)
