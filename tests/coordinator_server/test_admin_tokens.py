"""The admin token: replaced at once and for good, also through a restart, and never half."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from coordinator_server import admin_tokens
from coordinator_server.admin_tokens import GRACE_FILE, AdminTokens
from coordinator_server.keys import ADMIN_TOKEN_FILE
from tests.support.mesh_keys import Clock

OLD = "o" * 43


def opened(folder: Path, clock: Clock, token: str = OLD, fixed: bool = False) -> AdminTokens:
    return AdminTokens(folder, token, clock, fixed=fixed)


def kept(folder: Path) -> str:
    return (folder / ADMIN_TOKEN_FILE).read_text("ascii").strip()


def test_without_grace_the_old_one_is_useless_at_once(tmp_path: Path) -> None:
    tokens = opened(tmp_path, Clock())
    told: list[str] = []
    tokens.changed = lambda: told.append(tokens.token)
    assert tokens.fits(OLD)
    new = tokens.rotate()
    assert (tokens.fits(new), tokens.fits(OLD), tokens.fits(""), tokens.before_until) == (True, False, False, None)
    assert (kept(tmp_path), told) == (new, [new])
    assert stat.S_IMODE((tmp_path / ADMIN_TOKEN_FILE).stat().st_mode) == 0o600
    assert len(new) >= 43


def test_with_grace_both_count_for_a_while_also_after_a_restart(tmp_path: Path) -> None:
    clock = Clock()
    new = opened(tmp_path, clock).rotate(600)
    again = opened(tmp_path, clock, kept(tmp_path))
    assert again.before_until == clock.now + 600
    assert again.fits(new)
    assert again.fits(OLD)
    assert OLD not in (tmp_path / GRACE_FILE).read_text("utf-8")
    clock.now += 600
    assert (again.fits(new), again.fits(OLD), again.before_until) == (True, False, None)


def test_a_second_rotation_ends_the_first_ones_grace(tmp_path: Path) -> None:
    tokens = opened(tmp_path, Clock())
    first = tokens.rotate(600)
    second = tokens.rotate()
    assert [tokens.fits(token) for token in (OLD, first, second)] == [False, False, True]
    assert not (tmp_path / GRACE_FILE).exists()


def test_a_rotation_without_grace_that_is_cut_off_leaves_no_older_token(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = Clock()
    tokens = opened(tmp_path, clock)
    first = tokens.rotate(600)

    def is_killed(*_: object) -> None:
        raise OSError(5, "gone")

    monkeypatch.setattr(admin_tokens, "write_private_file", is_killed)
    with pytest.raises(OSError, match="gone"):
        tokens.rotate()
    for one in (tokens, opened(tmp_path, clock, kept(tmp_path))):
        assert [one.fits(token) for token in (OLD, first)] == [False, True]


def test_what_cannot_be_kept_changes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tokens = opened(tmp_path, Clock())

    def fails(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(admin_tokens, "write_private_file", fails)
    with pytest.raises(OSError, match="space"):
        tokens.rotate(60)
    assert tokens.fits(OLD)
    assert tokens.token == OLD


def test_a_token_of_the_settings_is_not_replaced(tmp_path: Path) -> None:
    opened(tmp_path, Clock()).rotate(600)
    tokens = opened(tmp_path, Clock(), "from the environment", fixed=True)
    assert not tokens.fits(OLD), "nor does one of a file count beside it"
    with pytest.raises(ValueError, match="settings"):
        tokens.rotate()


@pytest.mark.parametrize("garbage", [b"", b"{", b'{"digest":1,"until":9e9}', b"[]"])
def test_a_damaged_note_of_the_old_one_lets_nobody_in(tmp_path: Path, garbage: bytes) -> None:
    (tmp_path / GRACE_FILE).write_bytes(garbage)
    assert not opened(tmp_path, Clock(), "n" * 43).fits(OLD)
