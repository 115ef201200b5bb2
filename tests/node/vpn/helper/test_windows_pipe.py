"""Real named pipes of Windows; elsewhere the tests of their users play them (tests/support/pipes.py)."""

from __future__ import annotations

import sys
import threading
import uuid

import pytest

pytestmark = pytest.mark.skipif(sys.platform != "win32", reason="only Windows has named pipes")


@pytest.mark.skipif(sys.platform != "win32", reason="only Windows has named pipes")
def test_a_client_is_known_and_bytes_go_both_ways() -> None:
    if sys.platform == "win32":
        from node.vpn.helper import windows_pipe
        from node.vpn.helper_windows import CLIENT_RIGHTS, is_sid

        name = rf"\\.\pipe\rma-mesh-test-{uuid.uuid4().hex}"
        listener = windows_pipe.WindowsListener(name, f"D:P(D;;FA;;;NU)(A;;FA;;;OW)(A;;0x{CLIENT_RIGHTS:x};;;IU)")
        assert windows_pipe.pipe_is_there(name)
        accepted: list[windows_pipe.WindowsPipe | None] = []
        accepting = threading.Thread(target=lambda: accepted.append(listener.accept()))
        accepting.start()
        handle = windows_pipe._create_file(name, CLIENT_RIGHTS, 0, None, 3, windows_pipe.OVERLAPPED_IO, None)
        client = windows_pipe.WindowsPipe(handle)
        accepting.join(30)
        server = accepted[0]
        assert server is not None
        client.write(b"hello")
        assert server.read(100) == b"hello"
        assert is_sid(server.client().sid)
        server.write(b"x" * 100_000)
        server.close()
        heard = b""
        while piece := client.read(65_536):
            heard += piece
        assert heard == b"x" * 100_000, "what was written arrives after the end"
        client.close()
        listener.close()
