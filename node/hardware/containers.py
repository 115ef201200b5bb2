"""Whether a container engine, Docker or Podman, is there and may be used, by asking it for its version."""

from __future__ import annotations

import asyncio
import os
import shutil
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Literal

import msgspec

from node.hardware.texts import clean

TIME_LIMIT = 2.0  # seconds for one engine
MOST_BYTES = 64 * 1024  # of an answer
QUESTION = b"GET /version HTTP/1.0\r\nHost: localhost\r\nAccept: application/json\r\n\r\n"
WINDOWS_PIPES = (("docker", r"\\.\pipe\docker_engine"), ("podman", r"\\.\pipe\podman-machine-default"))

EngineName = Literal["docker", "podman"]
EngineState = Literal["usable", "no-permission", "not-running", "absent"]
ORDER: tuple[EngineState, ...] = ("usable", "no-permission", "not-running", "absent")


class ContainerEngine(msgspec.Struct, frozen=True, kw_only=True):
    """The engine that serves us best: usable before forbidden before one that does not run."""

    name: EngineName | None = None
    state: EngineState = "absent"
    version: str = ""


class _Version(msgspec.Struct):
    Version: str = ""


async def find_engine(
    places: Sequence[tuple[EngineName, str]] | None = None, *, limit: float = TIME_LIMIT
) -> ContainerEngine:
    """Ask every engine that may be here, all at once; it takes `limit` seconds at most and never raises."""
    known = usual_places(os.environ) if places is None else places
    found = await asyncio.gather(*(_ask(name, place, limit) for name, place in known))
    installed: list[ContainerEngine] = [
        ContainerEngine(name=name, state="not-running")
        for name in ("docker", "podman")
        if places is None and shutil.which(name)
    ]
    return min((*found, *installed, ContainerEngine()), key=lambda one: ORDER.index(one.state))


def usual_places(environ: Mapping[str, str]) -> tuple[tuple[EngineName, str], ...]:
    """Return where engines listen for programs of this user, in the order in which we would use them."""
    if sys.platform == "win32":
        return (("docker", WINDOWS_PIPES[0][1]), ("podman", WINDOWS_PIPES[1][1]))
    places: list[tuple[EngineName, str]] = []
    told, runtime, home = environ.get("DOCKER_HOST", ""), environ.get("XDG_RUNTIME_DIR", ""), Path.home()
    if told.startswith("unix://"):
        places.append(("docker", told.removeprefix("unix://")))
    places.append(("docker", "/var/run/docker.sock"))
    if runtime:
        places += [("podman", f"{runtime}/podman/podman.sock"), ("docker", f"{runtime}/docker.sock")]
    if sys.platform == "darwin":
        places.append(("docker", str(home / ".docker/run/docker.sock")))
    places.append(("podman", "/run/podman/podman.sock"))
    return tuple(places)


async def _ask(name: EngineName, place: str, limit: float) -> ContainerEngine:
    try:
        async with asyncio.timeout(limit):
            if sys.platform == "win32":
                there = await asyncio.to_thread(os.path.exists, place)  # nobody has asked one there so far
                return ContainerEngine(name=name, state="usable") if there else ContainerEngine()
            return _read(name, await _answer(place))
    except PermissionError:
        return ContainerEngine(name=name, state="no-permission")
    except FileNotFoundError:
        return ContainerEngine()
    except (OSError, TimeoutError, EOFError):
        return ContainerEngine(name=name, state="not-running")


async def _answer(place: str) -> bytes:
    reader, writer = await asyncio.open_unix_connection(place)
    try:
        writer.write(QUESTION)
        await writer.drain()
        answer = b""
        while len(answer) < MOST_BYTES and (piece := await reader.read(MOST_BYTES)):
            answer += piece
        return answer
    finally:
        writer.close()


def _read(name: EngineName, answer: bytes) -> ContainerEngine:
    head, _, body = answer.partition(b"\r\n\r\n")
    status = head.split(b" ", 2)[1:2]
    if status != [b"200"]:
        return ContainerEngine(name=name, state="no-permission" if status == [b"403"] else "not-running")
    try:
        version = msgspec.json.decode(body, type=_Version).Version
    except (msgspec.MsgspecError, UnicodeDecodeError):
        version = ""
    return ContainerEngine(name=name, state="usable", version=clean(version)[:40])
