"""The helper's command line: `python -m node.vpn.helper`, for a service whose only right is to open a network."""

from __future__ import annotations

import argparse
import asyncio
import logging
import os
import sys
from collections.abc import Sequence
from ipaddress import IPv4Network
from pathlib import Path

from node.program.errors import EXIT_FAILED, UserFacingError
from node.vpn.binary import find_binary
from node.vpn.computer import HELPER_SOCKET
from node.vpn.helper.policy import DEFAULT_NETWORK, Policy
from node.vpn.helper.workshop import Workshop
from node.vpn.helper_windows import is_sid
from node.vpn.settings import SettingsError, check_network

WINDOWS = sys.platform == "win32"


def network(text: str) -> IPv4Network:
    """Read an allowed network from the command line."""
    try:
        found = IPv4Network(text)
        check_network(found)
    except (SettingsError, ValueError) as error:
        raise argparse.ArgumentTypeError(str(error)) from None
    return found


def sid(text: str) -> str:
    """Read a user of Windows from the command line."""
    if not is_sid(text):
        raise argparse.ArgumentTypeError(f"{text!r} is not a security identifier, like S-1-5-21-1-2-3-1001")
    return text


def parser() -> argparse.ArgumentParser:
    asked = argparse.ArgumentParser(
        prog="rma-mesh-vpn-helper", description="Runs Nebula for users who may not open a network themselves."
    )
    asked.add_argument("--socket", type=Path, default=HELPER_SOCKET, help="where clients connect (Windows: a pipe)")
    asked.add_argument("--folder", type=Path, default=default_folder(), help="for Nebula's files; private")
    asked.add_argument("--group", default="rma-mesh", help="whose members may use it (not on Windows)")
    asked.add_argument(
        "--allow", type=sid, action="append", help="Windows: a user or group that may use it, as SID"
    )
    asked.add_argument("--network", type=network, action="append", help=f"allowed ({DEFAULT_NETWORK}); repeatable")
    asked.add_argument("--allow-lighthouse", action="store_true", help="for a machine that runs a coordinator")
    asked.add_argument("--nebula", default="", help="the Nebula program to use")
    asked.add_argument("--service", action="store_true", help="Windows: started by the service manager")
    return asked


def default_folder() -> Path:
    """Return a folder that only the system can read; where Windows is, the system's own user has such a one."""
    if WINDOWS:
        return Path(os.environ.get("LOCALAPPDATA", r"C:\Windows\System32\config\systemprofile")) / "RMA Mesh VPN"
    return HELPER_SOCKET.parent


def main(argv: Sequence[str] | None = None) -> int:
    options = parser().parse_args(argv)
    if sys.platform == "win32":
        from node.vpn.helper.windows_main import run

        return run(options, lambda: workshop(options))
    else:  # noqa: RET505  # the type checker looks at one of both
        from node.vpn.helper.unix_main import serve

        logging.basicConfig(level=logging.INFO, format="%(levelname)s %(message)s")
        try:
            made = workshop(options)
        except UserFacingError as error:
            print(error, file=sys.stderr)  # noqa: T201  # for whoever started it
            return EXIT_FAILED
        asyncio.run(serve(options.socket, options.group, made))
        return 0


def workshop(options: argparse.Namespace) -> Workshop:
    """Return what clients' networks are made with; raise UserFacingError without a Nebula that we know."""
    policy = Policy(tuple(options.network or (DEFAULT_NETWORK,)), options.allow_lighthouse)
    return Workshop(find_binary(options.nebula), options.folder / "nebula", policy)


if __name__ == "__main__":
    sys.exit(main())
