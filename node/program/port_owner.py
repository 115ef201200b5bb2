"""Finds which program has a port that we want: the sentence that saves an operator a search."""

from __future__ import annotations

import contextlib
from typing import Literal


def port_owner(port: int, kind: Literal["tcp", "udp"]) -> str:
    """Return name and process id of the program that has the port, or an empty text where that cannot be seen.

    Other users' programs are seen by root only.
    """
    import psutil

    with contextlib.suppress(psutil.Error, OSError, RuntimeError):
        for one in psutil.net_connections(kind):
            has_it = kind == "udp" or one.status == psutil.CONN_LISTEN
            if has_it and one.laddr and one.laddr[1] == port and one.pid:
                return f"{psutil.Process(one.pid).name()} (process {one.pid})"
    return ""
