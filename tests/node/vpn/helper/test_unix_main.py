"""What the helper does on Linux and macOS before it serves; that it serves and ends, test_main.py shows."""

from __future__ import annotations

import grp
import os
import sys
from pathlib import Path

import pytest

if sys.platform != "win32":
    from node.vpn.helper.unix_main import make_folder


@pytest.mark.skipif(sys.platform == "win32", reason="it has another main")
def test_the_socket_s_folder_is_for_the_group_alone(tmp_path: Path) -> None:
    group = grp.getgrgid(os.getgid()).gr_name
    folder = tmp_path / "rma-mesh-vpn"
    for _ in range(2):
        make_folder(folder, group)
        assert folder.stat().st_mode & 0o777 == 0o750
        assert folder.stat().st_gid == os.getgid()
    with pytest.raises(LookupError):
        make_folder(tmp_path / "other", "no-such-group")
