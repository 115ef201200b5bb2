"""The command `rma-mesh-node`: runs a node without a screen, or talks to a running one."""

from __future__ import annotations

import argparse
import asyncio
import dataclasses
import logging
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from node import __version__
from node.config import NodeConfig, default_data_dir
from node.program.lifetime import guarded, print_json, run_program
from node.program.logs import KEPT_LOG, configure_logging, keep_log
from node.program.settings import add_flags, load_settings

if TYPE_CHECKING:
    from node.program.service_manager import ServiceManager
    from node.rules.sensed import Sensors

log = logging.getLogger(__name__)
EPILOG = """\
exit codes: 0 done, 1 failed, 2 bad setting or argument, 3 port or data directory in use,
4 nothing answers, or lets nobody in for now, 5 refused (spent invite, unknown service, ...)"""


def main(argv: Sequence[str] | None = None) -> int:
    """Parse the arguments, do what they say, return the exit code."""
    arguments = build_parser().parse_args(argv)
    if arguments.command == "run":
        return guarded(lambda: _run(arguments))
    from node import cli_client

    return guarded(lambda: cli_client.execute(arguments))


def build_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="rma-mesh-node",
        description="Make this machine a worker of a mesh, and see what it does.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"rma-mesh-node {__version__}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    run = commands.add_parser("run", help="run a node until it is stopped", epilog=EPILOG)
    add_flags(run, NodeConfig)
    run.add_argument("--json", action="store_true", help="print the ready line as JSON")
    for name, text in (
        ("status", "say what the node is doing, and why"),
        ("stats", "show the routing counters since the start"),
        ("peers", "list the other workers that the node knows, from requests or from the DHT"),
        ("services", "list the services of this machine and their states"),
        ("contribution", "show what this machine has given: requests, hours and energy"),
        ("doctor", "check what a node needs and say what to do"),
        ("pause", "rest until resumed"),
        ("resume", "work again, unless a rule says otherwise"),
        ("leave", "leave the mesh and delete this machine's key"),
    ):
        _client_parser(commands, name, text)
    snooze = _client_parser(commands, "snooze", "rest for a while")
    snooze.add_argument("duration", metavar="DURATION", help="how long, like 30m or 2h, or: tomorrow")
    for resting in (snooze, commands.choices["pause"]):
        resting.add_argument("--gpu", action="store_true", help="only what uses the GPU")
    rules = _client_parser(commands, "rules", "show when this machine rests, or change that")
    rules.add_argument("action", nargs="?", choices=("show", "set", "reset"), default="show", help="default: show")
    rules.add_argument("name", nargs="?", metavar="NAME", help="of a rule, as `rules show` lists them")
    rules.add_argument("value", nargs="?", metavar="VALUE", help="such as on, off, none, 80, 2GB or 18:00-24:00")
    enroll = _client_parser(commands, "enroll", "join a mesh with an invite")
    enroll.add_argument("invite", help="an invite link, or a code (with --coordinator)")
    enroll.add_argument("--coordinator", metavar="URL", default="", help="the coordinator of an invite code")
    explain = _client_parser(commands, "explain", "say who would get the next request for a service, and why")
    explain.add_argument("service", metavar="SERVICE", help="a service's name or alias")
    explain.add_argument("--personal", action="store_true", help="as for a request that carries personal data")
    diagnostics = _client_parser(commands, "diagnostics", "write a file that helps others to help, without secrets")
    diagnostics.add_argument("file", metavar="FILE", help="the ZIP file to write; - only lists what is inside")
    diagnostics.add_argument(
        "--service-logs", action="store_true", help="with the logs of services, which may tell what people asked"
    )
    commands.choices["leave"].add_argument("--yes", action="store_true", help="do not ask before leaving")
    _call_parser(commands)
    return parser


def _client_parser(
    commands: argparse._SubParsersAction[argparse.ArgumentParser], name: str, text: str
) -> argparse.ArgumentParser:
    parser = commands.add_parser(name, help=text, description=text[0].upper() + text[1:] + ".", epilog=EPILOG)
    parser.add_argument("--data-dir", metavar="DIR", help="the data directory of the running node")
    parser.add_argument("--json", action="store_true", help="print one JSON document")
    parser.add_argument("--log-format", choices=("text", "json"), default="text", help="form of the log")
    return parser


