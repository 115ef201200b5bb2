"""Container engines: one that answers, forbids, is silent or has gone, each on a socket of its own."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from node.hardware.containers import MOST_BYTES, ContainerEngine, find_engine, usual_places

pytestmark = pytest.mark.skipif(os.name != "posix", reason="an engine's socket of Unix")


def ok(body: str) -> bytes:
    return f"HTTP/1.0 200 OK\r\nContent-Type: application/json\r\n\r\n{body}".encode()


@asynccontextmanager
async def engine(path: Path, answer: bytes | None) -> AsyncIterator[str]:
    """Answer every question so; None says nothing at all."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        if answer is None:
            await reader.read()
        else:
            writer.write(answer)
        writer.close()

    server = await asyncio.start_unix_server(serve, path)
    try:
        yield str(path)
    finally:
        server.close()


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (
            ok('{"Version": "27.1.2", "Os": "linux"}'),
            ContainerEngine(name="docker", state="usable", version="27.1.2"),
        ),
        (ok("not json"), ContainerEngine(name="docker", state="usable")),
        (ok('{"Version": 7}'), ContainerEngine(name="docker", state="usable")),
        (b"HTTP/1.0 403 Forbidden\r\n\r\n", ContainerEngine(name="docker", state="no-permission")),
        (b"HTTP/1.0 500 x\r\n\r\n", ContainerEngine(name="docker", state="not-running")),
        (b"", ContainerEngine(name="docker", state="not-running")),
        (b"x" * (2 * MOST_BYTES), ContainerEngine(name="docker", state="not-running")),
        (None, ContainerEngine(name="docker", state="not-running")),
    ],
)
async def test_what_an_engine_says(tmp_path: Path, answer: bytes | None, expected: ContainerEngine) -> None:
    limit = 0.3 if answer is None else 30.0
    async with engine(tmp_path / "d.sock", answer) as place:
        assert await find_engine((("docker", place),), limit=limit) == expected


async def test_the_usable_one_is_taken_and_a_missing_one_is_not_told(tmp_path: Path) -> None:
    async with (
        engine(tmp_path / "d.sock", b"HTTP/1.0 403 Forbidden\r\n\r\n") as docker,
        engine(tmp_path / "p.sock", ok('{"Version": "5.2"}')) as podman,
    ):
        found = await find_engine((("docker", docker), ("podman", podman), ("docker", str(tmp_path / "none"))))
    assert found == ContainerEngine(name="podman", state="usable", version="5.2")
    assert await find_engine((("docker", str(tmp_path / "none")),)) == ContainerEngine()


async def test_a_socket_that_nobody_listens_at_is_an_engine_that_does_not_run(tmp_path: Path) -> None:
    async with engine(tmp_path / "d.sock", b"") as place:
        pass
    if not Path(place).exists():  # from Python 3.13 on it goes with its server
        Path(place).touch()
    assert (await find_engine((("docker", place),))).state == "not-running"


async def test_a_socket_that_is_not_ours_is_said_to_need_permission(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError

    monkeypatch.setattr(asyncio, "open_unix_connection", refuse)
    found = await find_engine((("docker", str(tmp_path / "d.sock")),))
    assert found == ContainerEngine(name="docker", state="no-permission")


@pytest.fixture
def places() -> Callable[..., list[str]]:
    return lambda **environ: [place for _, place in usual_places(environ)]


def test_where_it_is_looked_for(places: Callable[..., list[str]]) -> None:
    assert places()[0] == "/var/run/docker.sock"
    assert places(DOCKER_HOST="unix:///x/y.sock")[0] == "/x/y.sock"
    assert "/tcp" not in "".join(places(DOCKER_HOST="tcp://10.0.0.1:2375"))
    assert "/run/user/5/podman/podman.sock" in places(XDG_RUNTIME_DIR="/run/user/5")
