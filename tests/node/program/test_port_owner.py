"""Who has a port: said where the system lets us see it."""

from __future__ import annotations

import os
import socket
import sys

import pytest

from node.dht.server import _bind
from node.program.errors import EXIT_IN_USE, UserFacingError
from node.program.port_owner import port_owner
from node.program.web import bind

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="other systems do not let everybody see it")


def test_a_program_that_listens_is_named_in_the_error() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert f"(process {os.getpid()})" in port_owner(port, "tcp")
        with pytest.raises(UserFacingError) as caught:
            bind("127.0.0.1", port)
    assert f"(process {os.getpid()}) listens there." in caught.value.message
    assert port_owner(port, "tcp") == ""


def test_a_program_with_a_udp_port_too() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as taken:
        taken.bind(("127.0.0.1", 0))
        with pytest.raises(UserFacingError, match="UDP port") as caught:
            _bind("127.0.0.1", taken.getsockname()[1])
    assert f"(process {os.getpid()}) has it." in caught.value.message
    assert caught.value.exit_code == EXIT_IN_USE
