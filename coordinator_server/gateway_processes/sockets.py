"""Binds one port several times: the kernel shares new connections out among the sockets."""

from __future__ import annotations

import dataclasses
import os
import socket
from collections.abc import Sequence

from coordinator_server.config import CoordinatorConfig
from node.forwarding.http1.server import shared_socket
from node.program.errors import EXIT_FAILED, EXIT_USAGE, UserFacingError
from node.program.settings import SettingError
from node.program.web import bind


def check_shareable(workers: int) -> None:
    """Raise SettingError where this system cannot have several processes on one port."""
    if workers > 1 and not (os.name == "posix" and hasattr(socket, "SO_REUSEPORT")):
        raise SettingError("workers", workers, "1 on this system, which cannot share a port", "--workers")


def bind_all(host: str, port: int, count: int) -> list[socket.socket]:
    """Bind and listen on so many sockets of one port; 0 chooses a free one. Raise UserFacingError.

    A port on which anybody listens already is refused: with SO_REUSEPORT alone, another coordinator would get half
    of our requests.
    """
    alone = bind(host, port)
    if count == 1:
        return [alone]
    alone.close()
    sockets: list[socket.socket] = []
    try:
        for _ in range(count):
            sockets.append(shared_socket(host, port))
            port = sockets[0].getsockname()[1]
    except OSError as error:
        for bound in sockets:
            bound.close()
        raise UserFacingError(
            f"Cannot listen on {host} port {port} with {count} processes.",
            f"The system says: {error.strerror or error}.",
            "Serve with --workers 1, or choose another port with --port.",
            EXIT_FAILED,
        ) from None
    return sockets


def share_out(given: Sequence[socket.socket], count: int) -> list[socket.socket]:
    """Return so many sockets out of those that were given to us, some of which may be one and the same."""
    if not given:
        return []
    return [*given[:count], *(given[number % len(given)].dup() for number in range(len(given), count))]


def at_given_sockets(config: CoordinatorConfig, given: Sequence[socket.socket]) -> CoordinatorConfig:
    """Return the settings with the address at which the service manager listens for us, in place of their own.

    What they allow depends on it. Raise UserFacingError for several addresses.
    """
    places = sorted({tuple(one.getsockname()[:2]) for one in given})
    if not places:
        return config
    if len(places) > 1:
        raise UserFacingError(
            "The service manager listens at several addresses.",
            "They are " + ", ".join(f"{host} port {port}" for host, port in places) + ".",
            "Leave one ListenStream= in its .socket unit; 0.0.0.0 is every address.",
            EXIT_USAGE,
        )
    host, port = places[0]
    return dataclasses.replace(config, host=host, port=port)
