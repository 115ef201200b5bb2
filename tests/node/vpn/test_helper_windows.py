"""What is known of the Windows service before anybody has run it."""

from __future__ import annotations

from pathlib import PureWindowsPath

import pytest

from node.vpn.helper_windows import access_list, create_command, driver_beside

PROGRAM = PureWindowsPath(r"C:\Program Files\RMA Mesh\rma-mesh-vpn-helper.exe")


def test_only_these_users_may_ask_and_nobody_from_the_network() -> None:
    text = access_list(["S-1-5-21-1-2-3-1001"])
    assert text == "O:SYG:SYD:P(D;;FA;;;NU)(A;;FA;;;SY)(A;;FA;;;BA)(A;;FRFW;;;S-1-5-21-1-2-3-1001)"


@pytest.mark.parametrize("sid", ["WD", "S-1-5)(A;;FA;;;WD", "", "S-1", "S-1-x"])
def test_a_sid_is_a_sid(sid: str) -> None:
    with pytest.raises(ValueError, match="not a security identifier"):
        access_list([sid])


def test_the_service_starts_a_quoted_path_and_takes_no_other_s_name() -> None:
    command = create_command(PROGRAM)
    assert f'"{PROGRAM}" --service' in command
    assert "Nebula" not in command
    for wrong in (PureWindowsPath("helper.exe"), PureWindowsPath('C:\\a" b.exe')):
        with pytest.raises(ValueError, match="absolute"):
            create_command(wrong)


def test_the_driver_lies_beside_nebula() -> None:
    assert driver_beside(PureWindowsPath(r"C:\x\nebula.exe")) == PureWindowsPath(r"C:\x\wintun.dll")
