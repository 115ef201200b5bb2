"""A second start hands its link over; garbage and floods are refused."""

from __future__ import annotations

import asyncio
import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from PySide6.QtNetwork import QLocalSocket

from app.single_instance import LONGEST_MESSAGE, Handover, SingleInstance, hand_over, meeting_point
from tests.support.waiting import eventually

SECOND = """
import sys
from pathlib import Path
from PySide6.QtCore import QCoreApplication
from app.single_instance import Handover, hand_over
app = QCoreApplication([])
sys.exit(0 if hand_over(Path(sys.argv[1]), Handover(sys.argv[2], "token")) else 7)
"""


def leave_file(data_dir: Path) -> None:
    Path(meeting_point(data_dir)).write_text("left behind")


def mode(data_dir: Path) -> int:
    return stat.S_IMODE(Path(meeting_point(data_dir)).stat().st_mode)


async def second_start(data_dir: Path, link: str) -> int:
    program = await asyncio.to_thread(
        subprocess.run, [sys.executable, "-c", SECOND, str(data_dir), link], timeout=120, check=False
    )
    return program.returncode


async def test_a_second_start_hands_its_link_over(tmp_path: Path) -> None:
    heard: list[Handover] = []
    first = SingleInstance(tmp_path)
    first.called.connect(heard.append)
    assert first.listen()
    assert await second_start(tmp_path, "rma-mesh://enroll?x") == 0
    await eventually(lambda: heard, "the link")
    assert heard == [Handover("rma-mesh://enroll?x", "token")]
    first.close()


def test_without_a_first_nothing_is_handed_over(tmp_path: Path) -> None:
    assert not hand_over(tmp_path, Handover())


async def test_a_dead_socket_is_cleared_away(tmp_path: Path) -> None:
    leave_file(tmp_path)
    first = SingleInstance(tmp_path)
    assert first.listen()
    assert await second_start(tmp_path, "") == 0
    first.close()


@pytest.mark.parametrize("said", [b"not json\n", b'{"link":5}\n', b"x" * (LONGEST_MESSAGE + 10)])
async def test_garbage_is_hung_up_on(tmp_path: Path, said: bytes) -> None:
    heard: list[Handover] = []
    first = SingleInstance(tmp_path)
    first.called.connect(heard.append)
    first.listen()
    socket = QLocalSocket()
    socket.connectToServer(meeting_point(tmp_path))
    socket.write(said)
    await eventually(lambda: socket.state() == QLocalSocket.LocalSocketState.UnconnectedState, "hanging up")
    assert heard == []
    first.close()


@pytest.mark.skipif(os.name != "posix", reason="a named pipe has no mode")
async def test_the_meeting_point_is_private(tmp_path: Path) -> None:
    first = SingleInstance(tmp_path)
    first.listen()
    assert mode(tmp_path) & 0o077 == 0
    first.close()


def test_a_long_path_meets_elsewhere_but_at_a_place_of_its_own(tmp_path: Path) -> None:
    long, other = tmp_path / ("x" * 120), tmp_path / ("y" * 120)
    assert len(os.fsencode(meeting_point(long))) < 108
    assert meeting_point(long) != meeting_point(other)
