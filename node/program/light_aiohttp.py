"""Imports aiohttp without what it reads from this computer for uses that a node has not, and would keep."""

from __future__ import annotations

import mimetypes
import ssl


def import_lightly() -> None:
    """Call this before anything else imports aiohttp; it saves a node 1.2 MiB."""
    mimetypes.knownfiles.clear()  # a thousand more names of files; a node serves none
    from aiohttp import connector

    # It has read all authorities that this computer trusts twice: once to check who answers, and once not to.
    if hasattr(connector, "_SSL_CONTEXT_UNVERIFIED"):
        connector._SSL_CONTEXT_UNVERIFIED = unchecked()


def unchecked() -> ssl.SSLContext:
    """Return what aiohttp takes for `ssl=False`, where it is the caller who says that anybody may answer."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.options |= ssl.OP_NO_COMPRESSION
    context.set_alpn_protocols(("http/1.1",))
    return context
