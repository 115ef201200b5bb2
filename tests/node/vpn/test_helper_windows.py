"""What the helper is on Windows, as far as no Windows is needed to know it: names, access, commands and quoting."""

from __future__ import annotations

from pathlib import Path, PureWindowsPath

import pytest

from node.vpn.helper_windows import (
    ADMINISTRATORS,
    SERVICE,
    SYSTEM,
    Client,
    access_list,
    command_line,
    install_commands,
    is_ours,
    members_of,
    remove_commands,
)

PROGRAM = PureWindowsPath(r"C:\Program Files\RMA Mesh\rma-mesh-vpn-helper.exe")
NEBULA = PureWindowsPath(r"C:\Program Files\RMA Mesh\nebula\nebula.exe")
USER, STRANGER, INTERACTIVE = "S-1-5-21-1-2-3-1001", "S-1-5-21-1-2-3-1002", "S-1-5-4"
README = Path(__file__).parents[3] / "installers/windows/README.md"


def taken_apart(line: str) -> list[str]:
    """Take a command line apart as Windows' C library does (Microsoft, "Parsing C command-line arguments")."""
    found: list[str] = []
    now, quoted, begun, at = "", False, False, 0
    while at < len(line):
        slashes = len(line[at:]) - len(line[at:].lstrip("\\"))
        at += slashes
        if slashes and line[at : at + 1] == '"':
            now, begun = now + "\\" * (slashes // 2), True
            if slashes % 2:
                now, at = now + '"', at + 1
        elif slashes:
            now, begun = now + "\\" * slashes, True
        elif line[at] == '"':
            quoted, begun, at = not quoted, True, at + 1
        elif line[at] in " \t" and not quoted:
            found += [now] if begun else []
            now, begun, at = "", False, at + 1
        else:
            now, begun, at = now + line[at], True, at + 1
    return [*found, now] if begun else found


# --- who may use the pipe ----------------------------------------------------------------------------------------


def test_only_these_users_may_ask_nobody_from_the_network_and_nobody_makes_another_end() -> None:
    text = access_list([USER, INTERACTIVE])
    assert text == (
        "O:SYG:SYD:P(D;;FA;;;NU)(A;;FA;;;SY)(A;;FA;;;BA)"
        f"(A;;0x12008b;;;{USER})(A;;0x12008b;;;{INTERACTIVE})"
    )  # fmt: skip
    assert 0x12008B & 0x4 == 0, "FILE_CREATE_PIPE_INSTANCE is FILE_APPEND_DATA"
    assert "(A" not in access_list([]).replace("(A;;FA;;;SY)(A;;FA;;;BA)", "")


@pytest.mark.parametrize("sid", ["WD", "S-1-5)(A;;FA;;;WD", "", "S-1", "S-1-5", "S-1-5-x", "S-1-5-²1", "s-1-5-4"])
def test_a_sid_is_a_sid(sid: str) -> None:
    for use in (access_list, members_of):
        with pytest.raises(ValueError, match="not a security identifier"):
            use([sid])
    with pytest.raises(ValueError, match="not a security identifier"):
        install_commands(PROGRAM, NEBULA, [sid])


def test_members_are_the_named_ones_and_administrators_with_their_rights_switched_on() -> None:
    let_in = members_of([USER])
    assert let_in(Client(USER))
    assert let_in(Client(SYSTEM))
    assert let_in(Client(STRANGER, frozenset({ADMINISTRATORS})))
    assert not let_in(Client(STRANGER, frozenset({INTERACTIVE, "S-1-1-0"})))
    assert members_of([INTERACTIVE])(Client(STRANGER, frozenset({INTERACTIVE})))
    assert str(Client(USER, frozenset({INTERACTIVE}))) == USER


def test_a_pipe_of_another_owner_is_not_the_helper_s() -> None:
    assert is_ours(SYSTEM)
    assert is_ours(ADMINISTRATORS)
    assert not is_ours(STRANGER)
    assert not is_ours("")


# --- commands ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "argv",
    [
        ["a"],
        ["a", ""],
        [r"C:\Program Files\x.exe", "--x", r"C:\ends with\\", 'q"uo"te', r"a\\b", r"\" "],
        ["netsh.exe", "name=RMA Mesh private network", r"program=C:\Program Files\nebula.exe"],
    ],
)
def test_arguments_arrive_as_they_were_meant(argv: list[str]) -> None:
    assert taken_apart(command_line(argv)) == argv


def test_the_service_is_started_with_a_quoted_path_and_takes_no_other_s_name() -> None:
    create, *_ = install_commands(PROGRAM, NEBULA, [USER])
    assert create[:4] == ("sc.exe", "create", SERVICE, "binPath=")
    assert create[4].startswith(f'"{PROGRAM}" --service'), "or Windows would try C:\\Program.exe"
    assert taken_apart(create[4]) == [str(PROGRAM), "--service", "--nebula", str(NEBULA), "--allow", USER]
    assert taken_apart(command_line(create))[4] == create[4]
    assert "nebula" not in SERVICE.lower()


def test_all_of_it_is_taken_back() -> None:
    commands = install_commands(PROGRAM, NEBULA, [USER])
    assert commands[-1] == ("sc.exe", "start", SERVICE)
    added = next(command for command in commands if "add" in command)
    assert f"program={NEBULA}" in added
    stop, delete, rule = remove_commands()
    assert (stop[1:], delete[1:]) == (("stop", SERVICE), ("delete", SERVICE))
    assert rule[-1] in added


@pytest.mark.parametrize("path", [PureWindowsPath("helper.exe"), PureWindowsPath('C:\\a" b.exe')])
def test_a_path_that_could_be_another_one_is_refused(path: PureWindowsPath) -> None:
    with pytest.raises(ValueError, match="absolute"):
        install_commands(path, NEBULA, [])
    with pytest.raises(ValueError, match="absolute"):
        install_commands(PROGRAM, path, [])


def test_what_is_written_for_installers_is_what_these_functions_say() -> None:
    text = README.read_text("utf-8")
    for command in (*install_commands(PROGRAM, NEBULA, [USER]), *remove_commands()):
        assert f"    {command_line(command)}\n" in text
