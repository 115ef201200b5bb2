"""The helper as a program: it says what it does, refuses what it cannot do, and ends when asked."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from node.program.errors import EXIT_FAILED
from node.vpn.helper.__main__ import main, parser
from tests.support.fake_nebula import FakeNebula


def test_its_defaults_are_narrow() -> None:
    options = parser().parse_args([])
    assert (options.group, options.network, options.allow_lighthouse) == ("rma-mesh", None, False)


@pytest.mark.parametrize("network", ["8.8.8.0/24", "10.42.0.1/16", "x", "0.0.0.0/0"])
def test_a_network_that_no_overlay_may_have_cannot_be_allowed(network: str) -> None:
    with pytest.raises(SystemExit):
        parser().parse_args(["--network", network])


def test_without_a_nebula_it_does_not_start(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--nebula", str(tmp_path / "absent")]) == EXIT_FAILED
    assert "absent" in capsys.readouterr().err


@pytest.mark.skipif(sys.platform != "linux", reason="the Linux helper")
def test_it_listens_until_it_is_asked_to_end(tmp_path: Path) -> None:
    fake = FakeNebula(tmp_path / "bin")
    socket = tmp_path / "helper.sock"
    argv = ["--socket", str(socket), "--folder", str(tmp_path / "private"), "--nebula", str(fake.path)]
    with subprocess.Popen(
        [sys.executable, "-m", "node.vpn.helper", *argv], stderr=subprocess.PIPE, text=True
    ) as helper:
        assert helper.stderr is not None
        assert "1.6.1" in helper.stderr.readline()
        assert socket.is_socket()
        helper.send_signal(signal.SIGTERM)
        assert helper.wait(60) == 0
    assert not socket.exists()
