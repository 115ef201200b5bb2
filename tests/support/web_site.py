"""An aiohttp application of a test, served on loopback by no server of ours."""

from __future__ import annotations

import contextlib
import ssl
from collections.abc import AsyncIterator

from aiohttp import web

from node.program.accepting import accept_no_more
from node.program.web import bind, url_of


@contextlib.asynccontextmanager
async def web_site(
    app: web.Application, tls: ssl.SSLContext | None = None, *, patience: float = 2.0, cancel: bool = False
) -> AsyncIterator[str]:
    """Serve it and yield its URL; `patience` is the seconds that handlers have at the end.

    With `cancel`, a handler ends when its client goes away.
    """
    runner = web.AppRunner(app, shutdown_timeout=patience, handler_cancellation=cancel)
    await runner.setup()
    listener = bind("127.0.0.1", 0)
    try:
        await web.SockSite(runner, listener, ssl_context=tls).start()
        yield url_of(listener, tls)
    finally:
        await accept_no_more([listener])
        await runner.cleanup()
        listener.close()
