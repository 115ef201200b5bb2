"""The helper's command line: `python -m node.vpn.helper`, for a service whose only right is CAP_NET_ADMIN."""

from __future__ import annotations

import argparse
import asyncio
import logging
import signal
import sys
from collections.abc import Callable, Sequence
from ipaddress import IPv4Network
from pathlib import Path

from node.program.errors import EXIT_FAILED, UserFacingError
from node.vpn.binary import NebulaBinary, find_binary
from node.vpn.computer import HELPER_DEVICE, HELPER_SOCKET, local_networks
from node.vpn.engine import LocalEngine
from node.vpn.events import Told
from node.vpn.helper.policy import DEFAULT_NETWORK, Policy
from node.vpn.overlap import overlaps
from node.vpn.settings import SettingsError, check_network

log = logging.getLogger("node.vpn.helper")


def network(text: str) -> IPv4Network:
    """Read an allowed network from the command line."""
    try:
        found = IPv4Network(text)
        check_network(found)
    except (SettingsError, ValueError) as error:
        raise argparse.ArgumentTypeError(str(error)) from None
    return found


def parser() -> argparse.ArgumentParser:
    asked = argparse.ArgumentParser(
        prog="rma-mesh-vpn-helper", description="Runs Nebula for the users of one group."
    )
    asked.add_argument("--socket", type=Path, default=HELPER_SOCKET, help="where clients connect")
    asked.add_argument("--folder", type=Path, default=HELPER_SOCKET.parent, help="for Nebula's files; private")
    asked.add_argument("--group", default="rma-mesh", help="whose members may use it")
    asked.add_argument("--network", type=network, action="append", help=f"allowed ({DEFAULT_NETWORK}); repeatable")
    asked.add_argument("--allow-lighthouse", action="store_true", help="for a machine that runs a coordinator")
    asked.add_argument("--nebula", default="", help="the Nebula program to use")
    return asked


def main(argv: Sequence[str] | None = None) -> int:
    options = parser().parse_args(argv)
    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(message)s")
    try:
        binary = find_binary(options.nebula)
    except UserFacingError as error:
        print(error, file=sys.stderr)  # noqa: T201  # for whoever started it
        return EXIT_FAILED
    policy = Policy(tuple(options.network or (DEFAULT_NETWORK,)), options.allow_lighthouse)
    asyncio.run(serve(options.socket, options.folder / "nebula", options.group, binary, policy))
    return 0


async def serve(path: Path, folder: Path, group: str, binary: NebulaBinary, policy: Policy) -> None:
    """Serve until SIGTERM or SIGINT."""
    from node.vpn.helper.server import HelperServer, members_of

    def engine(on_told: Callable[[Told], None]) -> LocalEngine:
        return LocalEngine(binary, folder, HELPER_DEVICE, on_told)

    def taken(ours: IPv4Network) -> tuple[str, ...]:
        return overlaps(ours, local_networks(), HELPER_DEVICE)

    ended = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, ended.set)
    async with HelperServer(path, members_of(group), engine, policy, taken):
        log.info("Nebula %s is run for members of %s, at %s", binary.version, group, path)
        await ended.wait()


if __name__ == "__main__":
    sys.exit(main())
