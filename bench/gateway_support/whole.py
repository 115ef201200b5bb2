"""Our whole gateway as one process before plain servers: the real `serve`, with keys, rates, metrics and selection.

Everything is as a coordinator has it by itself, but for what would throttle a benchmark: the rates of the key and
of an address are as high as they can be, and the service has a manifest of its own with higher limits.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import io
import json
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TextIO
from unittest import mock

import msgspec

from bench.gateway_support.load import Peer
from bench.gateway_support.processes import Bench
from bench.gateway_support.workers import Place, joined, make_key, parse_worker_url
from coordinator_server.admin_client import ADMIN_FILE, AdminFile
from coordinator_server.config import CoordinatorConfig
from coordinator_server.metrics import Metrics
from coordinator_server.serving import serve
from node.program.errors import UserFacingError
from node.program.lifetime import guarded, print_json, run_program
from node.program.logs import configure_logging
from node.program.settings import SettingError
from node.program.tasks import TaskSet
from node.routing.stats import Outcome

SERVICE = "ner-extraction"
UNLIMITED = "999999999/s"
MANIFEST = f"""\
name = "{SERVICE}"
title = "Entity extraction"
aliases = ["ner"]
default_path = "/extract"
concurrency = 8192
replicas = 3
idempotent = true
data_class = "public"
max_body_bytes = {2**32}
first_byte_timeout = 60.0
request_timeout = 3600.0
"""
RAISED = (
    "Requests need the key of the ready line (Authorization: Bearer KEY, or X-API-Key: KEY). Raised for "
    f"benchmarks: {UNLIMITED} for key and address, 8192 requests at once for each worker, bodies "
    "of 4 GiB, 30 s to connect to a worker, an hour for a request."
)
START = 60.0  # seconds until it serves
DRAIN = 10.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What to serve: in front of whom, on which port, and settings that are not the usual ones."""

    places: Sequence[Place]
    port: int = 0
    as_json: bool = False
    metrics: bool = True
    settings: dict[str, Any] = field(default_factory=dict)


def run(plan: Plan) -> int:
    """Serve until SIGTERM or SIGINT; return the exit code."""
    configure_logging("text", "error")
    with contextlib.ExitStack() as changes:
        if not plan.metrics:
            changes.enter_context(mock.patch.object(Metrics, "ended", _not_counted))
        return guarded(lambda: run_program(lambda stop: _run(plan, stop)))


def _not_counted(_metrics: Metrics, _outcome: Outcome) -> None:
    """Stand in for the counting of requests, which has no switch."""


async def _run(plan: Plan, stop: asyncio.Event) -> int:
    tasks, out = TaskSet("bench"), sys.stdout
    with tempfile.TemporaryDirectory(prefix="bench-") as folder, contextlib.redirect_stdout(io.StringIO()):
        serving = tasks.start(_serve(_config(plan, Path(folder)), stop), "serve")
        try:
            await _be_measured(plan, Path(folder), serving, stop, out)
        except Exception:
            if not stop.is_set():  # else it was told to end while it began
                raise
        finally:
            stop.set()
            ended: int | UserFacingError = await serving
    if isinstance(ended, UserFacingError):
        raise ended
    return ended


async def _serve(config: CoordinatorConfig, stop: asyncio.Event) -> int | UserFacingError:
    """Serve until `stop` is set; return the exit code, or why it cannot."""
    try:
        return await serve(config, stop, as_json=False)
    except UserFacingError as error:
        return error


async def _be_measured(
    plan: Plan, folder: Path, serving: asyncio.Task[Any], stop: asyncio.Event, out: TextIO
) -> None:
    """Let the workers join, say that all is ready, and keep them registered until `stop` is set."""
    admin = await _admin(serving, folder / ADMIN_FILE)
    if admin is None:
        return
    async with joined(admin, plan.places, SERVICE):
        key = await make_key(admin, SERVICE, UNLIMITED)
        if plan.as_json:
            print_json({"event": "ready", "url": admin.url, "key": key, "service": SERVICE}, out)
        else:
            told = f"Ready: {admin.url}/service/{SERVICE}/... with the header  Authorization: Bearer {key}"
            print(told, file=out, flush=True)
        await stop.wait()


def _config(plan: Plan, folder: Path) -> CoordinatorConfig:
    manifests = folder / "services"
    manifests.mkdir()
    (manifests / f"{SERVICE}.toml").write_text(MANIFEST)
    return CoordinatorConfig(
        **{
            "port": plan.port,
            "dht_port": 0,
            "data_dir": str(folder),
            "services_dir": (str(manifests),),
            "address_rate": UNLIMITED,
            "max_body_bytes": 2**32,
            "connect_timeout": 30.0,  # a plain server that takes one connection after the other is no dead worker
            "request_timeout": 3600.0,
            "drain_deadline": DRAIN,
            "vpn": "off",
            **plan.settings,
        }
    )


async def _admin(serving: asyncio.Task[Any], file: Path) -> AdminFile | None:
    """Wait until it serves; return where, and its admin token; None when it has ended."""
    limit = time.monotonic() + START
    while not serving.done():
        if (found := _read(file)) is not None:
            return found
        if time.monotonic() > limit:
            raise UserFacingError("The gateway did not begin to serve.")
        await asyncio.sleep(0.02)
    return None


def _read(file: Path) -> AdminFile | None:
    with contextlib.suppress(OSError, msgspec.DecodeError):
        return msgspec.json.decode(file.read_bytes(), type=AdminFile)
    return None


def start(
    bench: Bench,
    name: str,
    workers: Sequence[int],
    *,
    metrics: bool = True,
    anonymous: bool = False,
    **settings: Any,
) -> Peer:
    """Start it as a process of its own, in front of workers on this machine."""
    told = [part for port in workers for part in ("--worker-url", f"http://127.0.0.1:{port}")]
    told += ["--settings", json.dumps({"anonymous": anonymous, **settings})] + ([] if metrics else ["--no-metrics"])
    program, ready = bench.announced(name, "whole", told, bench.measured)
    return Peer(program, "" if anonymous else ready["key"])


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--worker-url", action="append", required=True)
    parser.add_argument("--no-metrics", action="store_true", help="count nothing: only a bench can do that")
    parser.add_argument("--settings", type=msgspec.json.decode, default={}, help="of the coordinator, as JSON")
    arguments = parser.parse_args()
    return run(
        Plan(
            places=places_of(arguments.worker_url),
            port=arguments.port,
            as_json=True,
            metrics=not arguments.no_metrics,
            settings=arguments.settings,
        )
    )


def places_of(urls: Sequence[str]) -> Sequence[Place]:
    """Return where the workers are; raise SettingError for a URL that cannot be one, and where there is none."""
    if not urls:
        raise SettingError("worker_url", "", "at least one URL like http://127.0.0.1:8000", "--worker-url")
    return [parse_worker_url(url) for url in urls]


if __name__ == "__main__":
    sys.exit(main())
