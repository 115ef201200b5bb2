"""The operator's passphrase: one text however it was typed, and a key of it that is costly to guess."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from coordinator_server.config import CoordinatorConfig
from coordinator_server.enrolment import passphrase as room
from coordinator_server.enrolment.passphrase import (
    STRONGEST,
    WEAKEST,
    Derivation,
    Passphrase,
    free_memory,
    new_derivation,
    passphrase_of,
    weaknesses,
)
from node.program.errors import EXIT_USAGE, UserFacingError

GOOD = "six words that were drawn at random"
MIB = 2**20


def test_it_is_the_same_with_a_line_end_and_however_its_letters_are_composed(tmp_path: Path) -> None:
    file = tmp_path / "p"
    file.write_bytes("Zu\u0308rich im Regen\r\n".encode())
    assert Passphrase(file=str(file)).read() == Passphrase("Z\u00fcrich im Regen").read()
    file.write_text("another one")
    assert Passphrase(file=str(file)).read() == b"another one"
    assert not Passphrase() and Passphrase("x") and Passphrase(file="x")


@pytest.mark.parametrize("text", ["", "\n", "two\nlines", "a\x00b", "x" * 1025])
def test_what_is_no_passphrase_is_refused_and_never_shown(tmp_path: Path, text: str) -> None:
    file = tmp_path / "p"
    file.write_text(text)
    with pytest.raises(UserFacingError, match="cannot be used") as caught:
        Passphrase(file=str(file)).read()
    assert caught.value.exit_code == EXIT_USAGE
    with pytest.raises(UserFacingError, match="cannot be used") as caught:
        Passphrase(file=str(tmp_path / "none")).read()
    assert str(tmp_path / "none") in str(caught.value)
    assert GOOD not in repr(Passphrase(GOOD))


def test_short_ones_and_files_that_others_may_read_are_warned_of(tmp_path: Path) -> None:
    file = tmp_path / "p"
    file.write_text("q7-zx")
    file.chmod(0o644)
    short, readable = weaknesses(Passphrase(file=str(file)))
    assert "5 characters" in short and "q7-zx" not in short
    assert "0600" in readable
    file.chmod(0o600)
    file.write_text(GOOD)
    assert weaknesses(Passphrase(file=str(file))) == weaknesses(Passphrase(GOOD)) == []


def test_it_comes_from_the_settings() -> None:
    assert passphrase_of(CoordinatorConfig(key_passphrase=GOOD)).read() == GOOD.encode()
    assert not passphrase_of(CoordinatorConfig())
    with pytest.raises(UserFacingError, match="key_passphrase_file"):
        CoordinatorConfig(key_passphrase=GOOD, key_passphrase_file="x")


def test_the_derivation_is_as_strong_as_memory_allows_within_bounds() -> None:
    assert [new_derivation(memory).n for memory in (2**40, 512 * MIB, 511 * MIB, 100 * MIB, 0)] == [
        STRONGEST, STRONGEST, 2**16, WEAKEST, WEAKEST,
    ]  # fmt: skip
    assert new_derivation(0).salt != new_derivation(0).salt
    assert free_memory() > 0
    one = Derivation(salt=b"s" * 16, n=WEAKEST)
    assert len(one.derive(b"a")) == 32
    assert one.derive(b"a") != one.derive(b"b")


def test_who_has_little_memory_is_told_what_that_costs(caplog: pytest.LogCaptureFixture) -> None:
    new_derivation(512 * MIB)
    assert not caplog.records
    new_derivation(100 * MIB)
    assert [record.levelname for record in caplog.records] == ["WARNING"]
    assert "takes 16 MiB and not 128 MiB of memory" in caplog.text
    assert "keys reseal" in caplog.text


def test_a_container_counts_with_its_own_limit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "max").write_text("max\n")
    (tmp_path / "limit").write_text("1234567\n")
    monkeypatch.setattr(room, "LIMIT_FILES", (tmp_path / "max", tmp_path / "limit", tmp_path / "none"))
    assert free_memory() == 1234567


@pytest.mark.parametrize(
    "changes", [{"n": 2**13}, {"n": 2**21}, {"r": 1}, {"r": 64}, {"p": 0}, {"p": 99}, {"salt": "AAAA"}]
)
def test_the_store_cannot_make_it_weak_or_endless(changes: dict[str, object]) -> None:
    sound = msgspec.to_builtins(new_derivation(0))
    msgspec.convert(sound, type=Derivation)
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert({**sound, **changes}, type=Derivation)