def _call_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    call = _client_parser(commands, "call", "send one request through the node's own router")
    call.add_argument("target", metavar="SERVICE[/PATH]", help="a service's name or alias, and a path in it")
    body = call.add_mutually_exclusive_group()
    body.add_argument("--data", metavar="JSON", help="a JSON body (sent with POST)")
    body.add_argument("--file", metavar="FILE", help="a file as body (sent with POST); - reads standard input")
    call.add_argument("--method", help="another method than POST with a body and GET without")
    call.add_argument("--content-type", metavar="TYPE", help="the body's type; default: told by the file's name")
    call.add_argument("--verbose", action="store_true", help="say on stderr which worker answered, and how")


def _run(arguments: argparse.Namespace) -> int:
    flags = {name: value for name, value in vars(arguments).items() if value is not None}
    config_file = Path(arguments.config) if arguments.config else None
    config = load_settings(NodeConfig, flags, os.environ, config_file)
    data_dir = Path(config.data_dir or default_data_dir()).expanduser().absolute()
    config = dataclasses.replace(config, data_dir=str(data_dir))
    configure_logging(config.log_format, config.log_level)
    from node.program.data_dir import hold_data_dir
    from node.program.light_aiohttp import import_lightly
    from node.program.service_manager import take_service_manager

    import_lightly()
    manager = take_service_manager(os.environ)
    with hold_data_dir(data_dir, "rma-mesh-node"):
        keep_log(data_dir / KEPT_LOG)
        return run_program(lambda stop: _serve(config, data_dir, stop, manager, as_json=arguments.json))


async def _serve(
    config: NodeConfig, data_dir: Path, stop: asyncio.Event, manager: ServiceManager, *, as_json: bool
) -> int:
    from node.control import EnrollIntent
    from node.enrolment import as_user_facing
    from node.joining import PATIENCE, pins_our_mesh, unless_stopped, why_unused
    from node.program.data_dir import with_room
    from node.program.garbage import settle
    from node.program.service_manager import answering
    from node.runtime import NodeRuntime
    from node.services.limits.computer import means_of_this_computer
    from node.wire.problems import Problem

    node = NodeRuntime(
        config,
        data_dir,
        make_sensors=_sensors_of_this_computer if config.sensors else _no_sensors,
        means=means_of_this_computer(config.service_nice),
    )
    with with_room(data_dir):
        await node.start()
    try:
        if config.invite and node.state.membership is not None:
            ours = pins_our_mesh(config.invite, node.state.membership)
            log.log(logging.INFO if ours else logging.WARNING, "%s", why_unused(node.state.membership, ours=ours))
        elif config.invite:
            coordinator = config.coordinator[0] if config.coordinator else ""
            try:
                node.desk.join_delayed = manager.starting
                wish = EnrollIntent(coordinator=coordinator, invite=config.invite, patience=PATIENCE)
                if await unless_stopped(node.desk.enroll(wish), stop) is None:
                    return 0
            except Problem as problem:
                raise as_user_facing(problem) from None
        settle()
        _announce(node.desk.ready(), as_json=as_json)
        manager.ready()
        async with answering(manager):
            await node.wait(stop)
        manager.stopping()
    finally:
        await node.stop()
    return 0


def _sensors_of_this_computer(woke_up: Callable[[], None]) -> Sensors:
    from node.hardware.sensing.computer import ComputerSensors

    return ComputerSensors(on_resume=woke_up)


def _no_sensors(_woke_up: Callable[[], None]) -> Sensors:
    from node.rules.sensed import NoSensors

    return NoSensors("This node was started with --no-sensors.")


def _announce(ready: dict[str, object], *, as_json: bool) -> None:
    if as_json:
        print_json(ready)
        return
    who = ready["worker_id"] or "(in no mesh yet: join one with rma-mesh-node enroll)"
    print(f"RMA Mesh node {who} ready at {ready['url']}", flush=True)  # noqa: T201 - this is the program speaking


if __name__ == "__main__":
    sys.exit(main())
