"""The reading program itself, and what evil pictures do to it: they end, in bounded time and memory."""

from __future__ import annotations

import json
import os
import struct
import subprocess
import sys
import zlib
from pathlib import Path

import pytest

from app.wizard import qr_program
from app.wizard.qr import program
from app.wizard.qr_program import MEMORY, MOST_BYTES, UnusablePicture, load, read_bytes, read_codes
from tests.support.qr import qr_image


def png(width: int, height: int, rows: bytes) -> bytes:
    """Make a PNG of one bit per pixel that claims these measures."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


def bomb(width: int, height: int) -> bytes:
    row = bytes(1 + (width + 7) // 8)
    packer, packed = zlib.compressobj(9), b""
    for _ in range(height):
        packed += packer.compress(row)
    return png(width, height, packed + packer.flush())


def run(path: Path | str) -> dict[str, object]:
    done = subprocess.run([*program(), str(path)], capture_output=True, timeout=120, check=False)
    assert len(done.stdout) < 100_000
    answer: dict[str, object] = json.loads(done.stdout or b'{"problem": "ended"}')
    return answer


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (png(2**31 - 1, 2**31 - 1, zlib.compress(bytes(100))), "damaged"),
        (png(60_000, 60_000, zlib.compress(bytes(100))), "too-large"),
        (png(300, 300, zlib.compress(bytes(100))[:10]), "damaged"),
    ],
)
def test_pictures_that_lie_about_themselves_are_refused(tmp_path: Path, content: bytes, problem: str) -> None:
    path = tmp_path / "evil.png"
    path.write_bytes(content)
    assert run(path)["problem"] == problem


def test_a_bomb_does_not_take_the_memory(tmp_path: Path) -> None:
    """14,000 × 14,000 pixels in some kilobytes: allowed by its head, so it is unpacked, within bounds."""
    path = tmp_path / "bomb.png"
    path.write_bytes(bomb(14_000, 14_000))
    assert path.stat().st_size < 1_000_000
    assert run(path)["problem"] in ("no-code", "damaged", "too-large", "ended")


def test_a_file_without_an_end_is_not_read(tmp_path: Path) -> None:
    assert run("/dev/zero" if os.name == "posix" else tmp_path)["problem"] in ("not-a-picture", "unreadable")
    assert run(tmp_path)["problem"] in ("not-a-picture", "unreadable")


def test_a_file_that_is_too_large_is_not_read_whole(tmp_path: Path) -> None:
    path = tmp_path / "large.png"
    with path.open("wb") as file:
        file.truncate(MOST_BYTES + 1)
    assert run(path) == {"problem": "too-large"}


def test_it_reads_here_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "a.png"
    qr_image("hello").save(str(path))
    assert read_codes(read_bytes(str(path))) == ["hello"]
    assert load(path.read_bytes()).width() > 0
    with pytest.raises(UnusablePicture, match="unreadable"):
        read_bytes(str(tmp_path / "none"))
    monkeypatch.setattr(qr_program, "limit_ourselves", lambda: None)  # that would hold for all tests after this one
    assert qr_program.main([str(path)]) == 0
    assert json.loads(capsys.readouterr().out) == {"texts": ["hello"]}


@pytest.mark.skipif(sys.platform != "linux", reason="the limit of the address space")
def test_the_system_ends_it_before_it_takes_all_memory() -> None:
    folder = Path(qr_program.__file__).parent
    code = (
        f"import sys; sys.path.insert(0, {str(folder)!r}); import qr_program as q; q.limit_ourselves();"
        f" bytearray({MEMORY})"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, timeout=120, check=False)
    assert b"MemoryError" in done.stderr
