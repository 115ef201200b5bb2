"""The end of a file is read, and nobody is kept waiting or led elsewhere by what stands in its place."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from node.program.file_end import end_of


def test_the_end_is_read_and_it_is_told_whether_there_is_more(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_bytes(b"0123456789")
    assert end_of(file, 4) == (b"6789", True)
    assert end_of(file, 10) == (b"0123456789", False)
    with pytest.raises(OSError, match="No such file"):
        end_of(tmp_path / "none", 4)


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has neither")
@pytest.mark.timeout(30)
def test_a_pipe_and_a_link_are_no_files(tmp_path: Path) -> None:
    (tmp_path / "secret").write_bytes(b"theirs")
    (tmp_path / "link").symlink_to(tmp_path / "secret")
    os.mkfifo(tmp_path / "pipe")
    for name in ("link", "pipe"):
        with pytest.raises(OSError, match=r"plain file|symbolic links"):
            end_of(tmp_path / name, 100)
    with pytest.raises(OSError, match=r"plain file|directory"):
        end_of(tmp_path, 100)
