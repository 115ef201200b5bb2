"""What frontends, browsers, monitors and operators see, put together."""

from __future__ import annotations

from pathlib import Path

from coordinator_server.front_assembly import find_version
from coordinator_server.serving import drain
from tests.support.front import running_front


async def test_an_ended_coordinator_leaves_no_listener_waiting(tmp_path: Path) -> None:
    async with running_front(tmp_path) as front:
        url = front.url.replace("http", "ws", 1) + "/api/topology/stream"
        socket = await front.session.ws_connect(url)
        await socket.receive_json()
        await drain(front.site)
        message = await socket.receive(timeout=30)
        assert message.data == 1013
        await socket.close()


def test_the_version_is_that_of_the_package() -> None:
    assert find_version()[0].isdigit()
