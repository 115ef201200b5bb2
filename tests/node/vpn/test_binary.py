"""Which Nebula is used, and that its version is one that we know."""

from __future__ import annotations

from pathlib import Path

import pytest

from node.program.errors import UserFacingError
from node.vpn import binary
from node.vpn.binary import check_driver, find_binary, read_version
from tests.support.fake_nebula import FakeNebula


def test_a_program_that_is_named_is_used(tmp_path: Path) -> None:
    fake = FakeNebula(tmp_path, "1.9.3")
    found = find_binary(str(fake.path))
    assert (found.path, found.version, found.logs_blocklist) == (fake.path.resolve(), "1.9.3", False)


def test_else_the_one_on_the_path(tmp_path: Path) -> None:
    fake = FakeNebula(tmp_path)
    assert find_binary(path=str(tmp_path)).path == fake.path.resolve()


def test_but_first_the_one_that_an_installer_put_beside_us(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    mine, other = FakeNebula(tmp_path / "mine"), FakeNebula(tmp_path / "other")
    monkeypatch.setattr(binary, "bundled", lambda: mine.path)
    assert find_binary(path=str(other.path.parent)).path == mine.path


def test_one_that_is_known_is_run_again_only_when_its_file_is_another(tmp_path: Path) -> None:
    fake = FakeNebula(tmp_path, "1.6.1")
    known = find_binary(str(fake.path))
    (tmp_path / "version").write_text("1.9.3")  # what it would say if it were asked
    assert find_binary(str(fake.path), known=known) is known
    with fake.path.open("a") as program:
        program.write("\n")
    assert find_binary(str(fake.path), known=known).version == "1.9.3"


def test_without_any_it_is_said_where_to_get_one(tmp_path: Path) -> None:
    with pytest.raises(UserFacingError, match="There is no Nebula") as caught:
        find_binary(path=str(tmp_path))
    assert "apt-get install nebula" in caught.value.hint
    with pytest.raises(UserFacingError, match="There is no program"):
        find_binary(str(tmp_path / "absent"))


def test_a_version_that_we_do_not_know_is_said(tmp_path: Path) -> None:
    with pytest.raises(UserFacingError, match=r"1\.10\.1 is not one of the versions"):
        find_binary(str(FakeNebula(tmp_path, "1.10.1").path))


def test_a_program_that_is_something_else_is_said(tmp_path: Path) -> None:
    with pytest.raises(UserFacingError, match="does not say its version"):
        read_version(Path("/bin/true"))
    (tmp_path / "text").write_text("x")
    with pytest.raises(UserFacingError, match="cannot be run"):
        read_version(tmp_path / "text")


def test_on_windows_a_nebula_without_its_driver_is_said(tmp_path: Path) -> None:
    program = tmp_path / "nebula.exe"
    (tmp_path / "wintun.dll").touch()  # beside it, where Nebula does not look
    with pytest.raises(UserFacingError, match=r"lacks its driver, wintun\.dll") as caught:
        check_driver(program)
    assert str(tmp_path / "dist/windows/wintun/bin") in caught.value.message
    driver = tmp_path / "dist/windows/wintun/bin/arm64/wintun.dll"
    driver.parent.mkdir(parents=True)
    driver.touch()
    check_driver(program)


@pytest.mark.needs("nebula")
def test_the_system_s_nebula_is_one_that_we_know() -> None:
    assert find_binary().version.startswith("1.")
