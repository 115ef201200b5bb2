"""What a builtin service is to the server that runs it: its surroundings, its routes and its description."""

from __future__ import annotations

import abc
import asyncio
import os
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ParamSpec, TypeVar

import msgspec
from aiohttp import web

from node.program.errors import EXIT_USAGE, UserFacingError

P = ParamSpec("P")
R = TypeVar("R")
THREADS = 4


@dataclass(frozen=True, slots=True)
class Context:
    """What the node gives a service, and the threads in which it does work that would hold up the loop."""

    name: str
    data_dir: Path
    token: str = field(repr=False)
    node_url: str
    node_token: str = field(repr=False)
    max_body_bytes: int
    threads: ThreadPoolExecutor

    async def in_thread(self, work: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        """Do CPU-heavy or blocking work so that the loop, and with it /health, stays live."""
        return await asyncio.get_running_loop().run_in_executor(self.threads, lambda: work(*args, **kwargs))


class Example(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One body that an endpoint takes."""

    content_type: str
    body: Any
    note: str = ""


class Endpoint(msgspec.Struct, frozen=True, kw_only=True):
    """One method and path, what it does, bodies that it takes and an answer as it would come."""

    method: str
    path: str
    does: str
    takes: tuple[Example, ...] = ()
    answers: Any = None


class Description(msgspec.Struct, frozen=True, kw_only=True):
    """What GET / of a service says."""

    service: str
    title: str
    summary: str
    endpoints: tuple[Endpoint, ...]
    notes: tuple[str, ...] = ()
    errors: str = "RFC 9457 problem documents: `type` is stable, `detail` says in words what to do."


class BuiltinService(abc.ABC):
    """One service: routes, their description, and what it holds between `start` and `stop`."""

    description: Description

    @abc.abstractmethod
    def routes(self) -> Iterable[web.RouteDef]:
        """Return the routes beside GET / and GET /health."""

    async def start(self) -> None:  # noqa: B027 - most services hold nothing
        """Open what is needed before the first request."""

    async def stop(self) -> None:  # noqa: B027 - most services hold nothing
        """Close it again; may be called any number of times."""


def read_context(name: str, environ: Mapping[str, str]) -> Context:
    """Read what the node passes in the environment; raise UserFacingError naming what is missing."""
    folder = Path(_need(environ, "RMA_SERVICE_DATA_DIR"))
    folder.mkdir(parents=True, exist_ok=True)
    threads = ThreadPoolExecutor(min(THREADS, (os.cpu_count() or 1) + 1), thread_name_prefix=name)
    return Context(
        name=name,
        data_dir=folder,
        token=_need(environ, "RMA_SERVICE_TOKEN"),
        node_url=environ.get("RMA_NODE_URL", "").rstrip("/"),
        node_token=environ.get("RMA_NODE_TOKEN", ""),
        max_body_bytes=int(environ.get("RMA_SERVICE_MAX_BODY_BYTES", 64 * 2**20)),
        threads=threads,
    )


def _need(environ: Mapping[str, str], name: str) -> str:
    value = environ.get(name, "")
    if not value:
        raise UserFacingError(
            f"The variable {name} is not set.",
            "A builtin service is started by a node, which gives it its folder and its token.",
            "Run rma-mesh-node run; it starts the services that are assigned to it.",
            EXIT_USAGE,
        )
    return value
