"""Starts a coordinator, two nodes and, where there is a display, the tray app; sends real requests through them."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import os
import signal
import socket
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import aiohttp

from coordinator_server.demo.processes import DemoError, Program, Programs
from coordinator_server.demo.requests import Answer, all_requests, send

PREFERRED_PORT = 8080
SERVICES_DEADLINE = 120.0  # seconds until every service runs
POLL = 0.2
NODES = ("alpha", "beta")


def main() -> int:
    """Run the demo; return 0 when every request was answered."""
    parser = argparse.ArgumentParser(prog="make run", description=__doc__)
    parser.add_argument("--once", action="store_true", help="send the requests, then end")
    arguments = parser.parse_args()
    try:
        return asyncio.run(_until_signal(once=arguments.once))
    except DemoError as error:
        print(f"\nThe demo failed: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130


async def _until_signal(*, once: bool) -> int:
    """Run the story as a task that Ctrl-C and SIGTERM cancel, so that it always cleans up."""
    story = asyncio.get_running_loop().create_task(_story(once=once), name="demo")

    def end() -> None:
        if not story.cancelling():  # a second Ctrl-C must not cut the cleaning up short
            story.cancel()

    for number in (signal.SIGINT, signal.SIGTERM):
        with contextlib.suppress(NotImplementedError):  # Windows: Ctrl-C arrives as KeyboardInterrupt
            asyncio.get_running_loop().add_signal_handler(number, end)
    try:
        return await story
    except asyncio.CancelledError:
        print("\nStopped. Nothing is left running.")
        return 0


async def _story(*, once: bool) -> int:
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="rma-mesh-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        async with Programs(folder) as programs:
            coordinator_dir = str(folder / "coordinator")
            gateway = await _start_coordinator(programs, coordinator_dir)
            link = await _invite(programs, coordinator_dir)
            key = await _key(programs, coordinator_dir)
            nodes = await asyncio.gather(*(_start_node(programs, folder / name, name, link) for name in NODES))
            app = await _start_app(programs, folder / NODES[0])
            async with aiohttp.ClientSession() as session:
                await _wait_for_services(programs, session, gateway)
                answers = [await send(session, gateway, key, request) for request in all_requests()]
            _tell(answers)
            await _call_between_nodes(programs, folder)
            failed = [answer for answer in answers if answer.status != 200]
            print(f"\n{len(answers) - len(failed)} of {len(answers)} requests answered, "
                  f"{time.monotonic() - began:.1f} s since the start.")  # fmt: skip
            if not once:
                _urls(gateway, key, nodes, app)
                await _watch(programs)
    if once:
        print("All programs have ended; nothing is left behind.")
    return 1 if failed else 0


async def _start_coordinator(programs: Programs, data_dir: str) -> str:
    port = str(_free_port())
    program = await programs.start(
        "coordinator", "coordinator_server", "serve", "--json", "--data-dir", data_dir, "--port", port,
        "--dht-port", "0", "--vpn", "off",
    )  # fmt: skip
    ready = await program.ready()
    print(f"coordinator  {ready['coordinator_id']} at {ready['url']}", flush=True)
    return str(ready["url"])


async def _invite(programs: Programs, data_dir: str) -> str:
    # Vetted, because advisers' notes are personal data and go to vetted machines only.
    invite = await programs.run(
        "coordinator_server", "invite", "create", "--uses", str(len(NODES)), "--trust", "vetted", "--json",
        "--data-dir", data_dir,
    )  # fmt: skip
    return str(invite["link"])


async def _key(programs: Programs, data_dir: str) -> str:
    key = await programs.run(
        "coordinator_server", "key", "create", "--name", "demo", "--json", "--data-dir", data_dir
    )
    return str(key["key"])


async def _start_node(programs: Programs, data_dir: Path, name: str, link: str) -> dict[str, Any]:
    program = await programs.start(
        f"node-{name}", "node", "run", "--json", "--data-dir", str(data_dir), "--name", f"demo {name}",
        "--worker-id", name, "--port", "0", "--dht-port", "0", "--no-keyring", "--no-sensors", "--vpn", "off",
        "--invite", link,
    )  # fmt: skip
    ready = await program.ready()
    print(f"node         {ready['worker_id']} at {ready['url']}, DHT on UDP port {ready['dht_port']}", flush=True)
    return ready


async def _start_app(programs: Programs, data_dir: Path) -> Program | None:
    if sys.platform == "linux" and not (os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")):
        print("tray app     not started: there is no display", flush=True)
        return None
    app = await programs.start("app", "app", "--data-dir", str(data_dir))
    print("tray app     started; it shows the first node", flush=True)
    return app


async def _wait_for_services(programs: Programs, session: aiohttp.ClientSession, gateway: str) -> None:
    """Wait until the topology shows every service of the catalogue running somewhere."""
    wanted = {request.service.partition("/")[0] for request in all_requests()}
    aliases = {"ner": "ner-extraction", "rag": "rag-embeddings", "notes": "notes-coa"}
    wanted = {aliases.get(name, name) for name in wanted}
    print("services     starting", end="", flush=True)
    deadline = time.monotonic() + SERVICES_DEADLINE
    while time.monotonic() < deadline:
        dead = programs.dead()
        if dead is not None and dead.name != "app":
            raise DemoError(f"{dead.name} has ended.\n{dead.log_tail()}")
        async with session.get(f"{gateway}/api/topology") as response:
            workers = (await response.json())["workers"]
        if wanted <= {service for worker in workers for service in worker["services"]}:
            print(" - all run\n", flush=True)
            return
        print(".", end="", flush=True)
        await asyncio.sleep(POLL)
    raise DemoError(f"not every service runs after {SERVICES_DEADLINE:.0f} s")


def _tell(answers: list[Answer]) -> None:
    print(f"{'request':<21} {'status':>6}  {'worker':<8} {'route':<7} {'ms':>7}  answer")
    for answer in answers:
        print(f"{answer.request.service:<21} {answer.status:>6}  {answer.worker:<8} {answer.route:<7} "
              f"{answer.milliseconds:>7.1f}  {answer.text}")  # fmt: skip


async def _call_between_nodes(programs: Programs, folder: Path) -> None:
    """Let a node find a service by itself, as workers do when no coordinator is there."""
    data = '{"text": "Mrs Jane Doe owes £250 to Example Bank."}'
    answer = await programs.run(
        "node", "call", "ner-extraction", "--data", data, "--data-dir", str(folder / NODES[1])
    )
    print(f"\nnode {NODES[1]}, asked directly: {', '.join(entity['text'] for entity in answer['entities'])}")


def _urls(gateway: str, key: str, nodes: list[dict[str, Any]], app: Program | None) -> None:
    print(f"\nDashboard     {gateway}/\nGateway       {gateway}/service/ner   API key {key}")
    for node in nodes:
        print(f"Node {node['worker_id']:<8} {node['url']}/health")
    print(
        f"""
Try:  curl -H 'Authorization: Bearer {key}' -H 'Content-Type: application/json' \\
           -d '{{"text": "Dr Ann Lee owes £1,250 by 3 May 2026"}}' {gateway}/service/ner
{"The tray icon shows the first node. " if app else ""}Ctrl-C ends everything.""",
        flush=True,
    )


async def _watch(programs: Programs) -> None:
    """Go on until Ctrl-C; say it when a program ends by itself."""
    told: set[str] = set()
    while True:
        dead = programs.dead()
        if dead is not None and dead.name not in told:
            told.add(dead.name)
            print(f"{dead.name} has ended (exit code {dead.process.returncode}).", flush=True)
        await asyncio.sleep(1.0)


def _free_port() -> int:
    """Return the port that people expect, or 0 (any free one) where it is taken."""
    with socket.socket() as probe:
        try:
            probe.bind(("127.0.0.1", PREFERRED_PORT))
        except OSError:
            return 0
    return PREFERRED_PORT


if __name__ == "__main__":
    sys.exit(main())
