"""Where the helper is on each system, and whether it can be seen there."""

from __future__ import annotations

import sys
from pathlib import Path, PureWindowsPath

import pytest

from node.vpn.computer import HELPER_SOCKET
from node.vpn.helper.connecting import connect, is_there, usual_place
from node.vpn.helper_windows import PIPE


def test_every_system_has_its_place() -> None:
    assert usual_place("linux") == Path("/run/rma-mesh-vpn/helper.sock")
    assert usual_place("darwin") == Path("/var/run/rma-mesh-vpn/helper.sock")
    assert str(PureWindowsPath(str(usual_place("win32")))) == PIPE
    assert usual_place(sys.platform) == HELPER_SOCKET


async def test_where_nobody_listens_nobody_is(tmp_path: Path) -> None:
    assert not is_there(tmp_path / "absent")
    with pytest.raises(OSError, match=r"absent|No such"):
        await connect(tmp_path / "absent")
