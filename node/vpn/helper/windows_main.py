"""Runs the helper on Windows, as a service or, to try it, in a console."""

from __future__ import annotations

import argparse
import asyncio
import logging
import logging.handlers
import sys
import threading
from collections.abc import Callable, Sequence

from node.program.errors import EXIT_FAILED, UserFacingError
from node.vpn.helper.pipe_server import PipeListener, PipeServer
from node.vpn.helper.reception import Reception
from node.vpn.helper.workshop import Workshop
from node.vpn.helper_windows import access_list, members_of

log = logging.getLogger("node.vpn.helper")
LOG_BYTES = 500_000


async def serve(
    listen: Callable[[], PipeListener],
    users: Sequence[str],
    workshop: Workshop,
    ended: threading.Event,
    ready: Callable[[], None],
) -> None:
    """Serve these users and groups until `ended` is set; raise OSError where the pipe is another program's."""
    try:
        await asyncio.to_thread(workshop.clear)
        reception = Reception(members_of(users), workshop.engine, workshop.policy, workshop.overlaps)
        async with PipeServer(listen, reception):
            log.info("Nebula %s is run for %s", workshop.binary.version, ", ".join(users) or "administrators")
            ready()
            await asyncio.to_thread(ended.wait)
    finally:
        ended.set()  # or the thread that waits for it would hold up our end


if sys.platform == "win32":
    from node.vpn.helper.service import Service
    from node.vpn.helper.windows_manager import WindowsManager, end_children_with_us, run_service
    from node.vpn.helper.windows_pipe import WindowsListener
    from node.vpn.helper_windows import SERVICE

    def run(options: argparse.Namespace, make: Callable[[], Workshop]) -> int:
        """Serve until the service manager, or Ctrl-C, ends it; return an exit code."""
        users = tuple(options.allow or ())

        def body(ended: threading.Event, ready: Callable[[], None]) -> int:
            try:
                end_children_with_us()
                asyncio.run(
                    serve(
                        lambda: WindowsListener(str(options.socket), access_list(users)),
                        users,
                        make(),
                        ended,
                        ready,
                    )
                )
            except (UserFacingError, OSError) as error:
                log.error("%s", error)
                return EXIT_FAILED
            return 0

        if not options.service:
            logging.basicConfig(level=logging.INFO, format="%(levelname)s %(message)s")
            try:
                return body(threading.Event(), lambda: None)
            except KeyboardInterrupt:
                return 0
        options.folder.mkdir(parents=True, exist_ok=True)
        file = logging.handlers.RotatingFileHandler(
            options.folder / "helper.log", maxBytes=LOG_BYTES, backupCount=1
        )
        logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s", handlers=[file])
        run_service(SERVICE, Service(SERVICE, WindowsManager(), body).main)
        return 0
